import { cleaned } from '../clients/http/json-api.ts';
import { fail, isFailure, reasonOf } from '../core/errors/errors.ts';
import { Secret } from '../core/errors/secret.ts';
import { pairIn } from '../core/text/key-value.ts';
import { untrustedCode } from '../core/trust/untrusted-code.ts';
import { defineDnsProvider, duration, passEnvironment, secret, wholePath, z } from '../define.ts';
import { hookEnvironment } from '../lib/processes/hook-environment.ts';
import type { DnsValue } from '../ports/dns-provider.ts';

/** The folder of Debian's package. acme.sh itself installs into the home folder. */
const debian = '/usr/share/acme.sh';

/**
 * Runs a function of the script, with those that acme.sh provides: acme.sh is sourced whole, with a command that does
 * nothing. It would store the credentials in its own configuration, so the function that writes there is replaced.
 */
const program = `
folder=$1 script=$2 action=$3 name=$4 value=$5
own=$(mktemp -d) || exit 1
trap 'rm -rf "$own"' EXIT
export TMPDIR="$own" LE_WORKING_DIR="$folder" LE_CONFIG_HOME="$own" ACCOUNT_CONF_PATH="$own/account.conf" DOMAIN_CONF="$own/domain.conf"
set -- true
. "$folder/acme.sh" || exit 1
_save_conf() { :; }
_clear_conf() { :; }
. "$folder/dnsapi/$script.sh" || exit 1
"\${script}_$action" "$name" "$value"
`;

