import { expect, it } from 'vitest';
import { isFailure } from '../core/errors/errors.ts';
import { storeKeyOf } from '../stores/encrypted.ts';
import { readStoreKeys } from './store-keys.ts';

const bytes = Buffer.from(Array.from({ length: 32 }, (_, at) => at + 1));
const { id } = storeKeyOf(bytes);
const files: Readonly<Record<string, Uint8Array>> = {
  '/raw': bytes,
  '/base64': Buffer.from(`${bytes.toString('base64')}\n`),
  '/hex': Buffer.from(bytes.toString('hex')),
  '/short': Buffer.from('c2hvcnQ='),
  '/empty': Buffer.from(''),
  '/run/credentials/x/store.key': bytes,
};
const env = { KEY: bytes.toString('base64url'), CREDENTIALS_DIRECTORY: '/run/credentials/x' };

const read = (reference: string, environment: Readonly<Record<string, string>> = env) => {
  const world = { files: { read: async (path: string) => files[path], untrusted: async () => undefined } };
  return readStoreKeys([reference], { world: world as never, env: environment }).then(
    ([key]) => key?.id,
    (error: unknown) => (isFailure(error, 'store/key-unusable') ? error.message : error),
  );
};

it.each(['file:/raw', 'file:/base64', 'file:/hex', 'env:KEY', 'credential:store.key'])('is read: %s', async (where) =>
  expect(await read(where)).toBe(id),
);

it.each([
  ['file:/none', 'there is no file /none'],
  ['file:/short', '/short has no key of 32 bytes'],
  ['file:/empty', '/empty has no key of 32 bytes'],
  ['env:NONE', 'the environment variable NONE is not set'],
  ['credential:none', 'there is no file /run/credentials/x/none'],
])('is not there: %s', async (where, words) => expect(await read(where)).toContain(words));

it('a credential needs systemd', async () =>
  expect(await read('credential:store.key', {})).toContain('systemd has passed no credential store.key'));
