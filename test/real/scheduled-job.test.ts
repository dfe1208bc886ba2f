import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type AcmeCa, startAcmeCa } from '../support/acme-ca.ts';
import {
  buildCertfleet,
  type Certfleet,
  filesBelow,
  type MovedClock,
  movedClock,
  readLineage,
  stderrOf,
} from '../support/e2e.ts';
import { freePort, portAccepts, temporaryFolder } from '../support/service.ts';
import { fingerprintOfFile } from '../support/versions.ts';
import { stopAllAfterwards } from '../support/vitest.ts';

// The job that people run today: one run a month or a day on one node, whose responder has port 30080. The CA is the
// simulated one, because it shares the program's moved clock and issues certificates of any lifetime.

stopAllAfterwards();

const dayMs = 86_400_000;
const lifetimes = { '90 days': 90, '64 days': 64, '45 days': 45, '6 days': 160 / 24 } as const;

describe('the scheduled job', () => {
  let certfleet: Certfleet;
  let clock: MovedClock;
  let ca: AcmeCa;
  let port: number;

  beforeAll(async () => {
    [certfleet, clock, port] = await Promise.all([buildCertfleet(), movedClock(), freePort()]);
    ca = await startAcmeCa({ clock, settings: { httpPort: port } });
  });

  beforeEach(() => clock.reset());

  /** A node with its own store, and a certificate of this lifetime. */
  async function node(days: number) {
    ca.settings.profiles = { default: { description: `${days} days`, validityMs: days * dayMs } };
    const folder = await temporaryFolder('job');
    const [store, certs, config] = [join(folder, 'store'), join(folder, 'certs'), join(folder, 'certfleet.yaml')];
    const configuration = {
      store: { type: 'file', path: store },
      issuers: { own: { directory: ca.directoryUrl, caFile: ca.caFile, agreeToTerms: true, test: true } },
      solvers: { web: { type: 'http01-responder', listen: `0.0.0.0:${port}` } },
      deployers: { files: { type: 'files', path: certs } },
      certificates: [{ name: 'abc', identifiers: ['abc.example.test'], deploy: ['files'] }],
      preflight: { http01Port: port },
    };
    await writeFile(config, JSON.stringify(configuration));
    const file = join(certs, 'live/abc/fullchain.pem');
    const issuedAt = clock.now().getTime();
    return {
      store,
      /** As the scheduler starts it: no terminal, only PATH in the environment. */
      run: (nextRun?: string) =>
        certfleet(['renew', '--config', config, ...(nextRun === undefined ? [] : ['--next-run', nextRun])], {
          node: clock.node,
        }),
      certificate: () => fingerprintOfFile(file),
      passTo: (days: number) => clock.passTo(new Date(issuedAt + days * dayMs).toISOString()),
      lineage: () => readLineage(store, 'abc'),
    };
  }

  /** Nothing that the job made for an order is left. */
  async function expectNothingLeft(store: string): Promise<void> {
    expect(await portAccepts(port)).toBe(false);
    expect((await readLineage(store, 'abc')).work).toBeUndefined();
    expect([...(await filesBelow(store)).keys()].filter((path) => /\/token\/|\.tmp$/.test(path))).toEqual([]);
  }

  it.each(['90 days', '64 days'] as const)(
    'with a certificate of %s, makes the whole circle once a month, and it never expires',
    async (lifetime) => {
      const nextRun = '31d';
      const job = await node(lifetimes[lifetime]);
      const first = await job.run(nextRun);
      expect(first, first.stderr).toMatchObject({ status: 0 });
      expect(first.stdout).toMatch(/^abc: issued/);
      for (let month = 1; month <= 4; month += 1) {
        await job.passTo(31 * month);
        const { current } = await job.lineage();
        expect(Date.parse(current?.facts.notAfter ?? '')).toBeGreaterThan(clock.now().getTime());
        const before = await job.certificate();
        const ran = await job.run(nextRun);
        expect(ran, ran.stderr).toMatchObject({ status: 0 });
        expect(ran.stdout).toMatch(/^abc: renewed/);
        expect(stderrOf(ran)).toMatch(/renewing it early: .* the CA’s rate limits count it/);
        expect(await job.certificate()).not.toBe(before);
        await expectNothingLeft(job.store);
      }
      // A second run on the same day, as a scheduler makes it after a failure elsewhere, does nothing.
      const orders = ca.accepted('newOrder');
      const again = await job.run(nextRun);
      expect(again, again.stderr).toMatchObject({ status: 0 });
      expect(again.stdout).toMatch(/^abc: not due yet/);
      expect(ca.accepted('newOrder')).toBe(orders);
    },
  );

  it.each([
    ['45 days', '22 days', '22d'],
    ['6 days', '3 days', '3d'],
  ] as const)('once a month says that it cannot hold %s, and ends with 8', async (lifetime, longest, flag) => {
    const job = await node(lifetimes[lifetime]);
    const sentence =
      `a run every 31 days cannot keep abc valid: it lives ${lifetime}, which is not more than twice the interval ` +
      `Run \`renew\` at least every ${longest} (with \`--next-run ${flag}\`), or better once an hour without --next-run.`;
    const first = await job.run('31d');
    expect(first.status).toBe(8);
    expect(first.stdout).toMatch(/^abc: issued/);
    expect(stderrOf(first)).toContain(sentence);
    // It does what it can all the same, and says it each time.
    await job.passTo(31);
    const before = await job.certificate();
    const second = await job.run('31d');
    expect(second.status).toBe(8);
    expect(second.stdout).toMatch(/^abc: renewed/);
    expect(await job.certificate()).not.toBe(before);
    expect(stderrOf(second)).toContain(sentence);
    await expectNothingLeft(job.store);
    // At the interval that it names, the schedule holds.
    expect((await job.run(flag)).status).toBe(0);
  });

  it.each([
    ['90 days', '1d'],
    ['64 days', '1d'],
    ['45 days', '1d'],
    ['6 days', '1d'],
    ['6 days', '12h'],
  ] as const)('with a certificate of %s, every %s, does nothing until it is due', async (lifetime, nextRun) => {
    const job = await node(lifetimes[lifetime]);
    expect((await job.run(nextRun)).status).toBe(0);
    const first = await job.certificate();
    const { renewal, current } = await job.lineage();
    const issued = Date.parse(current?.issuedAt ?? '');
    const dueOn = (Date.parse(renewal?.at ?? '') - issued) / dayMs;
    const interval = nextRun === '1d' ? 1 : 0.5;
    const orders = ca.accepted('newOrder');
    // The run before last, and one in between.
    const early = (Math.ceil(dueOn / interval) - 2) * interval;
    for (const day of [interval, early]) {
      await job.passTo(day);
      const idle = await job.run(nextRun);
      expect(idle, idle.stderr).toMatchObject({ status: 0 });
      expect(idle.stdout).toMatch(/^abc: not due yet/);
      expect(ca.accepted('newOrder')).toBe(orders);
      expect(await job.certificate()).toBe(first);
      await expectNothingLeft(job.store);
    }
    // The last run before the renewal time.
    await job.passTo(early + interval);
    expect(clock.now().getTime()).toBeLessThan(Date.parse(renewal?.at ?? ''));
    const due = await job.run(nextRun);
    expect(due, due.stderr).toMatchObject({ status: 0 });
    expect(due.stdout).toMatch(/^abc: renewed/);
    expect(await job.certificate()).not.toBe(first);
    expect(ca.accepted('newOrder')).toBe(orders + 1);
    await expectNothingLeft(job.store);
  });

  it('without --next-run renews nothing early', async () => {
    const job = await node(lifetimes['90 days']);
    await job.run();
    await job.passTo(31);
    const idle = await job.run();
    expect(idle, idle.stderr).toMatchObject({ status: 0 });
    expect(idle.stdout).toMatch(/^abc: not due yet/);
    expect((await job.run('31d')).stdout).toMatch(/^abc: renewed/);
  });

  it('gives the code of a failure, which is worse than 8', async () => {
    const job = await node(lifetimes['45 days']);
    await job.run('31d');
    await job.passTo(31);
    ca.settings.blocked = ['abc.example.test'];
    const ran = await job.run('31d').finally(() => {
      ca.settings.blocked = [];
    });
    expect(ran.status).toBe(4);
    expect(stderrOf(ran)).toMatch(/abc\.example\.test.*cannot keep abc valid/);
  });
});
