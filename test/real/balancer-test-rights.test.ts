import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { bindPrograms, startBind } from '../support/bind.ts';
import { alibabaAlb, type CloudListeners, huaweiElb, responders } from '../support/cloud-listeners.ts';
import { buildCertfleet, type Certfleet, stderrOf, succeeded } from '../support/e2e.ts';
import { sampled } from '../support/seeded.ts';
import { freePort, temporaryFolder } from '../support/service.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

// `certfleet balancer test` at ALB and ELB with a key that lacks a right: it names the right, and leaves nothing that the
// key may remove.

/** What a test of a balancer needs, and of it what removes things. */
const rights = {
  'alibaba-alb': {
    needed: [
      ...['ListLoadBalancers', 'ListListeners', 'ListRules', 'ListServerGroups', 'GetListenerHealthStatus'],
      ...['CreateServerGroup', 'AddServersToServerGroup', 'CreateRule', 'DeleteRule', 'DeleteServerGroup'],
    ].map((action) => `alb:${action}`),
    removes: ['alb:DeleteRule', 'alb:DeleteServerGroup'],
  },
  'huawei-elb': {
    needed: [
      ...['loadbalancers:get', 'listeners:list', 'l7policies:list', 'pools:list', 'members:list'],
      ...['l7policies:create', 'pools:create', 'members:create', 'healthmonitors:create'],
      ...['l7policies:delete', 'pools:delete', 'members:delete', 'healthmonitors:delete'],
    ].map((action) => `elb:${action}`),
    // It deletes no group that has members.
    removes: ['l7policies:delete', 'pools:delete', 'members:list', 'members:delete', 'healthmonitors:delete'].map(
      (action) => `elb:${action}`,
    ),
  },
};

stopAllAfterwards();

describeWith([...bindPrograms], 'certfleet balancer test with a key that lacks a right', () => {
  describe.each([['alibaba-alb', alibabaAlb] as const, ['huawei-elb', huaweiElb] as const])('%s', (type, start) => {
    const { needed, removes } = rights[type];
    let [cloud, run]: [CloudListeners?, Certfleet?] = [];

    beforeAll(async () => {
      const [certfleet, bind, port, folder] = await Promise.all([
        buildCertfleet(),
        startBind({ zones: [{ name: 'example.test', records: ['@ A 127.0.0.1', '* A 127.0.0.1'] }] }),
        freePort(),
        temporaryFolder('balancer-test'),
      ]);
      cloud = await start(port);
      const config = join(folder, 'certfleet.yaml');
      const settings = {
        store: { type: 'file', path: join(folder, 'store') },
        balancers: { cloud: cloud.balancer(0) },
        solvers: { web: { type: 'http01-forward-rule', balancer: 'cloud', listen: `${responders[0]}:${port}` } },
        // Doctor asks no CA.
        issuers: { none: { directory: 'https://127.0.0.1:9/dir', agreeToTerms: true, test: true } },
        deployers: { https: cloud.deployer },
        certificates: [
          { name: 'abc', identifiers: ['abc.example.test'], issuer: 'none', solver: 'web', deploy: ['https'] },
        ],
        preflight: { resolvers: [bind.server], http01Port: cloud.httpPort },
      };
      await writeFile(config, JSON.stringify(settings));
      run = (args, how) => certfleet([...args, '--config', config], how);
    });

    it('and doctor shows the rights and the room of the balancer and the target', async () => {
      const { stdout } = await run!(['doctor', 'abc']);
      expect(stdout.match(/[✓✗?] rights +\d+ of \d+ actions were tried/g)).toHaveLength(2);
      expect(stdout).toMatch(/✓ listener .*room for \d+ more/);
      expect(stdout).toMatch(/✓ room .*and needs 1 more/);
    });

    it.each(sampled(needed, 1, `rights of ${type}`))('%s', async (right) => {
      const before = cloud!.rules();
      cloud!.deny(right);
      const tried = await run!(['balancer', 'test', 'cloud', 'abc.example.test']);
      expect(tried.status, stderrOf(tried)).toBe(5);
      expect(stderrOf(tried)).toContain(`lacks ${right}`);
      if (!removes.includes(right)) expect(cloud!.rules()).toEqual(before);
      cloud!.deny();
      succeeded(await run!(['balancer', 'test', 'cloud', 'abc.example.test']));
    });
  });
});
