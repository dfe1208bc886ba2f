import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { beforeAll, expect, it, onTestFinished } from 'vitest';
import { bindPrograms } from '../support/bind.ts';
import { itDrawn } from '../support/drawn.ts';
import { type Bench, documents, type Home, outcomesOf, readLineage, startBench } from '../support/e2e.ts';
import { isLong } from '../support/seeded.ts';
import { freePort, until } from '../support/service.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

stopAllAfterwards();

/** So many orders are in flight when it is stopped. A pass begins with 32 at once, and then dares more. */
const inFlight = isLong ? 50 : 16;
const names = Array.from({ length: isLong ? 120 : inFlight }, (_, index) => `c${index}`);

describeWith(['pebble', 'haproxy', ...bindPrograms], 'certfleet run, at SIGTERM', () => {
  let bench: Bench;

  beforeAll(async () => {
    // Each validation takes up to so many seconds.
    bench = await startBench({ pebble: { env: { PEBBLE_VA_NOSLEEP: '0', PEBBLE_VA_SLEEPTIME: '15' } } });
  });

  const many = (more: object = {}): Promise<Home> =>
    bench.home((one) => ({
      ...one,
      ...more,
      certificates: names.map((name) => ({
        ...{ name, identifiers: [`${name}.example.test`], solver: 'web', deploy: ['files'] },
      })),
    }));

  function start(home: Home) {
    let [output, stop] = ['', () => {}];
    const stopped = new Promise<void>((resolve) => (stop = resolve));
    const seen = (all: string) => (output = all);
    const ended = home.certfleet(['run', '--json'], { seen, killWhen: stopped, killWith: 'SIGTERM' });
    onTestFinished(async () => {
      stop();
      await ended;
    });
    return {
      stop: () => {
        stop();
        return ended;
      },
      count: (text: string) => output.split(text).length - 1,
      ended,
    };
  }

  it('leaves no lease within 8 s, and nothing is lost', async () => {
    const home = await many();
    const daemon = start(home);
    const ordered = () => daemon.count('"step":"validate"') - daemon.count('"certificate.issued"');
    await until(() => ordered() >= inFlight * 0.9, { what: 'orders are in flight', deadlineMs: 60_000 });
    const begun = performance.now();
    const ended = await daemon.stop();
    const tookMs = performance.now() - begun;
    expect([ended.status, ended.stderr]).toEqual([0, '']);
    expect(tookMs).toBeLessThan(9_000);

    const stored = await documents(home.store, 'lineage');
    const lineages = await Promise.all([...stored.keys()].map((name) => readLineage(home.store, name)));
    expect(lineages.filter(({ work }) => work?.lease)).toEqual([]);
    expect(lineages.filter(({ work }) => (work?.challenges ?? []).length > 0)).toEqual([]);
    const orders = new Map(lineages.flatMap(({ name, work }) => (work?.order?.url ? [[name, work.order.url]] : [])));
    expect(orders.size).toBeGreaterThan(inFlight / 4);

    // Nobody must clean up, and the next run makes each certificate.
    expect(await home.certfleet(['sweep', '--json'])).toMatchObject({ status: 0 });
    const renewed = await home.certfleet(['renew', '--json']);
    expect(renewed.status, renewed.stderr).toBe(0);
    expect(outcomesOf(renewed).filter(({ result }) => result === 'failed')).toEqual([]);
    for (const name of names) expect((await readLineage(home.store, name)).current?.id, name).toBeDefined();
  });

  itDrawn('stays where CA and DNS cannot be reached, says so, and stops at once', async () => {
    const [caPort, port] = [await freePort(), await freePort()];
    const away = `https://127.0.0.1:${caPort}/dir`;
    const home = await many({
      listen: `127.0.0.1:${port}`,
      issuers: { away: { directory: away, agreeToTerms: true, test: true } },
      preflight: { resolvers: [`127.0.0.1:${await freePort({ udp: true })}`] },
    });
    const daemon = start(home);
    await until(() => daemon.count('"acme/directory-unreachable"') > 0, { what: 'it says that the CA is away' });
    const health = await home.certfleet(['health', '--ready']);
    expect([health.status, health.stdout]).toEqual([0, 'ok\n']);
    // Any server may answer with 200.
    const foreign = createServer((_, response) => void response.end('ok'));
    await new Promise<void>((done) => foreign.listen(0, '127.0.0.1', done));
    onTestFinished(() => void foreign.close());
    const place = `127.0.0.1:${(foreign.address() as AddressInfo).port}`;
    const env = { CERTFLEET_LISTEN: place };
    const asked = await home.certfleet(['health', '--role', 'responder'], { env });
    expect([asked.status, asked.stdout]).toEqual([4, '']);
    expect(asked.stderr).toContain(`what answers at ${place} is not`);
    // Two of the same place.
    const second = await home.certfleet(['run', '--node', 'other']);
    expect(second.status).toBe(2);
    expect(second.stderr).not.toContain('from now on');
    expect(second.stderr).toMatch(
      new RegExp(
        `^certfleet: .*127\\.0\\.0\\.1:${port} cannot be used: the port is in use by \\S+ \\(pid \\d+\\)`,
        'm',
      ),
    );
    const begun = performance.now();
    expect((await daemon.stop()).status).toBe(0);
    expect(performance.now() - begun).toBeLessThan(5_000);
  });
});
