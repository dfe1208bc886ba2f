import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { bindPrograms } from '../support/bind.ts';
import { repositoryRoot } from '../support/service.ts';
import { describeWith } from '../support/vitest.ts';

// The demo ends with an error itself if something that it shows does not hold.

const demo = (...args: readonly string[]) =>
  promisify(execFile)(process.execPath, ['--import', 'tsx', 'scripts/demo.ts', ...args], { cwd: repositoryRoot });

describeWith(['pebble', 'haproxy', 'openssl', ...bindPrograms], '`npm run demo`', () => {
  it('shows certificates over HTTP-01 and DNS-01, a renewal and a kill', async () => {
    const { stdout } = await demo();
    expect(stdout).toMatch(/none failed; now certificate/);
    expect(stdout).toMatch(/killed by SIGKILL/);
    expect(stdout).toMatch(/http:\/\/127\.0\.0\.1:\d+\/ says: All 2 certificates are well/);
    expect(stdout).toMatch(/Everything worked/);
  });

  it('--balancer alibaba-clb shows the whole circle behind a load balancer', async () => {
    const { stdout } = await demo('--balancer', 'alibaba-clb');
    // The load balancer prints its changes beside certfleet, so this line may come after "abc: issued".
    expect(stdout).toContain('HTTPS listener on port 443 has the certificate');
    const steps = [
      'returns a different',
      'group cf-.* made: i-node1 port',
      'rule cf-.* made: \\* /\\.well-known/acme-challenge/',
      'the health check is good',
      'asking pebble to validate',
      'rule removed',
      'group removed',
      'abc: issued',
      'rules: none',
      'node a answers, certificate',
      'killed by SIGKILL',
      'rules: cf-',
      'removed: abc: the forward rule',
      'rules: none',
      'abc: renewed',
      'Everything worked',
    ];
    expect(stdout).toMatch(new RegExp(steps.join('[^]*')));
  });

  it('says which balancers it can show', async () => {
    const ran = demo('--balancer', 'nosuch');
    await expect(ran).rejects.toMatchObject({ code: 1, stderr: expect.stringContaining('--balancer alibaba-clb') });
  });
});
