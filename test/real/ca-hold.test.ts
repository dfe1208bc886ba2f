import { expect, it } from 'vitest';
import { bindPrograms } from '../support/bind.ts';
import { errorOf, simulatedFleetBench } from '../support/fleet-bench.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

stopAllAfterwards();

const hourMs = 3_600_000;
const certificates = { one: ['one.example.test'], two: ['two.example.test'] };

describeWith(bindPrograms, 'a CA that asks for a pause', () => {
  it('holds every certificate until then, even one whose names have changed', async () => {
    const { proxy, clock, ...bench } = await simulatedFleetBench();
    const home = await bench.home({ certificates });
    const fault = proxy.fault({ on: 'newOrder', what: { type: 'status', status: 503, retryAfter: 7_200 } });
    expect(errorOf((await home.issue({ names: ['one'] }))[0]!).code).toBe('acme/busy');
    fault.remove();
    proxy.forget();

    const [first] = home.settings.certificates;
    const more = {
      ...first!,
      identifiers: [...first!.identifiers, { type: 'dns', value: 'more.example.test' } as const],
    };
    home.settings = { ...home.settings, certificates: [more, ...home.settings.certificates.slice(1)] };
    for (const outcome of await home.issue({ force: true })) expect(errorOf(outcome).code).toBe('acme/hold');
    for (const outcome of await home.renew()) expect(outcome.result).not.toBe('issued');
    expect(proxy.requests).toEqual([]);

    clock.shift(2 * hourMs + 1);
    expect((await home.renew()).map(({ result }) => result)).toEqual(['issued', 'issued']);
  });
});

describeWith(bindPrograms, 'a Retry-After beside good news', () => {
  it('of the challenge’s answer is obeyed before the authorization is polled', async () => {
    const bench = await simulatedFleetBench();
    const home = await bench.home();
    bench.proxy.fault({ on: 'challenge', what: { type: 'headers', set: { 'retry-after': '1' } } });
    expect((await home.issueOne()).result).toBe('issued');
    const { requests } = bench.proxy;
    const at = requests.findIndex(({ kind }) => kind === 'challenge');
    const looked = requests.slice(at).find(({ kind }) => kind === 'authorization');
    expect((looked?.atMs ?? 0) - (requests[at]?.atMs ?? 0)).toBeGreaterThan(990);
  });

  it('that is longer than a run waits holds the next run too', async () => {
    const bench = await simulatedFleetBench();
    const home = await bench.home();
    bench.ca.settings.validate = () => new Promise(() => {});
    bench.proxy.fault({ on: 'challenge', what: { type: 'headers', set: { 'retry-after': '7200' } } });
    const failed = errorOf(await home.issueOne());
    expect(failed.code).toBe('acme/timeout');
    expect(((failed.retryAt?.getTime() ?? 0) - Date.now()) / 1000).toBeCloseTo(7_200, -2);
    expect((await home.lineage()).failure?.holdUntil).toBe(failed.retryAt?.toISOString());
  });
});

describeWith(bindPrograms, 'two certificates for the same names', () => {
  it('are ordered one after the other, each with its own key', async () => {
    const bench = await simulatedFleetBench();
    const same = ['same.example.test'];
    const home = await bench.home({ certificates: { one: same, two: same } });
    expect((await home.issue()).map(({ result }) => result)).toEqual(['issued', 'issued']);
    const keys = await Promise.all(['one', 'two'].map(async (name) => (await home.lineage(name)).current?.facts));
    expect(new Set(keys.map((facts) => facts?.spkiFingerprint)).size).toBe(2);
    expect(bench.proxy.accepted('finalize')).toBe(2);
  });
});
