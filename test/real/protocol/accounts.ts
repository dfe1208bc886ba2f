import { expect, test } from 'vitest';
import {
  acme,
  dns,
  failure,
  freshName,
  newClient,
  newIssuer,
  obtain,
  pki,
  problemOf,
  type Scene,
  signal,
} from '../../support/protocol-bench.ts';

const existing = { contacts: [], agreeToTerms: true, onlyExisting: true } as const;

/** RFC 8555 §7.1.1, §7.3, §7.6. */
export function accountCases(scene: Scene): void {
  test('the directory, requested once', async () => {
    const issuer = newIssuer(scene.bench);
    const [directory, again] = await Promise.all([issuer.directory(signal()), issuer.directory(signal())]);
    expect(again).toEqual(directory);
    expect(directory.hasRenewalInfo).toBe(true);
    expect(directory.externalAccountRequired).toBe(false);
    expect(directory.termsOfService).toMatch(/./);
    // Date has whole seconds.
    expect(Math.abs(directory.clockSkewMs ?? Number.NaN)).toBeLessThan(5000);
    expect(Object.keys(directory.profiles).sort()).toEqual(scene.has.profiles ? ['default', 'shortlived'] : []);
    expect(scene.bench.proxy.seen('directory')).toBe(1);
  });

  test('an account is created, found again by its key, and gets new contacts', async () => {
    const issuer = newIssuer(scene.bench);
    const keyPem = await pki.newKey();
    const first = await issuer.openAccount(
      { keyPem, contacts: ['mailto:one@example.com'], agreeToTerms: true },
      signal(),
    );
    expect(first).toMatchObject({ status: 'valid', contacts: ['mailto:one@example.com'] });
    const found = await issuer.openAccount({ keyPem, contacts: [], agreeToTerms: true, onlyExisting: true }, signal());
    expect(found).toEqual(first);
    const changed = await issuer.openAccount(
      { keyPem, contacts: ['mailto:two@example.com'], agreeToTerms: true },
      signal(),
    );
    expect(changed).toMatchObject({ url: first.url, contacts: ['mailto:two@example.com'] });
  });

  test('an account gets another key, and its URL stays', async () => {
    const { issuer, account } = await newClient(scene.bench);
    const newKey = await pki.newKey();
    await account.rollover(newKey, signal());
    const found = await issuer.openAccount({ keyPem: newKey, ...existing }, signal());
    expect(found).toMatchObject({ url: account.accountUrl, status: 'valid' });
    // The old key is worth nothing now.
    const refused = await failure(account.newOrder({ identifiers: dns(freshName()) }, signal()));
    expect(refused.code).toBe('acme/problem');
    await obtain(scene.bench, issuer.as({ keyPem: newKey, url: found.url }), { identifiers: dns(freshName()) });
  });

  test('contacts are replaced at the account itself', async () => {
    const { account } = await newClient(scene.bench);
    scene.bench.proxy.forget();
    expect(await account.updateContacts(['mailto:x@example.com'], signal())).toEqual(['mailto:x@example.com']);
    expect(scene.bench.proxy.seen('newAccount')).toBe(0);
  });

  test('a deactivated account can do nothing any more', async () => {
    const { account } = await newClient(scene.bench);
    await account.deactivate(signal());
    const error = await failure(account.newOrder({ identifiers: dns(freshName()) }, signal()));
    expect(problemOf(error).type).toBe(acme('unauthorized'));
  });

  test('certificates are revoked by the account and by their own key', async () => {
    const { issuer, account } = scene.client;
    const [one, two] = await Promise.all(
      [dns(freshName()), dns(freshName())].map((identifiers) => obtain(scene.bench, account, { identifiers })),
    );
    const [first, second] = [one!.certificates[0]!, two!.certificates[0]!];
    const stranger = await pki.newKey();
    const refused = await failure(issuer.revokeWithKey(stranger, { certificatePem: first }, signal()));
    expect(refused.code).toBe('acme/problem');
    expect(await account.revoke({ certificatePem: first, reason: 4 }, signal())).toBe('now');
    expect(await account.revoke({ certificatePem: first, reason: 4 }, signal())).toBe('before');
    expect(await issuer.revokeWithKey(two!.keyPem, { certificatePem: second, reason: 1 }, signal())).toBe('now');
  });

  test('onlyExisting never creates an account', async () => {
    const request = { keyPem: await pki.newKey(), contacts: [], agreeToTerms: true, onlyExisting: true };
    const error = await failure(newIssuer(scene.bench).openAccount(request, signal()));
    expect(error.code).toBe('acme/problem');
    expect(problemOf(error).type).toBe(acme('accountDoesNotExist'));
  });
}
