import { expect, it } from 'vitest';
import { type AcmeProxy, startAcmeProxy } from '../support/acme-proxy.ts';
import { startAlarmReceiver } from '../support/alarm-receiver.ts';
import { bindPrograms } from '../support/bind.ts';
import { startDaemon } from '../support/daemon.ts';
import { documents, readLineage, rewriteLineage, startBench } from '../support/e2e.ts';
import { temporaryFolder, until } from '../support/service.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

stopAllAfterwards();

const [secondMs, hourMs] = [1_000, 3_600_000];
const timeOf = (ms: number) => new Date(ms).toISOString();
const page = 'https://ca.test/incident';

interface Said {
  readonly event: string;
  readonly certificate?: string;
  readonly message: string;
  readonly data?: { readonly at?: string };
}
const events = (output: string) =>
  output
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Said);

/** The orders that came, and when, in ms since 1970. */
const ordersAt = ({ requests }: AcmeProxy) =>
  requests.flatMap(({ kind, payload, status, atMs }) => {
    const { replaces } = (payload ?? {}) as { readonly replaces?: string };
    return kind === 'newOrder' ? [{ replaces, status, atMs: performance.timeOrigin + atMs }] : [];
  });

const needed = [{ name: 'pebble', where: 'shared' } as const, 'haproxy', ...bindPrograms];

describeWith(needed, 'certfleet run with windows that Pebble 2.10 moves', () => {
  it('asks at the next poll, renews once and in the window, and tells the page of an incident once', async () => {
    const [bench, receiver] = await Promise.all([startBench({ pebble: { program: 'shared' } }), startAlarmReceiver()]);
    const { pebble } = bench;
    const proxy = await startAcmeProxy(pebble);
    const moved = ['abc', 'past', 'long-past'];
    const names = [...moved, 'other'];
    const home = await bench.home((one) => ({
      ...one,
      issuers: {
        pebble: { directory: proxy.directoryUrl, caFile: proxy.caFile, agreeToTerms: true, test: true },
      },
      alarms: { ops: { type: 'webhook', url: receiver.url } },
      certificates: names.map((name) => ({
        ...{ ...one.certificates[0]!, name, identifiers: [`${name}.example.test`], deploy: [], endpoints: [] },
        // As at Let's Encrypt. A window cannot end before its certificate begins.
        notBefore: '-1h',
      })),
    }));
    const env = { XDG_CACHE_HOME: await temporaryFolder('cache'), HTTP_PROXY: '' };
    const daemon = startDaemon(home, { env });
    const untilDone = (name: string, what: string, but?: string) =>
      until(
        async () => {
          const lineage = await readLineage(home.store, name).catch(() => undefined);
          return lineage?.current && lineage.current.id !== but && !lineage.work ? lineage : undefined;
        },
        { what: `${name} is ${what}`, deadlineMs: 60_000 },
      );
    const issued = new Map<string, Awaited<ReturnType<typeof untilDone>>>();
    for (const name of names) issued.set(name, await untilDone(name, 'issued'));
    const before = (name: string) => issued.get(name)!;
    const idOf = (name: string) => before(name).current!.facts.ariId!;
    for (const { current, renewal } of issued.values()) {
      const pauseMs = Date.parse(renewal!.checkAfter!) - Date.parse(current!.issuedAt);
      // Pebble's Retry-After.
      expect(Math.abs(pauseMs - 6 * hourMs)).toBeLessThan(60 * secondMs);
    }
    expect(events(daemon.said()).filter(({ event }) => event === 'renewal.scheduled')).toHaveLength(names.length);
    proxy.forget();

    const nowMs = Date.now();
    const versions = await documents(home.store, 'version');
    async function move(name: string, startMs: number, endMs: number, explanationURL?: string): Promise<void> {
      const { chainPem } = JSON.parse(versions.get(`${name}~${before(name).current!.id}`)!) as { chainPem: string };
      const suggestedWindow = { start: timeOf(startMs), end: timeOf(endMs) };
      await pebble.setRenewalInfo(chainPem, JSON.stringify({ suggestedWindow, explanationURL }));
    }
    const [startMs, endMs] = [nowMs + 5 * secondMs, nowMs + 45 * secondMs];
    await move('abc', startMs, endMs);
    await move('past', nowMs - hourMs, nowMs - hourMs / 2, page);
    await move('long-past', nowMs - 30 * 24 * hourMs, nowMs - hourMs / 2, page);
    // Six hours are nearly over.
    for (const name of names)
      await rewriteLineage(home.store, name, ({ renewal, current, ...lineage }) => ({
        ...lineage,
        current: { ...current!, issuedAt: timeOf(nowMs - 6 * hourMs) },
        renewal: { ...renewal!, checkAfter: timeOf(nowMs + 2 * secondMs) },
      }));
    for (const name of moved) await untilDone(name, 'renewed', before(name).current!.id);
    await until(() => receiver.got.length > 0, { what: 'the page is told', deadlineMs: 60_000 });
    const ended = await daemon.stop();
    expect([ended.status, ended.stderr]).toEqual([0, '']);
    const said = events(daemon.said());

    const orders = ordersAt(proxy);
    expect(orders.map(({ replaces, status }) => `${replaces} ${status}`).sort()).toEqual(
      moved.map((name) => `${idOf(name)} 201`).sort(),
    );
    const { atMs } = orders.find(({ replaces }) => replaces === idOf('abc'))!;
    const drawn = said.find(({ event, certificate }) => event === 'renewal.scheduled' && certificate === 'abc');
    // Half of a short window is left for another try.
    expect(atMs).toBeGreaterThanOrEqual(Math.min(Date.parse(drawn!.data!.at!), (startMs + endMs) / 2));
    expect(atMs).toBeLessThan(endMs);

    for (const name of names) {
      const questions = proxy.requests.filter(({ kind, path }) => kind === 'renewalInfo' && path.endsWith(idOf(name)));
      expect([name, questions.length]).toEqual([name, 1]);
      const { current, previous, renewal } = await readLineage(home.store, name);
      const isMoved = moved.includes(name);
      expect(isMoved ? previous?.id : current?.id).toBe(before(name).current!.id);
      // The new certificate's own, or the one of before.
      if (isMoved) expect(Date.parse(renewal!.window!.start)).toBeGreaterThan(nowMs + 30 * 24 * hourMs);
      else expect(renewal).toMatchObject({ at: before(name).renewal!.at, window: before(name).renewal!.window });
    }
    expect(said.filter(({ message }) => message.includes(`explains why at ${page}`))).toHaveLength(1);
    expect(receiver.got).toEqual([`+ca-incident pebble ${page}`]);
  });
});