export default defineDnsProvider({
  id: 'acmesh',
  title: 'A script of acme.sh',
  homepage: 'https://github.com/acmesh-official/acme.sh',
  apiDocs: 'https://github.com/acmesh-official/acme.sh/wiki/dnsapi',
  since: '0.1.0',
  tested: 'acme.sh 3.1.1',
  options: z.strictObject({
    script: z
      .string()
      .regex(/^dns_\w+$/, { error: 'expected the name of a script without `.sh`, like dns_dp' })
      .meta({ title: 'The script, as acme.sh takes it after `--dns`', examples: ['dns_dp'], local: true }),
    environment: secret('The variables of the script, one `KEY=VALUE` a line')
      .optional()
      .describe('Quotes and `export` may be there, and acme.sh’s own `account.conf` is understood.'),
    home: wholePath()
      .optional()
      .meta({
        title: 'Where acme.sh is installed',
        description: 'By default `~/.acme.sh`, else `/usr/share/acme.sh`, where Debian has it.',
        examples: ['/root/.acme.sh'],
      }),
    passEnvironment: passEnvironment(),
    timeout: duration('How long the script may run').prefault('5m'),
  }),
  notes: `For a provider that certfleet does not know: acme.sh has scripts for some 170. It needs bash, and acme.sh installed, but not
used otherwise. The script gets the variables of \`environment\` and the [variables that every hook
gets](../guides/deliver.md#the-environment-of-a-hook), and stores nothing.

\`\`\`yaml
solvers:
  dns: { type: dns01, provider: acmesh, options: { script: dns_dp, environment: "file:/root/.acme.sh/account.conf" } }
\`\`\`

Use a provider of certfleet’s own where there is one. It knows why an API refused a change, and many scripts do less:
some remove every TXT value at the name (\`dns_nsupdate\`), and after a crash, some add a value a second time.`,
  // Many scripts read a whole set or zone and write it back. acme.sh waits up to 20 minutes for a change to be visible.
  traits: { writes: 'zone', minTtl: 0, maxConcurrent: 4, visibleMs: 1_200_000, cleanupBudgetMs: 120_000 },
  connect({ name: configured, options, world }) {
    const { script, timeout } = options;
    const variables = options.environment ? variablesIn(options.environment, configured) : {};
    const secrets = [...Object.values(variables), ...(options.environment ? [options.environment.reveal()] : [])].map(
      (text) => new Secret(text),
    );

    async function findHome(): Promise<string> {
      const env = hookEnvironment([]);
      const homes = options.home === undefined ? [`${env['HOME']}/.acme.sh`, debian] : [options.home];
      const isThere = async (home: string) =>
        (await world.files.stat(`${home}/acme.sh`).catch(() => undefined)) !== undefined;
      let found: string | undefined;
      for (const home of homes) if (found === undefined && (await isThere(home))) found = home;
      const problem = (text: string) => fail('config/invalid', { file: configured, problem: text });
      if (found === undefined)
        throw problem(`there is no ${homes[0]}/acme.sh: install acme.sh, or name its folder in \`home\``);
      for (const path of [`${found}/acme.sh`, `${found}/dnsapi/${script}.sh`]) {
        if ((await world.files.stat(path).catch(() => undefined)) === undefined)
          throw problem(`there is no ${path}: \`script\` must be one of those in ${found}/dnsapi`);
        const untrusted = await world.files.untrusted(path);
        if (untrusted) throw untrustedCode(path, untrusted);
      }
      return found;
    }

    async function change(action: 'add' | 'rm', { name, value }: DnsValue, signal: AbortSignal): Promise<void> {
      signal.throwIfAborted();
      const home = await findHome();
      const result = await world.processes
        .run({
          command: ['bash', '-c', program, 'bash', home, script, action, name, value],
          env: { ...hookEnvironment(options.passEnvironment), ...variables },
          cwd: '/',
          timeoutMs: timeout,
          signal,
        })
        .catch((error: unknown) => {
          // The error's message contains the whole program.
          if (isFailure(error, 'process/failed'))
            throw fail('process/failed', { command: 'bash', reason: reasonOf(error.cause) });
          if (isFailure(error, 'process/timeout'))
            throw fail('process/timeout', { command: `${script}_${action}`, seconds: Math.round(timeout / 1_000) });
          throw error;
        });
      if (result.status === 0) return;
      const said = lastWords(result.stderr) || lastWords(result.stdout);
      throw fail('dns/script-failed', {
        script: `acme.sh’s ${script}`,
        name,
        reason: cleaned(said, secrets) || `it exited with ${result.status} and no output`,
        advice: `Check the variables of ${script} in \`environment\`; they are listed at the top of ${home}/dnsapi/${script}.sh.`,
      });
    }

    return {
      kind: 'values',
      async append(value, signal) {
        await change('add', value, signal);
        return undefined;
      },
      remove: (value, _made, signal) => change('rm', value, signal),
      async check(_zone: string, over: AbortSignal) {
        over.throwIfAborted();
        await findHome();
      },
    };
  },
});

/** The form in which acme.sh stores values: base64 between these words, with `SAVED_` in front of the name. */
const encoded = /^__ACME_BASE64__START_(.*)__ACME_BASE64__END_$/;

function variablesIn(environment: Secret, configured: string): Readonly<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const [at, line] of environment.reveal().split(/\r?\n/).entries()) {
    if (/^\s*(#|$)/.test(line)) continue;
    const pair = pairIn(line);
    if (!pair || !/^[A-Za-z_]\w*$/.test(pair[0]))
      throw fail('config/invalid', { file: configured, problem: `line ${at + 1} of \`environment\` is not KEY=VALUE` });
    const [key, value] = pair;
    const packed = encoded.exec(value)?.[1];
    found[key.replace(/^SAVED_/, '')] = packed === undefined ? value : Buffer.from(packed, 'base64').toString('utf8');
  }
  return found;
}

/** Returns the last lines of the output, without acme.sh's times in front, and without its colours. */
function lastWords(output: string): string {
  const lines = output
    .replaceAll(/\u001b\[[\d;]*m/g, '')
    .split('\n')
    .map((line) => line.replace(/^\[[^\]]*\d{4}[^\]]*\]\s*/, '').trim())
    .filter((line) => line !== '');
  return lines.slice(-3).join('; ');
}
