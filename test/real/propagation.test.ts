import { expect, it } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { createDns } from '../../src/lib/dns/dns.ts';
import { bindPrograms } from '../support/bind.ts';
import { itDrawn } from '../support/drawn.ts';
import { pebbleFleetBench } from '../support/fleet-bench.ts';
import { until } from '../support/service.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

// The CA may ask any authoritative server, so the challenge is accepted as soon as the last of them answers.

/** How long the secondary is kept behind. */
const heldMs = 3_000;
/** How soon after the secondary's answer the CA must be asked to validate. The goal is 200 ms on an idle machine. */
const promptMs = 2_000;

stopAllAfterwards();

describeWith(['pebble', ...bindPrograms], 'a secondary that is behind', () => {
  it('holds the challenge back until the secondary answers, and no longer', async () => {
    const bench = await pebbleFleetBench({ bind: { secondary: 'on-demand' } });
    const { bind, proxy } = bench;
    const { secondary } = bind;
    if (!secondary) throw new Error('BIND has no secondary');
    const certificates = { abc: ['example.test', '*.example.test'] };
    const home = await bench.home({ certificates, solver: 'dns' });
    // The addresses of the names were added to the zone, so both servers start from the same copy.
    await secondary.refresh('example.test');

    const issuing = home.issueOne();
    const values = await until(
      async () => {
        const found = await bind.txt('example.test');
        return found.length === 2 && found;
      },
      { what: 'both values are on the primary' },
    );
    expect(new Set(values.map(({ name }) => name))).toEqual(new Set(['_acme-challenge.example.test']));

    // For three seconds only the primary has them, and the CA is not asked to validate.
    const held = performance.now();
    await until(() => performance.now() - held >= heldMs, { what: 'the secondary was held back', everyMs: 50 });
    expect(proxy.seen('challenge')).toBe(0);

    // The test asks the secondary itself when it answers.
    const { signal } = new AbortController();
    const dns = createDns(systemClock);
    const question = { name: '_acme-challenge.example.test', type: 'TXT' } as const;
    const answering = until(
      async () => {
        const { answers } = await dns.query(secondary, question, signal);
        return answers.length === 2 && performance.now();
      },
      { what: 'the secondary answers', everyMs: 2 },
    );
    const refreshedMs = performance.now();
    await secondary.refresh('example.test');
    const byMs = await answering;

    expect((await issuing).result).toBe('issued');
    const posts = proxy.requests.filter((request) => request.kind === 'challenge').map((request) => request.atMs);
    expect(posts).toHaveLength(2);
    for (const atMs of posts) {
      expect(atMs).toBeGreaterThan(refreshedMs);
      expect(atMs - byMs).toBeLessThan(promptMs);
    }
    expect(await bind.txt('example.test')).toEqual([]);
    expect(proxy.accepted('newOrder')).toBe(1);
  });

  itDrawn('waits for a secondary that does not answer at all, and continues when it is back', async () => {
    const bench = await pebbleFleetBench({ bind: { secondary: 'follows' } });
    const { bind, proxy } = bench;
    const { secondary } = bind;
    if (!secondary) throw new Error('BIND has no secondary');
    const home = await bench.home({ solver: 'dns' });
    secondary.pause();
    const issuing = home.issueOne();
    await until(async () => (await bind.txt('example.test')).length === 1, { what: 'the value is on the primary' });
    const held = performance.now();
    await until(() => performance.now() - held >= 500, { what: 'the secondary was silent', everyMs: 50 });
    expect(proxy.seen('challenge')).toBe(0);
    secondary.resume();
    expect((await issuing).result).toBe('issued');
    expect(await bind.txt('example.test')).toEqual([]);
  });
});
