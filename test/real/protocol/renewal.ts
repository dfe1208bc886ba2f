import { expect, test } from 'vitest';
import { acme, dns, failure, freshName, obtain, problemOf, type Scene, signal } from '../../support/protocol-bench.ts';

/** RFC 9773. */
export function renewalCases(scene: Scene): void {
  test('renewalInfo: a window within the lifetime', async () => {
    const { facts } = await obtain(scene.bench, scene.client.account, { identifiers: dns(freshName()) });
    const info = await scene.client.issuer.renewalInfo(facts.ariId!, signal());
    expect(Date.parse(info!.start)).toBeLessThan(Date.parse(info!.end));
    expect(Date.parse(info!.start)).toBeGreaterThan(Date.parse(facts.notBefore));
    expect(Date.parse(info!.end)).toBeLessThanOrEqual(Date.parse(facts.notAfter));
    expect(info!.retryAfterMs).toBe(6 * 3_600_000);
  });

  test('renewalInfo that cannot be used', async () => {
    const { facts } = await obtain(scene.bench, scene.client.account, { identifiers: dns(freshName()) });
    const window = (start: unknown, end: unknown) => () => ({ suggestedWindow: { start, end } });
    const spoils = [
      { type: 'rewrite-text', rewrite: () => 'not json' },
      { type: 'rewrite', rewrite: () => ({}) },
      { type: 'rewrite', rewrite: window('2026-01-02T00:00:00Z', '2026-01-01T00:00:00Z') },
      { type: 'rewrite', rewrite: window('2026-01-01T00:00:00Z', '2026-01-01T00:00:00Z') },
      { type: 'rewrite', rewrite: window('tomorrow', 17) },
    ] as const;
    for (const what of spoils) {
      scene.bench.proxy.fault({ on: 'renewalInfo', what });
      const error = await failure(scene.client.issuer.renewalInfo(facts.ariId!, signal()));
      expect(error.code).toBe('acme/malformed-answer');
    }
  });

  if (scene.has.renewalAnswers)
    test('renewalInfo with settable answers, also malformed ones', async () => {
      const got = await obtain(scene.bench, scene.client.account, { identifiers: dns(freshName()) });
      const tell = async (body: string) => {
        scene.bench.simulated?.setRenewalInfo(got.facts.serial, { status: 200, body });
        await scene.bench.pebble?.setRenewalInfo(got.certificates[0]!, body);
      };
      const suggestedWindow = { start: '2026-01-01T00:00:00Z', end: '2026-01-02T00:00:00Z' };
      const explanationURL = 'https://example.com/incident';
      await tell(JSON.stringify({ suggestedWindow, explanationURL }));
      const info = await scene.client.issuer.renewalInfo(got.facts.ariId!, signal());
      expect(Date.parse(info!.start)).toBe(Date.parse(suggestedWindow.start));
      expect(Date.parse(info!.end)).toBe(Date.parse(suggestedWindow.end));
      expect(info!.explanationUrl).toBe(explanationURL);
      await tell('{"suggestedWindow": oops');
      const error = await failure(scene.client.issuer.renewalInfo(got.facts.ariId!, signal()));
      expect(error.code).toBe('acme/malformed-answer');
    });

  if (scene.has.alreadyReplaced)
    test('replaces: accepted once, then alreadyReplaced', async () => {
      const identifiers = dns(freshName());
      const first = await obtain(scene.bench, scene.client.account, { identifiers });
      const replaces = first.facts.ariId!;
      const second = await obtain(scene.bench, scene.client.account, { identifiers, replaces });
      expect(second.order.status).toBe('valid');
      expect(scene.bench.proxy.requests.filter((r) => r.kind === 'newOrder').at(-1)?.payload).toMatchObject({
        replaces,
      });
      const error = await failure(scene.client.account.newOrder({ identifiers, replaces }, signal()));
      expect(error.code).toBe('acme/problem');
      expect(problemOf(error).status).toBe(409);
      // Pebble 2.6, older than RFC 9773, says `malformed`.
      if (scene.has.alreadyReplaced) expect(problemOf(error).type).toBe(acme('alreadyReplaced'));
    });
}
