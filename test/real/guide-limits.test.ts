import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { main } from '../../src/cli/main.ts';
import { type SimulatedFleetBench, simulatedFleetBench } from '../support/fleet-bench.ts';
import { bareEnvironment, repositoryRoot, temporaryFolder } from '../support/service.ts';
import { stopAllAfterwards } from '../support/vitest.ts';

// The examples of docs/guides/rate-limits.md: each command in this order, at a CA whose limits are those of Let's
// Encrypt, with 60 certificates for names of one domain. What the guide shows is what certfleet prints, but for times.

stopAllAfterwards();

const guide = readFileSync(join(repositoryRoot, 'docs/guides/rate-limits.md'), 'utf8');
const examples = [...guide.matchAll(/^```console\n\$ certfleet ([^\n]*)\n(.*?)^```$/gms)].map(
  ([, command = '', text = '']) => ({
    command,
    shown: text.split('\n').filter((line) => line.trim() !== '' && line !== '…'),
  }),
);

/** A line without what differs from run to run: times, the width of columns, and the CA's address. */
const likeLine = (line: string): string =>
  line
    .replaceAll(/\d{4}-\d\d-\d\d( \d\d:\d\d UTC)?/g, 'TIME')
    .replaceAll(/https:\S+\/(directory|dir)\b/g, 'DIRECTORY')
    .replaceAll(/(in |\()\d+ (minutes|hours|days)\b/g, 'SPAN')
    .replaceAll(/shop-\d\d, shop-\d\d, shop-\d\d and/g, 'THREE and')
    .replaceAll(/ --config \S+?(?=`|$)/g, '')
    .replaceAll(/\s+/g, ' ')
    .trim();

let bench: SimulatedFleetBench;
let file: string;
beforeAll(async () => {
  bench = await simulatedFleetBench({
    bind: { zones: [{ name: 'example.com', records: ['@ A 127.0.0.1', '* A 127.0.0.1'] }] },
  });
  const folder = await temporaryFolder('guide-limits');
  file = join(folder, 'certfleet.yaml');
  const { directoryUrl, caFile } = bench.proxy;
  const names = Array.from({ length: 60 }, (_, i) => `shop-${String(i + 1).padStart(2, '0')}`);
  await writeFile(
    file,
    `store: { type: file, path: ${join(folder, 'store')} }
issuers:
  letsencrypt:
    directory: ${directoryUrl}
    caFile: ${caFile}
    agreeToTerms: true
    limits: { newOrdersPerAccount: 300/3h, certificatesPerDomain: 50/7d, certificatesPerSet: 5/7d, failedAuthorizations: 5/1h }
solvers:
  web: { type: http01-webroot, folders: [${bench.webroot}] }
preflight: { resolvers: ["${bench.bind.server}"], http01Port: ${bench.httpPort} }
certificates:
${names.map((name) => `  - { name: ${name}, identifiers: [${name}.example.com] }`).join('\n')}
`,
  );
}, 60_000);

async function run(command: string): Promise<{ readonly code: number; readonly said: string }> {
  const said: string[] = [];
  const output = { write: (text: string) => said.push(text) };
  const code = await main([...command.split(' '), '--config', file], {
    env: bareEnvironment(),
    ...{ stdout: output, stderr: output, isTerminal: false },
  });
  return { code, said: said.join('') };
}

describe('the guide about rate limits', () => {
  it('shows what certfleet prints', async () => {
    const [first, ...others] = examples.toSorted((a) => (a.command === 'issue' ? -1 : 1));
    expect([first?.command, others.length]).toEqual(['issue', 4]);
    for (const { command, shown } of [first!, ...others]) {
      const { code, said } = await run(command);
      expect(code, said).toBe(0);
      const lines = new Set(said.split('\n').map(likeLine));
      expect(
        shown.filter((line) => !lines.has(likeLine(line))),
        said,
      ).toEqual([]);
    }
  }, 120_000);

  it.each(['plan --until 30d', 'plan --until 365d --json', 'limits --issuer letsencrypt-staging'])(
    'has a command that works: %s',
    async (command) => {
      expect(guide).toContain(`certfleet ${command}\n`);
      expect(await run(command)).toMatchObject({ code: 0 });
    },
  );
});
