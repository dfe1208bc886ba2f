import { expect, test } from 'vitest';
import { acme, failure, newIssuer, pki, problemOf, type Scene, signal } from '../../support/protocol-bench.ts';

/** RFC 8555 §7.1.1, §7.3. */
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

  test('onlyExisting never creates an account', async () => {
    const request = { keyPem: await pki.newKey(), contacts: [], agreeToTerms: true, onlyExisting: true };
    const error = await failure(newIssuer(scene.bench).openAccount(request, signal()));
    expect(error.code).toBe('acme/problem');
    expect(problemOf(error).type).toBe(acme('accountDoesNotExist'));
  });
}
