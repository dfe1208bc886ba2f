import { describe, expect, it } from 'vitest';
import { Secret } from '../../core/errors/secret.ts';
import type { VersionBundle } from '../../ports/deployer.ts';
import type { FolderEntry } from '../../ports/files.ts';
import type { Pkcs12Request } from '../../ports/pki.ts';
import { createKeystore } from './keystore.ts';

const version = {
  ...{ lineage: 'www', id: 'v1', certPem: 'leaf', chainPem: 'chain', fullchainPem: 'leafchain' },
  keyPem: new Secret('the key'),
} as VersionBundle;

/** The password is part of the content, and each file is another one, as with real encryption. */
let made = 0;
const pkcs12 = async ({ friendlyName, password, isLegacy }: Pkcs12Request) =>
  Buffer.from(`${friendlyName} ${password.reveal()} ${isLegacy} ${++made}`);
const usual = { password: new Secret('changeit'), isLegacy: false, salt: '0123456789ab', pkcs12 };
/** Makes the files of all tests, because a seal's key takes 50 ms. */
const own = createKeystore(usual);
const attributes = { mode: 0o600 };
const reading = (files: readonly FolderEntry[]) => async (name: string) => {
  const found = files.find((file) => file.name === name);
  return found && Buffer.from(found.content);
};
const change = (name: string, content: string | undefined) => (files: readonly FolderEntry[]) => [
  ...files.filter((file) => file.name !== name),
  ...(content === undefined ? [] : [{ name, content, attributes }]),
];

describe('a keystore', () => {
  it('is found again as it is, also by another process, and is closed to other users', async () => {
    const files = (await own.make(version))(attributes);
    expect(files.map(({ name, attributes }) => [name, attributes])).toEqual([
      ['keystore.p12', attributes],
      ['keystore.p12.seal', attributes],
    ]);
    const other = createKeystore({ ...usual, password: new Secret('changeit') });
    expect((await other.find(reading(files), version))?.(attributes)).toEqual(files);
    expect(JSON.stringify(files[1])).not.toContain('changeit');
  });

  it('is known by its seal to be of this form and password, without the key', async () => {
    const files = (await own.make(version))(attributes);
    const isSealed = (options: object, damage = change('x', undefined)) =>
      createKeystore({ ...usual, ...options }).isSealed(reading(damage(files)));
    expect(await isSealed({})).toBe(true);
    expect(await isSealed({ isLegacy: true })).toBe(false);
    expect(await isSealed({ password: new Secret('changed') })).toBe(false);
    expect(await isSealed({}, change('keystore.p12.seal', undefined))).toBe(false);
    expect(await isSealed({}, change('keystore.p12.seal', '0\n'))).toBe(false);
  });

  it.each([
    ['a missing file', change('keystore.p12', undefined), {}, {}],
    ['a missing seal', change('keystore.p12.seal', undefined), {}, {}],
    ['somebody else’s file', change('keystore.p12', 'theirs'), {}, {}],
    ['somebody else’s seal', change('keystore.p12.seal', '0\n'), {}, {}],
    ['another password', change('x', undefined), { password: new Secret('changed') }, {}],
    ['the other form', change('x', undefined), { isLegacy: true }, {}],
    ['another key', change('x', undefined), {}, { keyPem: new Secret('another') }],
    ['another certificate', change('x', undefined), {}, { certPem: 'other' }],
    ['another chain', change('x', undefined), {}, { chainPem: 'other' }],
    ['another name', change('x', undefined), {}, { lineage: 'other' }],
  ])('%s is not taken for it', async (_what, damage, options, other) => {
    const files = damage((await own.make(version))(attributes));
    const found = await createKeystore({ ...usual, ...options }).find(reading(files), { ...version, ...other });
    expect(found).toBeUndefined();
  });
});
