import { connect, type Socket } from 'node:net';
import { beforeAll, beforeEach, expect, it } from 'vitest';
import { acmeProblem } from '../support/acme-ca.ts';
import { bindPrograms } from '../support/bind.ts';
import { itDrawn } from '../support/drawn.ts';
import {
  errorOf,
  exitOf,
  type Home,
  type SimulatedFleetBench,
  simulatedFleetBench,
  type WebAnswer,
} from '../support/fleet-bench.ts';
import { sampled } from '../support/seeded.ts';
import { atEnd, startService, until } from '../support/service.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

// A proven no costs no order, and a check that cannot tell costs no certificate.

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

// No wildcard, so other names do not exist.
const records = [
  'good A 127.0.0.1',
  'forbidden A 127.0.0.1',
  'forbidden CAA 0 issue "other.example"',
  'below.forbidden A 127.0.0.1',
  'allowed A 127.0.0.1',
  'allowed CAA 0 issue "other.example"',
  'allowed CAA 0 issue "simulated.test"',
  'half A 127.0.0.1',
  'half CAA 0 issue "simulated.test"',
  'half CAA 0 issuewild ";"',
  'bare TXT "there is no address here"',
  'dual A 127.0.0.1',
  'dual AAAA ::1',
  '*.wild A 127.0.0.1',
];

stopAllAfterwards();

describeWith(bindPrograms, 'preflight', () => {
  let bench: SimulatedFleetBench;
  beforeAll(async () => {
    bench = await simulatedFleetBench({ records });
  });
  beforeEach(() => {
    bench.web.answer = undefined;
    bench.proxy.forget();
  });

  const homeFor = (...names: readonly string[]): Promise<Home> => bench.home({ certificates: { abc: names } });

  /** How a proven no must look from outside. */
  async function expectNo(home: Home, words: RegExp, code = 'preflight/no'): Promise<void> {
    const outcome = await home.issueOne();
    expect(errorOf(outcome).code).toBe(code);
    expect(outcome.message).toMatch(words);
    expect(errorOf(outcome).hint).not.toBe('');
    expect(exitOf(outcome)).toBe(3);
    expect(bench.proxy.seen('newOrder')).toBe(0);
    expect(await bench.challengeFiles()).toEqual([]);
    expect((await home.lineage()).work?.order).toBeUndefined();
  }

  it.each(
    sampled<[string, WebAnswer, RegExp]>(
      [
        ['another body', { status: 200, body: 'Welcome to nginx!' }, /good\.example\.test.*returns a different body/],
        ['404', { status: 404, body: '' }, /returns status 404/],
        ['403', { status: 403, body: '' }, /returns status 403/],
      ],
      1,
      'answers',
    ),
  )('stops at %s on the public path, and issues once it is repaired', async (_title, answer, words) => {
    const home = await homeFor('good.example.test');
    bench.web.answer = answer;
    await expectNo(home, words);
    bench.web.answer = undefined;
    expect((await home.issueOne()).result).toBe('issued');
    expect(bench.proxy.accepted('newOrder')).toBe(1);
  });

  it.each([
    ['at the name', 'forbidden.example.test'],
    ['above the name', 'below.forbidden.example.test'],
  ])('stops at a CAA record that forbids, %s', async (_title, name) => {
    await expectNo(await homeFor(name), /CAA/);
  });

  it('stops at a CAA record that forbids only wildcards', async () => {
    const solver = (await bench.home({ solver: 'dns' })).settings.solvers['solve']?.settings;
    const certificates = { abc: ['*.half.example.test'] };
    await expectNo(await bench.home({ certificates, solver: solver! }), /CAA/);
    expect((await (await homeFor('half.example.test')).issueOne()).result).toBe('issued');
  });

  itDrawn('continues if a CAA record allows this CA beside another', async () => {
    expect((await (await homeFor('allowed.example.test')).issueOne()).result).toBe('issued');
  });

  itDrawn('stops at a name that does not exist or has no address, also among good ones', async () => {
    await expectNo(await homeFor('nowhere.example.test'), /nowhere\.example\.test does not exist/);
    await expectNo(await homeFor('bare.example.test'), /neither an A nor an AAAA/);
    await expectNo(await homeFor('good.example.test', 'nowhere.example.test'), /nowhere/);
  });

  itDrawn('needs only the zone over DNS-01', async () => {
    const solver = (await bench.home({ solver: 'dns' })).settings.solvers['solve']?.settings;
    const home = await bench.home({ certificates: { abc: ['*.nowhere.example.test'] }, solver: solver! });
    expect((await home.issueOne()).result).toBe('issued');
    expect(await bench.bind.txt('example.test')).toEqual([{ name: 'bare.example.test', value: expect.any(String) }]);
  });

  itDrawn('issues if IPv6 cannot be checked: refused at once, or no answer', async () => {
    const refused = await homeFor('dual.example.test');
    expect((await refused.issueOne()).result).toBe('issued');
    expect(findings(refused)).toEqual([expect.stringContaining('::1 did not answer')]);

    await swallowConnections('::1', bench.httpPort);
    const swallowed = await homeFor('dual.example.test');
    const begun = performance.now();
    expect((await swallowed.issueOne()).result).toBe('issued');
    // Two checks of 3 s each: before the order and of the answer. Each would take 10 s if it waited as long as the CA.
    expect(performance.now() - begun).toBeLessThan(15_000);
    expect(findings(swallowed)).toEqual([expect.stringContaining('::1 did not answer')]);
    expect(bench.proxy.accepted('newOrder')).toBe(2);
  });

  const findings = (home: Home) =>
    home.events.filter((event) => event.event === 'preflight.finding').map((event) => event.message);
});

