import type { Command } from '../commands.ts';

/** The commands for the store as a whole. */
export const commandsOfStore: readonly Command[] = [
  {
    name: 'store check',
    summary: 'find what is damaged or missing in the store',
    description:
      'Reads every document: whether it is whole, under its own name, and encrypted if the store is; whether the ' +
      'current version of each certificate has its key and its chain, and whether they belong together; whether each ' +
      'account is there. Exits with 7 while something is damaged. With --mend, the document of a certificate that is lost or damaged ' +
      'is made again from its version and key; how it is renewed then comes from certfleet.yaml, or from `certfleet issue` ' +
      'with its names and flags. Nothing is deleted.',
    flags: [
      {
        flags: '--mend',
        description: 'make lost and damaged documents of certificates again; otherwise nothing is changed',
      },
    ],
    examples: [
      { line: 'certfleet store check', why: 'look at the store after a disk was full or damaged' },
      {
        line: 'certfleet store check --mend',
        why: 'make the documents of certificates again that were lost or damaged',
      },
    ],
    load: async () => (await import('./check.ts')).checkStore,
  },
  {
    name: 'store key',
    summary: 'make a key that encrypts the store',
    description:
      'Writes 32 random bytes, in base64, to a new file that only its owner can read. `storeKey` in certfleet.yaml, ' +
      '--store-key or CERTFLEET_STORE_KEY then name it.',
    arguments: { text: '<file>', description: 'the file for the key; it must not exist yet, nor be in the store' },
    flags: [],
    examples: [{ line: 'certfleet store key /etc/certfleet/store.key', why: 'make a key' }],
    load: async () => (await import('./key.ts')).makeStoreKey,
  },
  {
    name: 'store encrypt',
    summary: 'encrypt what the store contains in plain text',
    description:
      'Encrypts private keys, accounts and credentials with the first key, and removes earlier revisions of them and ' +
      'left-overs of killed processes. Other commands may run meanwhile; if it is killed, run it again. With several ' +
      'keys, it also encrypts again what the others encrypted, so that only the first one is needed afterwards.',
    flags: [],
    examples: [
      { line: 'certfleet store encrypt --store-key file:/etc/certfleet/store.key', why: 'encrypt the store' },
      {
        line: 'certfleet store encrypt --store-key file:/etc/certfleet/new.key --store-key file:/etc/certfleet/old.key',
        why: 'change the key',
      },
    ],
    load: async () => (await import('./encrypt.ts')).encrypt,
  },
  {
    name: 'store responder-role',
    summary: 'print what makes a role in the database for responders alone',
    description:
      'Prints statements for the owner of a store in PostgreSQL. The role that they make can read the tokens of challenges, ' +
      'and nothing else. `certfleet run --role responder` logs in as this role where certfleet.yaml has its URL in `store` and ' +
      '`responderSecret`. They can be run again.',
    arguments: { text: '[role]', description: 'the name of the role (default: certfleet_responder)' },
    flags: [],
    examples: [{ line: 'certfleet store responder-role | psql "$OWNER_URL"', why: 'make the role' }],
    load: async () => (await import('./responder.ts')).printResponderRole,
  },
  {
    name: 'store responder-secret',
    summary: 'write the secret of a responder that reads nothing but tokens',
    description:
      'Writes to a new file the secret with which the responders of a store prove to other nodes that they answer for it. ' +
      'Who has it can pretend to be a responder of this store, and can do nothing else. `responderSecret` in certfleet.yaml ' +
      'then names the file.',
    arguments: { text: '<file>', description: 'the file for the secret; it must not exist yet, nor be in the store' },
    flags: [],
    examples: [
      {
        line: 'certfleet store responder-secret /etc/certfleet/responder.secret',
        why: 'for a responder without a store key',
      },
    ],
    load: async () => (await import('./responder.ts')).writeResponderSecret,
  },
  {
    name: 'backup',
    summary: 'write the whole store to one file',
    description:
      'Other commands may run meanwhile: every certificate is in the backup with the keys that it needs. What is encrypted ' +
      'stays so, and no key is needed. Otherwise the file has private keys in the clear, and only its owner can read it. ' +
      'What targets have is not in it.',
    arguments: { text: '<file>', description: 'the file; an earlier backup is replaced; - for stdout' },
    flags: [{ flags: '--force', description: 'write over the file, whatever it is' }],
    examples: [
      { line: 'certfleet backup /var/backups/certfleet.backup', why: 'once a day, from cron' },
      { line: 'certfleet backup - | ssh backup.example.com "cat > certfleet.backup"', why: 'to another machine' },
    ],
    load: async () => (await import('./backup.ts')).backup,
  },
  {
    name: 'restore',
    summary: 'make a store from a backup',
    description:
      'The place of the store must be empty. A damaged file is refused before anything is written; if it is stopped, run it ' +
      'again; other commands refuse the store before it has ended. `certfleet renew` then continues what was in progress at the time of the backup.',
    arguments: { text: '<file>', description: 'what `certfleet backup` wrote; - for stdin' },
    flags: [],
    ifStopped: 'the restore has not ended: run it again, and it continues; no other command uses the store before',
    examples: [{ line: 'certfleet restore /var/backups/certfleet.backup', why: 'after the store was lost' }],
    load: async () => (await import('./backup.ts')).restore,
  },
  {
    name: 'store move',
    summary: 'move the store to another place: from a folder to PostgreSQL, or back',
    description:
      'A place is a folder; a database, as env:NAME or file:/path with its URL in the variable or file, or the URL itself if ' +
      'it has no password; `config`, the `store` of certfleet.yaml; or config:/path, that of another configuration file. The new place ' +
      'must be empty. Refuses while another process works on the store or `certfleet run` uses it. Documents are copied as they are, so ' +
      'what is encrypted stays so, and no key is needed; each is read back and compared. If it is stopped or killed, run it again; no ' +
      'command uses either place before it has ended. Afterwards, every command refuses the old place and names the new one.',
    arguments: { text: '<from> <to>', description: 'the store, and a place where there is none' },
    flags: [
      {
        flags: '--cancel',
        description: 'give up a move that has not ended: empty the new place, and use the old one as before',
      },
    ],
    ifStopped: 'the move has not ended: run it again, and it continues; no other command uses either place before',
    examples: [
      {
        line: 'certfleet store move /var/lib/certfleet config',
        why: 'to the database that certfleet.yaml now names as `store`',
      },
      { line: 'certfleet store move env:DATABASE_URL /var/lib/certfleet', why: 'back into a folder' },
    ],
    load: async () => (await import('./move.ts')).moveStore,
  },
  {
    name: 'store decrypt',
    summary: 'decrypt the store',
    flags: [],
    load: async () => (await import('./encrypt.ts')).decrypt,
  },
];
