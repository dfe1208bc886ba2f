import { expect, it } from 'vitest';
import { fakeProcesses } from '../../test/support/fake-processes.ts';
import { Secret } from '../core/errors/secret.ts';
import type { ProcessResult } from '../ports/processes.ts';
import type { World } from '../ports/world.ts';
import acmesh from './acmesh.ts';

// The contract suite runs with acme.sh itself in test/real/dns-acmesh.test.ts.

const { signal } = new AbortController();
const value = { zone: 'example.test', name: '_acme-challenge.example.test', value: 'abc', ttl: 60 };

function connect(environment: string, result: Partial<ProcessResult> = {}) {
  const processes = fakeProcesses({ program: () => result });
  const world = {
    files: { stat: async () => ({}), untrusted: async () => undefined },
    processes,
  } as unknown as World;
  const options = acmesh.options.parse({
    script: 'dns_dp',
    home: '/opt/acme.sh',
    environment: new Secret(environment),
  });
  return { provider: acmesh.connect({ name: 'dns', world, options }), requests: processes.ran };
}

it('runs a function of the script, with the variables in its environment', async () => {
  const base64 = Buffer.from('p@ss word').toString('base64');
  const { provider, requests } = connect(
    `# acme.sh wrote this\n\nDP_Id=1234\nSAVED_DP_Key='k e y'\nexport A="b" # c\nB='__ACME_BASE64__START_${base64}__ACME_BASE64__END_'`,
  );
  await provider.append(value, signal);
  await provider.remove(value, undefined, signal);
  expect(requests.map(({ command }) => command.slice(4))).toEqual([
    ['/opt/acme.sh', 'dns_dp', 'add', value.name, 'abc'],
    ['/opt/acme.sh', 'dns_dp', 'rm', value.name, 'abc'],
  ]);
  expect(requests[0]?.env).toMatchObject({ DP_Id: '1234', DP_Key: 'k e y', A: 'b', B: 'p@ss word' });
});

it('names the line that it cannot read, and never its text', () => {
  expect(() => connect('DP_Id=1\nsecret')).toThrow('dns: line 2 of `environment` is not KEY=VALUE');
  expect(() => connect('DP-Id=1')).toThrow('line 1 of');
});

it.each([
  [
    { stderr: '[Wed Nov 25 22:46:32 UTC 2026] \u001b[1;31;31minvalid domain: key5ecret\u001b[0m\n' },
    'invalid domain: ***',
  ],
  [{ stdout: '[Wed Nov 25 22:46:32 UTC 2026] Adding record\n' }, 'Adding record'],
  [{}, 'it exited with 1 and no output'],
])('shows the last words of a script that failed', async (words, reason) => {
  const { provider } = connect('DP_Key=key5ecret', { status: 1, ...words });
  await expect(provider.append(value, signal)).rejects.toMatchObject({
    code: 'dns/script-failed',
    message: `acme.sh’s dns_dp failed to change ${value.name}: ${reason}`,
  });
});
