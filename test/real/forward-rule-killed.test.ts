import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { markIn } from '../../src/core/own-mark.ts';
import { startCluster } from '../support/alibaba-cluster.ts';
import { bindPrograms } from '../support/bind.ts';
import { buildCertfleet, type Certfleet, documents, readLineage, succeeded } from '../support/e2e.ts';
import { temporaryFolder, until } from '../support/service.ts';
import { shakeHands } from '../support/versions.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

// A process that is killed while it delivers to Alibaba's load balancer. `test/crash/forward-rule.test.ts` kills it at
// every effect of the order.

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

    for (const [victim, name] of [
      ['CreateDomainExtension', 'abc'],
      ['UploadServerCertificate', 'abc'],
      ['SetDomainExtensionAttribute', 'abc'],
      ['SetLoadBalancerHTTPSListenerAttribute', 'own'],
      ['DeleteServerCertificate', 'abc'],
    ] as const) {
      const from = clb.records.length;
      // Done, and no answer.
      clb.inject({ action: victim, cut: 'after' });
      const reached = until(() => clb.records.slice(from).some(({ action }) => action === victim), {
        what: `a call of ${victim}`,
        deadlineMs: 60_000,
        everyMs: 2,
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
  }, 120_000);
});
