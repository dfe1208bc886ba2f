import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { startAcmeCa } from '../support/acme-ca.ts';
import { balancerSettings, type CloudBalancer, startBalancer } from '../support/alibaba-cluster.ts';
import { type Bind, bindPrograms, startBind } from '../support/bind.ts';
import { itDrawn } from '../support/drawn.ts';
import {
  buildCertfleet,
  type Certfleet,
  documents,
  filesBelow,
  movedClock,
  readLineage,
  stderrOf,
} from '../support/e2e.ts';
import { sampled } from '../support/seeded.ts';
import { portAccepts, temporaryFolder } from '../support/service.ts';
import { shakeHands } from '../support/versions.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

// The job that people run today: one run a month or a day on one of three nodes behind Alibaba's load balancer. That node
// (`ecs-refresh`) has the responder, on a free port in place of 30080, and the certificate goes to the HTTPS listener. The
// CA is the simulated one, because it and the load balancer share the program's moved clock, and it issues certificates
// of any lifetime.

stopAllAfterwards();

const dayMs = 86_400_000;
const lifetimes = { '90 days': 90, '64 days': 64, '45 days': 45, '6 days': 160 / 24 } as const;

describeWith(['openssl', ...bindPrograms], 'the scheduled job', () => {
  let certfleet: Certfleet;
  let bind: Bind;

  beforeAll(async () => {
    const zone = { name: 'example.test', records: ['@ A 127.0.0.1', '* A 127.0.0.1'] };
    [certfleet, bind] = await Promise.all([buildCertfleet(), startBind({ zones: [zone] })]);
  });

  /** A node with its own store, behind a balancer, and a CA whose certificates have this lifetime. */
  async function node(days: number) {
    const [cloud, clock] = await Promise.all([startBalancer({ https: ['abc.example.test'] }), movedClock()]);
    const { clb, responderPort } = cloud;
    const profiles = { default: { description: `${days} days`, validityMs: days * dayMs } };
    const ca = await startAcmeCa({ clock, settings: { httpPort: clb.port(80), profiles } });
    const folder = await temporaryFolder('job');
    const [store, config] = [join(folder, 'store'), join(folder, 'certfleet.yaml')];
    const endpoints = [`abc.example.test:${clb.port(443)}`];
    const configuration = {
      store: { type: 'file', path: store },
      issuers: { own: { directory: ca.directoryUrl, caFile: ca.caFile, agreeToTerms: true, test: true } },
      balancers: { slb: balancerSettings(cloud) },
      solvers: { web: { type: 'http01-forward-rule', balancer: 'slb', listen: `0.0.0.0:${responderPort}` } },
      deployers: { 'slb-https': { type: 'alibaba-clb', balancer: 'slb', listenerPort: 443 } },
      certificates: [{ name: 'abc', identifiers: ['abc.example.test'], deploy: ['slb-https'], endpoints }],
      preflight: { resolvers: [bind.server], http01Port: clb.port(80) },
    };
    await writeFile(config, JSON.stringify(configuration));
    const issuedAt = clock.now().getTime();
    const before = rulesAndGroups(cloud);
    return {
      ca,
      now: () => clock.now().getTime(),
      /** As the scheduler starts it: no terminal, only PATH in the environment. */
      run: (nextRun?: string) =>
        certfleet(['renew', '--config', config, ...(nextRun === undefined ? [] : ['--next-run', nextRun])], {
          clock,
        }),
      /** What the HTTPS listener serves. */
      certificate: async () => (await shakeHands(clb.port(443), 'abc.example.test')).fingerprint,
      async passTo(days: number) {
        await clock.passTo(new Date(issuedAt + days * dayMs).toISOString());
        clb.setClockOffset(clock.now().getTime() - Date.now());
      },
      lineage: () => readLineage(store, 'abc'),
      /** Orders at the CA and calls of the load balancer's API so far. */
      calls: () => [ca.accepted('newOrder'), clb.records.length],
      rulesMade: () => clb.calls()['CreateRules'] ?? 0,
      /** Nothing that the job made for an order is left. */
      async expectNothingLeft() {
        expect(rulesAndGroups(cloud)).toEqual(before);
        expect(await portAccepts(responderPort)).toBe(false);
        expect((await readLineage(store, 'abc')).work).toBeUndefined();
        expect([...(await documents(store, 'lock')).keys()]).toEqual([]);
        expect([...(await filesBelow(store)).keys()].filter((path) => /\/token\/|\.tmp$/.test(path))).toEqual([]);
      },
    };
  }

  const rulesAndGroups = ({ clb }: CloudBalancer) => {
    const { rules, groups } = clb.snapshot();
    return { rules, groups };
  };

  it.concurrent.each(sampled(['90 days', '64 days'] as const, 1, 'the whole circle'))(
    'with a certificate of %s, makes the whole circle once a month, and it never expires',
    async (lifetime) => {
      const nextRun = '31d';
      const job = await node(lifetimes[lifetime]);
      const first = await job.run(nextRun);
      expect(first, first.stderr).toMatchObject({ status: 0 });
      expect(first.stdout).toMatch(/^abc: issued/);
      for (let month = 1; month <= 3; month += 1) {
        await job.passTo(31 * month);
        const { current } = await job.lineage();
        expect(Date.parse(current?.facts.notAfter ?? '')).toBeGreaterThan(job.now());
        const before = await job.certificate();
        const ran = await job.run(nextRun);
        expect(ran, ran.stderr).toMatchObject({ status: 0 });
        expect(ran.stdout).toMatch(/^abc: renewed/);
        expect(stderrOf(ran)).toMatch(/renewing it early: .* the CA’s rate limits count it/);
        expect(await job.certificate()).not.toBe(before);
        expect(job.rulesMade()).toBe(month + 1);
        await job.expectNothingLeft();
      }
      // A second run on the same day, as a scheduler makes it after a failure elsewhere, does nothing.
      const calls = job.calls();
      const again = await job.run(nextRun);
      expect(again, again.stderr).toMatchObject({ status: 0 });
      expect(again.stdout).toMatch(/^abc: not due yet/);
      expect(job.calls()).toEqual(calls);
    },
  );

  const tooShort = [
    ['45 days', '22 days', '22d'],
    ['6 days', '3 days', '3d'],
  ] as const;
  for (const [lifetime, longest, flag] of sampled(tooShort, 1, 'too short'))
    itDrawn(`once a month says that it cannot hold ${lifetime}, and ends with 8`, async () => {
      const job = await node(lifetimes[lifetime]);
      const sentence =
        `a run every 31 days cannot keep abc valid: its lifetime of ${lifetime} is not more than twice that interval ` +
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
      await job.expectNothingLeft();
      // At the interval that it names, the schedule holds.
      expect((await job.run(flag)).status).toBe(0);
    });

  const schedules = [
    ['90 days', '1d'],
    ['64 days', '1d'],
    ['45 days', '1d'],
    ['6 days', '1d'],
    ['6 days', '12h'],
  ] as const;
  for (const [lifetime, nextRun] of sampled(schedules, 1, 'schedules'))
    itDrawn(`with a certificate of ${lifetime}, every ${nextRun}, does nothing until it is due`, async () => {
      const job = await node(lifetimes[lifetime]);
      expect((await job.run(nextRun)).status).toBe(0);
      const first = await job.certificate();
      const { renewal, current } = await job.lineage();
      const issued = Date.parse(current?.issuedAt ?? '');
      const dueOn = (Date.parse(renewal?.at ?? '') - issued) / dayMs;
      const interval = nextRun === '1d' ? 1 : 0.5;
      const calls = job.calls();
      // The run before last, and one in between.
      const early = (Math.ceil(dueOn / interval) - 2) * interval;
      for (const day of [interval, early]) {
        await job.passTo(day);
        const idle = await job.run(nextRun);
        expect(idle, idle.stderr).toMatchObject({ status: 0 });
        expect(idle.stdout).toMatch(/^abc: not due yet/);
        expect(job.calls()).toEqual(calls);
        expect(await job.certificate()).toBe(first);
        await job.expectNothingLeft();
      }
      // The last run before the renewal time.
      await job.passTo(early + interval);
      expect(job.now()).toBeLessThan(Date.parse(renewal?.at ?? ''));
      const due = await job.run(nextRun);
      expect(due, due.stderr).toMatchObject({ status: 0 });
      expect(due.stdout).toMatch(/^abc: renewed/);
      expect(await job.certificate()).not.toBe(first);
      expect(job.calls()[0]).toBe(calls[0]! + 1);
      expect(job.rulesMade()).toBe(2);
      await job.expectNothingLeft();
    });

  itDrawn('without --next-run renews nothing early', async () => {
    const job = await node(lifetimes['90 days']);
    await job.run();
    await job.passTo(31);
    const idle = await job.run();
    expect(idle, idle.stderr).toMatchObject({ status: 0 });
    expect(idle.stdout).toMatch(/^abc: not due yet/);
    expect((await job.run('31d')).stdout).toMatch(/^abc: renewed/);
  });

  itDrawn('gives the code of a failure, which is worse than 8', async () => {
    const job = await node(lifetimes['45 days']);
    await job.run('31d');
    await job.passTo(31);
    job.ca.settings.blocked = ['abc.example.test'];
    const ran = await job.run('31d');
    expect(ran.status).toBe(4);
    expect(stderrOf(ran)).toMatch(/abc\.example\.test.*cannot keep abc valid/);
  });
});
