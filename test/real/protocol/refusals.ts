import { expect, test } from 'vitest';
import { pauseDetail } from '../../support/acme-ca.ts';
import {
  acme,
  authorize,
  dns,
  failure,
  freshName,
  pki,
  problemOf,
  type Scene,
  signal,
} from '../../support/protocol-bench.ts';

/** Problems and Retry-After (RFC 8555 §6.6, §6.7). */
export function refusalCases(scene: Scene): void {
  // ── refusals ──

  test('a name that the CA blocks', async () => {
    const identifiers = dns(freshName(), 'blocked-domain.example');
    const error = await failure(scene.client.account.newOrder({ identifiers }, signal()));
    expect(error.code).toBe('acme/problem');
    expect(problemOf(error).type).toBe(acme('rejectedIdentifier'));
    expect(problemOf(error).detail).toContain('blocked-domain.example');
  });

  test('a CSR for other names than the order is refused, and the order can continue', async () => {
    const order = await scene.client.account.newOrder({ identifiers: dns(freshName()) }, signal());
    const ready = await authorize(scene.bench, scene.client.account, order);
    const csr = await pki.csr(await pki.newKey(), dns(freshName()));
    const error = await failure(scene.client.account.finalize(ready, csr, signal()));
    expect(error.code).toBe('acme/problem');
    expect([acme('unauthorized'), acme('badCSR')]).toContain(problemOf(error).type);
    expect((await scene.client.account.order(order.url, signal())).status).toBe('ready');
  });

  test('subproblems are complete', async () => {
    const document = {
      type: acme('malformed'),
      detail: 'two of them are bad',
      subproblems: [
        {
          type: acme('malformed'),
          detail: 'invalid underscore',
          identifier: { type: 'dns', value: '_a.example.test' },
        },
        { type: acme('rejectedIdentifier'), detail: 'no CA can', identifier: { type: 'dns', value: 'b.example.test' } },
      ],
    };
    const spoilt = { type: 'rewrite' as const, rewrite: () => document };
    scene.bench.proxy.fault({ on: 'newOrder', what: spoilt });
    const error = await failure(
      scene.client.account.newOrder({ identifiers: dns('blocked-domain.example') }, signal()),
    );
    expect(problemOf(error)).toMatchObject(document);
    expect(error.message).toContain('invalid underscore');
  });

  // ── Retry-After ──

  test.each([
    ['seconds', () => '17', 17_000, 17_000],
    ['an HTTP date', () => new Date(Date.now() + 17_000).toUTCString(), 15_000, 17_000],
    ['nothing readable', () => 'soon', undefined, undefined],
  ])('Retry-After as %s on orders and authorizations', async (_form, header, least, most) => {
    scene.bench.proxy.fault({
      on: ['newOrder', 'order', 'authorization'],
      times: 3,
      what: { type: 'headers', set: { 'retry-after': header() } },
    });
    const order = await scene.client.account.newOrder({ identifiers: dns(freshName()) }, signal());
    const polled = await scene.client.account.order(order.url, signal());
    const authorization = await scene.client.account.authorization(order.authorizationUrls[0]!, signal());
    for (const { retryAfterMs } of [order, polled, authorization]) {
      if (least === undefined) expect(retryAfterMs).toBeUndefined();
      else {
        expect(retryAfterMs).toBeGreaterThanOrEqual(least);
        expect(retryAfterMs).toBeLessThanOrEqual(most);
      }
    }
  });

  test.each([
    ['429, seconds', 429, 120, 'problem', 'acme/rate-limited'],
    ['429, date', 429, 'date', 'problem', 'acme/rate-limited'],
    ['503 HTML, seconds', 503, 120, 'html', 'acme/busy'],
    ['503 HTML, date', 503, 'date', 'html', 'acme/busy'],
    ['503 empty', 503, 120, 'empty', 'acme/busy'],
  ] as const)('%s: the time is kept, nothing is sent again', async (_name, status, form, body, code) => {
    const at = Date.now() + 120_000;
    const retryAfter = form === 'date' ? new Date(at) : form;
    scene.bench.proxy.fault({ on: 'newOrder', what: { type: 'status', status, body, retryAfter } });
    const error = await failure(scene.client.account.newOrder({ identifiers: dns(freshName()) }, signal()));
    expect(error.code).toBe(code);
    expect(error.retry).toBe('at');
    // Dates have whole seconds; the machine may be slow.
    expect(Math.abs(error.retryAt!.getTime() - at)).toBeLessThan(10_000);
    expect(scene.bench.proxy.seen('newOrder')).toBe(1);
    expect(scene.bench.proxy.accepted('newOrder')).toBe(0);
  });

  test('a pause without Retry-After is for a person', async () => {
    const detail = pauseDetail('a.example.test');
    scene.bench.proxy.fault({ on: 'newOrder', what: { type: 'status', status: 429, detail } });
    const error = await failure(scene.client.account.newOrder({ identifiers: dns(freshName()) }, signal()));
    expect(error).toMatchObject({ code: 'acme/paused', retry: 'never' });
    expect(error.message).toContain('https://ca.test/sfe/v1/unpause?jwt=x');
  });
}
