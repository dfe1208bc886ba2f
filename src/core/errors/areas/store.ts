import type { ErrorEntry } from '../error-entry.ts';

/** The store: exit 7. */
export const store = {
  'store/conflict': {
    message: 'the document {key} was changed by another process',
    blame: 'bug',
    retry: 'later',
    hint: 'Run the command again.',
  },
  'store/unusable': {
    message: 'the store {path} cannot be used: {reason}',
    blame: 'config',
    retry: 'later',
    hint: '{advice}',
  },
  'store/untrusted': {
    message:
      'the store {path} is refused, because write access to it means running commands as the user that runs certfleet: {reason}',
    blame: 'config',
    retry: 'later',
    hint: '{advice}',
  },
  'import/absent': {
    message: 'there are no files of {client} in {path}',
    blame: 'config',
    retry: 'never',
    hint: 'Name its folder, or the acme.json of Traefik: `certfleet import {client} PATH`',
  },
  'import/unreadable': {
    message: 'the files of {client} in {path} cannot be read: {reason}',
    blame: 'config',
    retry: 'never',
    hint: 'Run the import as a user who may read them, such as root.',
  },
  'import/damaged': {
    message: '{path} of {client} cannot be used: {reason}',
    blame: 'config',
    retry: 'never',
    hint: 'Mend or remove it, and import again. Nothing of it was taken over.',
  },
  'import/untrusted': {
    message:
      '{path} is refused, because what is imported says which commands run as the user that runs certfleet: {reason}',
    blame: 'config',
    retry: 'never',
    hint: '{advice}',
  },
  'store/absent': {
    message: 'there is no store at {path}',
    blame: 'config',
    retry: 'never',
    hint: 'Check the path (--store, or `store` in certfleet.yaml). `certfleet issue` creates a new store.',
  },
  'store/corrupt': {
    message: 'the document {key} cannot be read: {reason}',
    blame: 'config',
    retry: 'later',
    hint: 'It was left unchanged in {file}. Restore it from a backup, or move it away.',
  },
  'store/lineage-missing': {
    message: 'the document lineage/{name} is missing, though the store has a version of {name} and its private key',
    blame: 'config',
    retry: 'later',
    hint: 'Restore it from a backup, or run `certfleet store check --mend`, which makes it again from that version.',
  },
  'store/id-missing': {
    message: 'the document meta/store of {path} is missing, so the store has certificates and no id',
    blame: 'config',
    retry: 'later',
    hint: 'Restore it from a backup. Or run `certfleet store check --mend`, which makes a new id: what was uploaded to balancers and certificate services under the old one is then found only by `certfleet sweep --lost`.',
  },
  'store/part-missing': {
    message: 'the document {key} is missing, though the certificate {name} needs it',
    blame: 'config',
    retry: 'later',
    hint: 'Restore it in {path} from a backup, or get another certificate with a new key: `certfleet renew --force {name}`.',
  },
  'store/account-missing': {
    message: 'the account of {directory} with which {names} got its certificate is missing: account/{account}',
    blame: 'config',
    retry: 'later',
    hint: 'Restore it in {path} from a backup. Without it, the next order opens another account; CAA records and records of dns-persist-01 that name the old one then no longer fit.',
  },
  'store/key-missing': {
    message: 'the store {path} is encrypted, and no key is given',
    blame: 'config',
    retry: 'never',
    hint: 'Name its key: `storeKey: file:/path` in certfleet.yaml, --store-key file:/path, or the variable CERTFLEET_STORE_KEY.',
  },
  'store/wrong-key': {
    message: '{path} is encrypted with {keys}, and only {given} is given; nothing was changed',
    blame: 'config',
    retry: 'never',
    hint: 'Give the key {missing}, in `storeKey` of certfleet.yaml or with --store-key. Both take several keys.{advice}',
  },
  'store/not-empty': {
    message: 'there is a store at {path} already; a backup is restored only where there is none',
    blame: 'config',
    retry: 'never',
    hint: 'Move it away first, or name another folder with --store.',
  },
  'store/restoring': {
    message: 'the restore of {file} into the store {path} has not ended, so the store lacks documents',
    blame: 'config',
    retry: 'later',
    hint: 'Run it again, and it continues: {command}. To restore another backup, move {path} away first.',
  },
  'store/backup-damaged': {
    message: '{file} cannot be restored: {reason}; nothing was changed',
    blame: 'config',
    retry: 'never',
    hint: 'Use another backup.',
  },
  'store/backup-untrusted': {
    message: '{file} is refused, because a backup says which commands run as the user that runs certfleet: {reason}',
    blame: 'config',
    retry: 'never',
    hint: '{advice}',
  },
  'store/in-use': {
    message:
      'a process was writing to the store {path} less than a minute ago, or still is, so a secret may stand in its file',
    blame: 'config',
    retry: 'later',
    hint: 'Run the command again in a minute; it continues where it stopped. Until then, a file that a killed process left looks like one that another machine is writing.',
  },
  'store/key-unusable': {
    message: 'the key of the store cannot be used: {reason}',
    blame: 'config',
    retry: 'never',
    hint: '{advice}',
  },
  'store/lease-lost': {
    message: 'another process has taken over {certificate}',
    blame: 'bug',
    retry: 'later',
    hint: 'There is nothing to do: the other process finishes the work.',
  },
  'store/held': {
    message: 'another process ({holder}) is working on {certificate}; nothing was changed',
    blame: 'config',
    retry: 'later',
    hint: 'Wait for it, or stop it. If its machine is gone, run `certfleet sweep` first to end its lease.',
  },
  'store/busy': {
    message: 'another process ({holder}) is working on {certificate} and did not finish within {seconds} s',
    blame: 'config',
    retry: 'later',
    hint: 'Wait for it, or stop it: the next run resumes its work.',
  },
} as const satisfies Record<string, ErrorEntry>;
