import { X509Certificate } from 'node:crypto';
import { expect, test } from 'vitest';
import {
  acme,
  authorizationUntilFinal,
  authorize,
  collect,
  dns,
  failure,
  freshName,
  obtain,
  orderUntil,
  pki,
  problemOf,
  type Scene,
  signal,
} from '../../support/protocol-bench.ts';

/** From newOrder to the certificate (RFC 8555 §7.4, §7.5), with profiles. */
export function certificateCases(scene: Scene): void {
  // ── certificates ──

  test('http-01: from an order to a certificate with the right facts', async () => {
    const names = dns(freshName(), freshName());
    const got = await obtain(scene.bench, scene.client.account, { identifiers: names });
    expect(got.facts.identifiers.map((i) => i.value).sort()).toEqual(names.map((i) => i.value).sort());
    expect(pki.mismatch(got.certificates[0]!, got.keyPem, names, new Date())).toBeUndefined();
    expect(pki.mismatch(got.certificates[0]!, await pki.newKey(), names, new Date())).toMatch(/./);
    // Signed by the next certificate in the chain, leaf first.
    const [leaf, issuer] = got.certificates.map((pem) => new X509Certificate(pem));
    expect(leaf!.verify(issuer!.publicKey)).toBe(true);
    expect(got.facts.serial.replace(/^00/, '')).toBe(leaf!.serialNumber.toLowerCase().replace(/^00/, ''));
    expect(got.facts.ariId).toMatch(/^[\w-]+\.[\w-]+$/);
    expect(scene.bench.proxy.accepted('newOrder')).toBe(1);
    expect(scene.bench.proxy.accepted('finalize')).toBe(1);
  });

  test('dns-01: apex and wildcard share one name of the zone', async () => {
    const apex = freshName();
    const identifiers = dns(apex, `*.${apex}`);
    const order = await scene.client.account.newOrder({ identifiers }, signal());
    const authorizations = await Promise.all(
      order.authorizationUrls.map((url) => scene.client.account.authorization(url, signal())),
    );
    expect(authorizations.map((a) => a.identifier.value).sort()).toEqual([`*.${apex}`, apex].sort());
    const wildcard = authorizations.find((a) => a.identifier.value === `*.${apex}`)!;
    expect(wildcard.challenges.map((c) => c.type)).not.toContain('http-01');
    const got = await collect(
      scene.client.account,
      await authorize(scene.bench, scene.client.account, order, 'dns-01'),
    );
    expect(pki.mismatch(got.certificates[0]!, got.keyPem, identifiers, new Date())).toBeUndefined();
  });

  test('ten orders at once on one account: ten newOrders, ten keys, nonces reused', async () => {
    const ten = Array.from({ length: 10 }, () => dns(freshName()));
    const got = await Promise.all(ten.map((identifiers) => obtain(scene.bench, scene.client.account, { identifiers })));
    expect(new Set(got.map((g) => g.facts.spkiFingerprint)).size).toBe(10);
    for (const [index, { certificates, keyPem }] of got.entries()) {
      expect(pki.mismatch(certificates[0]!, keyPem, ten[index]!, new Date())).toBeUndefined();
    }
    expect(scene.bench.proxy.accepted('newOrder')).toBe(10);
    expect(scene.bench.proxy.accepted('finalize')).toBe(10);
    // Ten at once need ten nonces. At most four fetches may be in progress for callers that then get another nonce, so
    // there may be four more. Without reuse, each of the seventy or more signed requests would need one.
    expect(scene.bench.proxy.requests.filter((r) => r.method === 'POST').length).toBeGreaterThanOrEqual(70);
    expect(scene.bench.proxy.seen('newNonce')).toBeLessThanOrEqual(14);
  });

  test('an order that became valid can be read and downloaded again', async () => {
    const got = await obtain(scene.bench, scene.client.account, { identifiers: dns(freshName()) });
    const again = await scene.client.account.order(got.order.url, signal());
    expect(again).toMatchObject({ status: 'valid', certificateUrl: got.order.certificateUrl });
    expect((await scene.client.account.download(again, signal())).chainPem).toBe(got.chain);
  });

  // ── challenges ──

  test('a failed validation: the challenge has the reason, and the order is invalid', async () => {
    const order = await scene.client.account.newOrder({ identifiers: dns(freshName()) }, signal());
    const url = order.authorizationUrls[0]!;
    const authorization = await scene.client.account.authorization(url, signal());
    const challenge = authorization.challenges.find((c) => c.type === 'http-01')!;
    scene.bench.web.set(challenge.token!, `${challenge.token}.not-the-thumbprint`);
    await scene.client.account.accept(challenge.url, signal());
    const decided = await authorizationUntilFinal(scene.client.account, url);
    expect(decided.status).toBe('invalid');
    const error = decided.challenges.find((c) => c.type === 'http-01')!.error;
    expect(error?.type).toBe(acme('unauthorized'));
    expect(error?.detail).toMatch(/./);
    expect((await orderUntil(scene.client.account, order.url, (o) => o.status !== 'pending')).status).toBe('invalid');
  });

  test('a name server that fails makes the authorization invalid', async () => {
    const name = freshName();
    await scene.bench.dns.setServfail(`_acme-challenge.${name}`);
    const order = await scene.client.account.newOrder({ identifiers: dns(name) }, signal());
    const url = order.authorizationUrls[0]!;
    const authorization = await scene.client.account.authorization(url, signal());
    await scene.client.account.accept(authorization.challenges.find((c) => c.type === 'dns-01')!.url, signal());
    const decided = await authorizationUntilFinal(scene.client.account, url);
    expect(decided.status).toBe('invalid');
    expect(decided.challenges.find((c) => c.type === 'dns-01')!.error?.detail).toMatch(/./);
  });

  test('unknown challenge types are listed, not refused', async () => {
    scene.bench.proxy.fault({
      on: 'authorization',
      what: {
        type: 'rewrite',
        rewrite: (json) => ({ ...json, challenges: [{ type: 'pigeon-99' }, ...json.challenges, { nonsense: 1 }] }),
      },
    });
    const order = await scene.client.account.newOrder({ identifiers: dns(freshName()) }, signal());
    const authorization = await scene.client.account.authorization(order.authorizationUrls[0]!, signal());
    const types = authorization.challenges.map((c) => c.type);
    expect(types).toEqual(expect.arrayContaining(['pigeon-99', 'http-01', 'dns-01']));
    if (scene.has.challengeWithoutToken) {
      expect(authorization.challenges.find((c) => c.type === 'dns-persist-01')?.token).toBeUndefined();
      expect(types).toContain('dns-persist-01');
    }
    expect((await authorize(scene.bench, scene.client.account, order)).status).toBe('ready');
  });

  test('a hostile token is refused before it can become a path', async () => {
    const order = await scene.client.account.newOrder({ identifiers: dns(freshName()) }, signal());
    for (const token of ['../../x', '', 'a b', 'ümlaut', 42, 'x'.repeat(5000)]) {
      scene.bench.proxy.fault({
        on: 'authorization',
        what: {
          type: 'rewrite',
          rewrite: (json) => ({ ...json, challenges: json.challenges.map((c: object) => ({ ...c, token })) }),
        },
      });
      const error = await failure(scene.client.account.authorization(order.authorizationUrls[0]!, signal()));
      expect(error.code).toBe('acme/malformed-answer');
    }
  });

  // ── profiles ──

  if (scene.has.profiles)
    test('a profile is used, an unknown one is invalidProfile', async () => {
      const identifiers = dns(freshName());
      const { facts, certificates, keyPem } = await obtain(scene.bench, scene.client.account, {
        identifiers,
        profile: 'shortlived',
      });
      const lifeMs = Date.parse(facts.notAfter) - Date.parse(facts.notBefore);
      expect(Math.round(lifeMs / 3_600_000)).toBe(160);
      expect(new X509Certificate(certificates[0]!).subject ?? '').toBe('');
      expect(pki.mismatch(certificates[0]!, keyPem, identifiers, new Date())).toBeUndefined();
      const error = await failure(scene.client.account.newOrder({ identifiers, profile: 'eternal' }, signal()));
      expect(problemOf(error).type).toBe(acme('invalidProfile'));
    });
}
