import type { Command } from './commands.ts';

/** The commands for the store as a whole. */
export const commandsOfStore: readonly Command[] = [
  {
    name: 'store key',
    summary: 'make a key that encrypts the store',
    description:
      'Writes 32 random bytes, in base64, to a new file that only its owner can read. `storeKey` in certfleet.yaml, ' +
      '--store-key or CERTFLEET_STORE_KEY then name it.',
    arguments: { text: '<file>', description: 'the file for the key; it must not exist yet, nor be in the store' },
    flags: [],
    examples: [{ line: 'certfleet store key /etc/certfleet/store.key', why: 'make a key' }],
    load: async () => (await import('./store-key.ts')).makeStoreKey,
  },
];
