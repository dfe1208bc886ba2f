import { expect, test } from 'vitest';
import {
  answerChallenge,
  authorizationUntilFinal,
  authorize,
  collect,
  dns,
  failure,
  freshName,
  newClient,
  newIssuer,
  obtain,
  orderUntil,
  pki,
  type Scene,
  signal,
} from '../../support/protocol-bench.ts';
import { until } from '../../support/service.ts';

/** What the fault proxy does to answers: lost, cut, slow, endless, malformed. */
export function brokenAnswerCases(scene: Scene): void {
  test('an answer lost after newOrder: sent once, and again only by the caller', async () => {
    const { account } = await newClient(scene.bench);
    scene.bench.proxy.forget();
    scene.bench.proxy.fault({ on: 'newOrder', what: { type: 'cut-after' } });
    const name = freshName();
    const error = await failure(account.newOrder({ identifiers: dns(name) }, signal()));
    expect(error.code).toBe('acme/unreachable');
    expect(scene.bench.proxy.accepted('newOrder')).toBe(1);
    const order = await account.newOrder({ identifiers: dns(name) }, signal());
    const got = await collect(account, await authorize(scene.bench, account, order));
    expect(got.order.status).toBe('valid');
  });

  test('an answer lost after newAccount: the key finds the account', async () => {
    scene.bench.proxy.fault({ on: 'newAccount', what: { type: 'cut-after' } });
    const issuer = newIssuer(scene.bench);
    const request = { keyPem: await pki.newKey(), contacts: [], agreeToTerms: true };
    expect((await failure(issuer.openAccount(request, signal()))).code).toBe('acme/unreachable');
    const found = await issuer.openAccount({ ...request, onlyExisting: true }, signal());
    expect(found.status).toBe('valid');
  });

  test('an answer lost after finalize: one finalize, the certificate of that key', async () => {
    const identifiers = dns(freshName());
    const order = await authorize(
      scene.bench,
      scene.client.account,
      await scene.client.account.newOrder({ identifiers }, signal()),
    );
    const keyPem = await pki.newKey();
    scene.bench.proxy.fault({ on: 'finalize', what: { type: 'cut-after' } });
    const error = await failure(scene.client.account.finalize(order, await pki.csr(keyPem, identifiers), signal()));
    expect(error.code).toBe('acme/unreachable');
    const valid = await orderUntil(scene.client.account, order.url, (o) => o.status === 'valid');
    const { certificates } = pki.readChain((await scene.client.account.download(valid, signal())).chainPem);
    expect(pki.mismatch(certificates[0]!, keyPem, identifiers, new Date())).toBeUndefined();
    expect(scene.bench.proxy.seen('finalize')).toBe(1);
  });

  test('an answer lost after a challenge was accepted: the authorization has the result', async () => {
    const order = await scene.client.account.newOrder({ identifiers: dns(freshName()) }, signal());
    const url = order.authorizationUrls[0]!;
    scene.bench.proxy.fault({ on: 'challenge', what: { type: 'cut-after' } });
    const authorization = await scene.client.account.authorization(url, signal());
    const error = await failure(answerChallenge(scene.bench, scene.client.account, authorization, 'http-01'));
    expect(error.code).toBe('acme/unreachable');
    expect((await authorizationUntilFinal(scene.client.account, url)).status).toBe('valid');
    expect(scene.bench.proxy.seen('challenge')).toBe(1);
  });

  test.each(['cut-before', 'cut-after', 'cut-in-body'] as const)('reading is repeated after %s', async (type) => {
    const got = await obtain(scene.bench, scene.client.account, { identifiers: dns(freshName()) });
    for (const on of ['order', 'authorization', 'certificate', 'renewalInfo'] as const)
      scene.bench.proxy.fault({ on, what: { type } });
    expect((await scene.client.account.order(got.order.url, signal())).status).toBe('valid');
    const authorization = await scene.client.account.authorization(got.order.authorizationUrls[0]!, signal());
    expect(authorization.status).toBe('valid');
    expect((await scene.client.account.download(got.order, signal())).chainPem).toBe(got.chain);
    expect(await scene.client.issuer.renewalInfo(got.facts.ariId!, signal())).toBeDefined();
  });

  test('a slow body', async () => {
    const order = await scene.client.account.newOrder({ identifiers: dns(freshName()) }, signal());
    scene.bench.proxy.fault({ on: 'order', what: { type: 'slow', bytes: 40, everyMs: 5 } });
    expect(await scene.client.account.order(order.url, signal())).toMatchObject({ url: order.url, status: 'pending' });
  });

  test('a wrong content type, a body without end, an order that lacks its parts', async () => {
    const order = await scene.client.account.newOrder({ identifiers: dns(freshName()) }, signal());
    const spoils = [
      { type: 'content-type', value: 'text/html' },
      { type: 'endless' },
      { type: 'rewrite-text', rewrite: () => '{"status":' },
      { type: 'rewrite', rewrite: (json: object) => ({ ...json, status: 'splendid' }) },
      { type: 'rewrite', rewrite: (json: object) => ({ ...json, finalize: 'file:///etc/passwd' }) },
      { type: 'rewrite', rewrite: (json: object) => ({ ...json, authorizations: 'none' }) },
    ] as const;
    for (const what of spoils) {
      scene.bench.proxy.clear();
      scene.bench.proxy.fault({ on: 'order', what });
      expect((await failure(scene.client.account.order(order.url, signal()))).code).toBe('acme/malformed-answer');
    }
    expect((await scene.client.account.order(order.url, signal())).status).toBe('pending');
  });

  test('an abort ends a request that gets no answer', async () => {
    const order = await scene.client.account.newOrder({ identifiers: dns(freshName()) }, signal());
    scene.bench.proxy.fault({ on: 'order', what: { type: 'hang' } });
    scene.bench.proxy.forget();
    const controller = new AbortController();
    const asking = scene.client.account.order(order.url, controller.signal).catch((error: unknown) => error);
    await until(() => scene.bench.proxy.seen('order') === 1, { what: 'the request has arrived' });
    const reason = new Error('enough');
    controller.abort(reason);
    expect(await asking).toBe(reason);
  });
}
