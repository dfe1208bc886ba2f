import type { ErrorEntry } from '../error-entry.ts';

/** The store: exit 7. */
export const store = {
  'store/conflict': {
    message: 'another process changed {key} in the store while this command was updating it',
    blame: 'bug',
    retry: 'later',
    hint: 'Run the command again. If it happens again, report it as a bug.',
  },
  'store/unusable': {
    message: 'the store {path} cannot be used: {reason}',
    blame: 'config',
    retry: 'later',
    hint: '{advice}',
  },
  'store/untrusted': {
    message: 'the store {path} cannot be trusted: {reason}',
    blame: 'config',
    retry: 'later',
    hint: 'A store names commands that run as the user that runs certfleet. {advice}',
  },
  'import/absent': {
    message: 'there are no {client} files in {path}',
    blame: 'config',
    retry: 'never',
    hint: 'Give the path of its folder, or of Traefik’s acme.json: `certfleet import {client} PATH`',
  },
  'import/unreadable': {
    message: 'the {client} files in {path} cannot be read: {reason}',
    blame: 'config',
    retry: 'never',
    hint: 'Run the import as a user who can read them, such as root.',
  },
  'import/damaged': {
    message: '{path} cannot be imported from {client}: {reason}',
    blame: 'config',
    retry: 'never',
    hint: 'Repair or remove it, then run the import again. Nothing was imported from it.',
  },
  'import/untrusted': {
    message: '{path} cannot be trusted: {reason}',
    blame: 'config',
    retry: 'never',
    hint: 'An import brings in commands that run as the user that runs certfleet. {advice}',
  },
  'store/absent': {
    message: 'there is no store at {path}',
    blame: 'config',
    retry: 'never',
    hint: 'Check the path (--store, or `store` in certfleet.yaml). `certfleet issue` creates a new store, and so does `certfleet run` without `--store` if the configuration declares certificates.',
  },
  'store/corrupt': {
    message: 'the document {key} cannot be read: {reason}',
    blame: 'config',
    retry: 'later',
    hint: 'The document was left unchanged in {file}. Restore it from a backup, or move it away.',
  },
  'store/lineage-missing': {
    message: 'the document lineage/{name} is missing, although the store has a version of {name} with its private key',
    blame: 'config',
    retry: 'later',
    hint: 'Restore it from a backup, or run `certfleet store check --mend` to rebuild it from that version. A rebuild loses the settings of a certificate that certfleet.yaml does not declare: it is not renewed until you run `certfleet issue` with them again.',
  },
  'store/id-missing': {
    message: 'the document meta/store of {path} is missing, so the store has certificates but no store ID',
    blame: 'config',
    retry: 'later',
    hint: 'Restore it from a backup, or run `certfleet store check --mend` to create a new ID. Resources that were created at balancers and certificate services under the old ID are then found only by `certfleet sweep --lost`.',
  },
  'store/part-missing': {
    message: 'the document {key} is missing, although the certificate {name} needs it',
    blame: 'config',
    retry: 'later',
    hint: 'Restore it in {path} from a backup, or get a new certificate with a new key: `certfleet renew --force {name}`.',
  },
  'store/account-missing': {
    message: 'the document account/{account} is missing: the account at {directory} that was used to issue {names}',
    blame: 'config',
    retry: 'later',
    hint: 'Restore it in {path} from a backup. Without it, the next order opens a new account, and CAA and dns-persist-01 records that name the old account no longer match.',
  },
  'store/key-missing': {
    message: 'the store {path} is encrypted, but no store key was given',
    blame: 'config',
    retry: 'never',
    hint: 'Give the store key: `storeKey: file:/path` in certfleet.yaml, --store-key file:/path, or the variable CERTFLEET_STORE_KEY.',
  },
  'store/wrong-key': {
    message: '{path} is encrypted with {keys}, but only {given} was given; nothing was changed',
    blame: 'config',
    retry: 'never',
    hint: 'Add the key {missing} to `storeKey` in certfleet.yaml, or give it with --store-key. Both accept several keys.{advice}',
  },
  'store/not-empty': {
    message: 'there is already a store at {path}; a backup can be restored only where there is none',
    blame: 'config',
    retry: 'never',
    hint: 'Move the existing store away, or name another folder with --store.',
  },
  'store/restoring': {
    message: 'the restore of {file} into the store {path} has not finished, so the store is missing documents',
    blame: 'config',
    retry: 'later',
    hint: 'Run the restore again to continue it: `{command}`. To restore another backup, move {path} away first.',
  },
  'store/backup-damaged': {
    message: '{file} cannot be restored: {reason}; nothing was changed',
    blame: 'config',
    retry: 'never',
    hint: 'Use another backup.',
  },
  'store/backup-untrusted': {
    message: '{file} cannot be trusted: {reason}',
    blame: 'config',
    retry: 'never',
    hint: 'A backup names commands that run as the user that runs certfleet. {advice}',
  },
  'store/in-use': {
    message:
      'another process wrote to the store {path} less than a minute ago, so one of its temporary files may still contain a plain secret',
    blame: 'config',
    retry: 'later',
    hint: 'Run the command again in a minute; it continues where it stopped. Until then, a file left by a killed process cannot be told from one that another machine is still writing.',
  },
  'store/key-unusable': {
    message: 'the store key cannot be used: {reason}',
    blame: 'config',
    retry: 'never',
    hint: '{advice}',
  },
  'store/lease-lost': {
    message: 'another process has taken over {certificate}',
    blame: 'bug',
    retry: 'later',
    hint: 'No action is needed: the other process finishes the work.',
  },
  'store/node-taken': {
    message: 'certfleet already runs as the node {node} of this store ({holder})',
    blame: 'config',
    retry: 'later',
    hint: 'Give each machine a name of its own (--node, or `node` in the configuration), or stop the other process.',
  },
  'store/node-lost': {
    message: 'another process ({holder}) runs as the node {node} now, because this one gave no sign of life',
    blame: 'config',
    retry: 'later',
    hint: 'If this machine was only suspended, stop the other process and start this one again. Otherwise give each a name of its own (--node).',
  },
  'store/held': {
    message: 'another process ({holder}) is working on {certificate}; nothing was changed',
    blame: 'config',
    retry: 'later',
    hint: 'Wait for that process to finish, or stop it. If its machine is gone, run `certfleet sweep` first to end its lease.',
  },
  'store/busy': {
    message: 'another process ({holder}) is working on {certificate} and did not finish within {seconds} s',
    blame: 'config',
    retry: 'later',
    hint: 'Wait for that process to finish, or stop it; the next run resumes its work.',
  },
} as const satisfies Record<string, ErrorEntry>;