describeWith(bindPrograms, 'preflight in the course of time', () => {
  it('tries a proven no with the CA once a day when the renewal is overdue, and never before', async () => {
    const bench = await simulatedFleetBench({ records, ca: { settings: { renewalInfo: false } } });
    const { clock, proxy } = bench;
    const home = await bench.home({ certificates: { abc: ['good.example.test'] } });
    expect((await home.issueOne()).result).toBe('issued');
    const renewAt = (await home.lineage()).renewal?.at ?? '';
    const orders = () => proxy.seen('newOrder');
    proxy.forget();

    // Before the renewal time nothing overrides it, not even `issue`.
    bench.web.answer = { status: 404, body: '' };
    expect(errorOf(await home.issueOne({ force: true })).code).toBe('preflight/no');
    expect(orders()).toBe(0);

    clock.passTo(renewAt);
    clock.shift(hourMs);
    const tried = await home.renewOne();
    expect(errorOf(tried).code).toBe('acme/invalid-authorization');
    expect(exitOf(tried)).toBe(4);
    expect(orders()).toBe(1);
    expect(await bench.challengeFiles()).toEqual([]);

    // On the same day it counts again.
    for (const hours of [1, 2]) {
      clock.shift(hours * hourMs);
      expect(errorOf(await home.renewOne()).code).toBe('preflight/no');
    }
    expect(orders()).toBe(1);

    // On the next day the preflight is wrong: the CA sees what it does not.
    clock.shift(24 * hourMs + minuteMs);
    bench.ca.settings.validate = async () => undefined;
    expect((await home.renewOne()).result).toBe('renewed');
    expect(orders()).toBe(2);
    expect((await home.lineage()).failure).toBeUndefined();
  });

  itDrawn('never hides a wildcard’s address, overdue or not', async () => {
    const bench = await simulatedFleetBench({ records, ca: { settings: { renewalInfo: false } } });
    const name = 'deep.wild.example.test';
    const home = await bench.home({ certificates: { abc: [name] }, solver: 'dns' });
    expect((await home.issueOne()).result).toBe('issued');

    // Without its own record, the name exists only through *.wild.example.test.
    await bench.bind.update('example.test', `delete ${name}. A`);
    const before = await bench.bind.txt('example.test');
    bench.proxy.forget();
    bench.clock.passTo((await home.lineage()).renewal?.at ?? '');
    for (const days of [0, 2, 20]) {
      bench.clock.shift(days * 24 * hourMs);
      const refused = await home.renewOne();
      expect(errorOf(refused).code).toBe('preflight/hides-wildcard');
      expect(refused.message).toContain('*.wild.example.test');
      expect(exitOf(refused)).toBe(3);
    }
    expect(bench.proxy.seen('newOrder')).toBe(0);
    expect(await bench.bind.txt('example.test')).toEqual(before);
  });

  itDrawn(
    'never hides a wildcard’s address, even with an existing order and a server that was silent before',
    async () => {
      const bench = await simulatedFleetBench({ records });
      const name = 'deep.wild.example.test';
      const home = await bench.home({ certificates: { abc: [name] }, solver: 'dns' });
      // The order is placed and waits; meanwhile the name's record disappears.
      bench.proxy.fault({ on: 'authorization', what: { type: 'status', status: 500 }, times: 3 });
      expect((await home.issueOne()).result).toBe('failed');
      expect((await home.lineage()).work?.order?.url).toBeDefined();
      await bench.bind.update('example.test', `delete ${name}. A`);
      const before = await bench.bind.txt('example.test');
      bench.proxy.clear();
      expect(errorOf(await home.issueOne()).code).toBe('preflight/hides-wildcard');
      expect(errorOf(await home.issueOne({ force: true, ignorePreflight: true })).code).toBe(
        'preflight/hides-wildcard',
      );
      expect(await bench.bind.txt('example.test')).toEqual(before);
      expect(bench.proxy.accepted('newOrder')).toBe(1);

      bench.bind.service.signal('SIGSTOP');
      try {
        // Without an answer it must not continue.
        expect((await home.issueOne()).result).toBe('failed');
      } finally {
        bench.bind.service.signal('SIGCONT');
      }
      expect(await bench.bind.txt('example.test')).toEqual(before);
      await bench.bind.update('example.test', `add ${name}. 60 A 127.0.0.1`);
      expect((await home.issueOne()).result).toBe('issued');
    },
  );

  itDrawn('is skipped with --ignore-preflight, and only then', async () => {
    const bench = await simulatedFleetBench({ records });
    const home = await bench.home({ certificates: { abc: ['good.example.test'] } });
    // The CA sees what this machine does not, because of a NAT.
    bench.web.answer = { status: 404, body: '' };
    bench.ca.settings.validate = async () => undefined;
    const told = errorOf(await home.issueOne({ force: true }));
    expect([told.code, told.hint]).toEqual(['preflight/no', expect.stringContaining('--ignore-preflight')]);
    expect((await home.issueOne({ ignorePreflight: true })).result).toBe('issued');
  });

  itDrawn('reports every wrong name, not just the first one', async () => {
    const bench = await simulatedFleetBench({ records });
    const certificates = { abc: ['nothing1.example.test', 'good.example.test', 'nothing2.example.test'] };
    const { message } = await (await bench.home({ certificates })).issueOne();
    expect(message).toMatch(/^nothing1\.example\.test [^:]*; nothing2\.example\.test [^:]*; the CA was not asked$/);
    expect(bench.proxy.seen('newOrder')).toBe(0);
  });

  itDrawn('does not remember a record that the server refused to write', async () => {
    const bench = await simulatedFleetBench({ records });
    const { server, key } = bench.bind;
    const options = { server, keyName: key.name, secret: Buffer.alloc(32).toString('base64') };
    const dns = { zone: 'example.test', nameservers: [server] };
    const home = await bench.home({ solver: { type: 'dns01', provider: 'rfc2136', options, dns } });
    await bench.bind.update('example.test', `add ${home.names[0]}. 60 A 127.0.0.1`);
    expect(errorOf(await home.issueOne()).code).toBe('dns/refused');
    expect((await home.lineage()).tombstones ?? []).toEqual([]);
    expect(home.events.filter(({ event }) => event === 'sweep.failed')).toEqual([]);
  });

  itDrawn('stops after three failed validations in an hour if it cannot tell', async () => {
    const bench = await simulatedFleetBench({ records });
    const { ca, proxy, clock } = bench;
    // IPv6 is refused here, so this check can never tell.
    const home = await bench.home({ certificates: { abc: ['dual.example.test'] } });
    ca.settings.validate = async () => acmeProblem('connection', 'Timeout during connect');
    for (let tried = 1; tried <= 3; tried += 1) {
      expect(errorOf(await home.issueOne()).code).toBe('acme/invalid-authorization');
      expect(proxy.seen('newOrder')).toBe(tried);
      clock.shift(minuteMs);
    }
    const stopped = await home.issueOne();
    expect(errorOf(stopped).code).toBe('preflight/cannot-tell');
    expect(exitOf(stopped)).toBe(3);
    expect(stopped.message).toContain('::1');
    expect(proxy.seen('newOrder')).toBe(3);

    ca.settings.validate = undefined;
    clock.shift(hourMs);
    expect((await home.issueOne()).result).toBe('issued');
    expect(proxy.seen('newOrder')).toBe(4);
  });
});

/**
 * A black hole: a listener that accepts nothing and whose queue is full. The kernel drops further packets, like a
 * firewall.
 */
async function swallowConnections(host: string, port: number): Promise<void> {
  const blocked = 'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)';
  await startService({
    name: 'black hole',
    program: process.execPath,
    args: ['-e', `require('net').createServer().listen({host:'${host}',port:${port},backlog:1},()=>${blocked})`],
  });
  const fillers: Socket[] = [];
  atEnd(() => {
    for (const socket of fillers) socket.destroy();
  });
  await until(
    async () => {
      const socket = connect({ host, port });
      fillers.push(socket);
      const outcome = await new Promise<'connected' | 'refused' | 'swallowed'>((answer) => {
        socket.once('connect', () => answer('connected')).once('error', () => answer('refused'));
        socket.setTimeout(1_000, () => answer('swallowed'));
      });
      return outcome === 'swallowed';
    },
    { what: 'connections are swallowed' },
  );
}
