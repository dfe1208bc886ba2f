import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { markIn } from '../../src/core/request-path/own-mark.ts';
import { startCluster } from '../support/alibaba-cluster.ts';
import { bindPrograms } from '../support/bind.ts';
import { itDrawn } from '../support/drawn.ts';
import { buildCertfleet, type Certfleet, documents, readLineage, succeeded } from '../support/e2e.ts';
import { sampled } from '../support/seeded.ts';
import { temporaryFolder, until } from '../support/service.ts';
import { shakeHands } from '../support/versions.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

// Deliveries to Alibaba’s load balancer that go wrong on the way. `test/crash/delivery.test.ts` kills the first one at
// every effect.

stopAllAfterwards();

describeWith(['pebble', 'openssl', ...bindPrograms], 'a delivery to Alibaba’s load balancer', () => {
  let certfleet: Certfleet;
  beforeAll(async () => {
    certfleet = await buildCertfleet();
  });

  it('that was killed is finished by the next process on another node, and no certificate is left over', async () => {
    // The listener's own certificate is for another name, so ours gets a domain extension; that of `own` is the default.
    const cluster = await startCluster({ https: ['own.example.test'], clb: { secondMs: 20 } });
    const { clb } = cluster;
    const before = clb.snapshot();
    const folder = await temporaryFolder('killed');
    const store = join(folder, 'store');
    const identifiers = { own: ['own.example.test'], abc: ['abc.example.test'] };
    const [first, second] = (await Promise.all(
      [0, 1].map(async (node): Promise<Certfleet> => {
        const config = join(folder, `node-${node}.yaml`);
        await writeFile(config, JSON.stringify(cluster.configuration(store, { node, identifiers, deliver: true })));
        return (args, how) => certfleet([...args, '--config', config], how);
      }),
    )) as [Certfleet, Certfleet];
    const uploads = () => clb.snapshot().certificates.filter(({ name }) => markIn(String(name)));

    const victims = [
      ['CreateDomainExtension', 'abc'],
      ['UploadServerCertificate', 'abc'],
      ['SetDomainExtensionAttribute', 'abc'],
      ['SetLoadBalancerHTTPSListenerAttribute', 'own'],
      ['DeleteServerCertificate', 'abc'],
    ] as const;
    const chosen = sampled(victims, 2, 'victims');
    for (const one of victims) {
      const [victim, name] = one;
      if (!chosen.includes(one)) {
        // Later ones need the versions.
        succeeded(await first(['issue', name, '--force']));
        continue;
      }
      const from = clb.records.length;
      clb.inject({ action: victim, hang: true });
      const reached = until(() => clb.records.slice(from).some(({ action }) => action === victim), {
        what: `a call of ${victim}`,
        deadlineMs: 60_000,
      });
      const killed = await first(['issue', name, '--force'], { killWhen: reached });
      expect([victim, killed.status], killed.stdout + killed.stderr).toEqual([victim, 'SIGKILL']);
      clb.clearFaults();
      succeeded(await second(['renew']));
      succeeded(await second(['sweep']));
      const said = `after ${victim}`;
      const { current } = await readLineage(store, name);
      expect((await shakeHands(clb.port(443), `${name}.example.test`)).fingerprint, said).toBe(
        current?.facts.fingerprint,
      );
      for (const lineage of Object.keys(identifiers)) {
        // The current version and the one before.
        const own = uploads().filter(({ tags }) => (tags as Record<string, string>)['certfleet-lineage'] === lineage);
        expect(own.length, `${said}: ${lineage}`).toBeLessThanOrEqual(2);
        expect(own.length, `${said}: ${lineage}`).toBeGreaterThan(0);
      }
      expect(clb.snapshot(), said).toMatchObject({ rules: before.rules, groups: before.groups });
      expect([...(await documents(store, 'lock')).keys()], said).toEqual([]);
    }
  });

  itDrawn('with a fifth of the answers lost, slow changes and throttling uploads each version once', async () => {
    const clb = { loseAnswers: 0.2, changeMs: 100, callsPerSecond: 20, seed: 11 };
    const cluster = await startCluster({ https: ['abc.example.test'], clb });
    const before = cluster.clb.snapshot();
    const folder = await temporaryFolder('lossy');
    const [store, config] = [join(folder, 'store'), join(folder, 'certfleet.yaml')];
    const identifiers = { abc: ['abc.example.test'], two: ['two.example.test'] };
    await writeFile(config, JSON.stringify(cluster.configuration(store, { identifiers, deliver: true })));
    for (const args of [['issue'], ['renew', '--force']]) succeeded(await certfleet([...args, '--config', config]));
    await cluster.clb.settled();
    const after = cluster.clb.snapshot();
    expect(after).toMatchObject({ rules: before.rules, groups: before.groups });
    // By hand, and two versions of each; one name shares the default certificate, the other has an extension.
    expect([after.certificates.length, after.extensions.length]).toEqual([5, 1]);
    for (const name of Object.keys(identifiers)) {
      const { current } = await readLineage(store, name);
      const { fingerprint } = await shakeHands(cluster.clb.port(443), `${name}.example.test`);
      expect(fingerprint).toBe(current?.facts.fingerprint);
    }
    expect([...(await documents(store, 'lock')).keys()]).toEqual([]);
  });
});
