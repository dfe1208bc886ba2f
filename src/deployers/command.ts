import { join } from 'node:path';
import { createLiveDeployer, safeName } from '../clients/live-deployer.ts';
import { lastWords, targetName } from '../clients/target.ts';
import { fail } from '../core/errors.ts';
import { identifierKey } from '../core/identifier.ts';
import { defineDeployer, duration, wholePath, z } from '../define.ts';

export default defineDeployer({
  id: 'command',
  title: 'Command (certbot’s deploy hook)',
  homepage: 'https://eff-certbot.readthedocs.io/en/stable/using.html#renewing-certificates',
  since: '0.1.0',
  options: z.strictObject({
    run: z
      .union([z.string().min(1), z.tuple([z.string().min(1)], z.string())])
      .meta({ title: 'Shell command, or program and arguments', examples: ['systemctl reload postfix'] }),
    env: z.record(z.string(), z.string()).default({}).meta({ title: 'More environment variables for it' }),
    // Long enough to copy files to a slow machine and restart a service; a hook that hangs must not hold the pass.
    timeout: duration('How long it may take').prefault('2m'),
    path: wholePath()
      .optional()
      .meta({ title: 'Root folder of the files it is given; by default deployed/<deployer> in the store’s folder' }),
  }),
  notes: `The command finds \`RENEWED_LINEAGE\` (a folder with \`cert.pem chain.pem fullchain.pem privkey.pem\`) and
\`RENEWED_DOMAINS\` (the names, with spaces between) in its environment, as certbot's deploy hooks do; also this
process's own environment without \`CERTFLEET_*\`. It must be repeatable: it runs again when certfleet was killed before
it had ended, and for the version before when a deployment goes back. When it fails, \`live/<name>\` leads to the version
before again; what the command did elsewhere is not undone.`,
  connect({ options, name, world, folder: besideStore }) {
    const root = options.path ?? (besideStore && join(besideStore, safeName(name)));
    if (root === undefined) {
      const problem = 'the option "path" is missing, and this store has no folder to put it beside';
      throw fail('config/invalid', { file: targetName('command', name), problem });
    }
    const command: readonly [string, ...string[]] =
      typeof options.run === 'string' ? ['/bin/sh', '-c', options.run] : options.run;
    return createLiveDeployer({
      type: 'command',
      runsAfter: true,
      name,
      files: world.files,
      root,
      reload: {
        missing: 'the command has not succeeded for it yet',
        async run(version, signal) {
          const result = await world.processes.run({
            command,
            env: {
              ...inherited(),
              ...options.env,
              RENEWED_LINEAGE: join(root, 'live', version.lineage),
              RENEWED_DOMAINS: version.facts.identifiers.map(identifierKey).join(' '),
            },
            signal,
            timeoutMs: options.timeout,
          });
          if (result.status === 0) return;
          throw new Error(`the command ended with ${result.status}: ${lastWords(result, version.keyPem)}`);
        },
      },
    });
  },
});

// cron's and systemd's own PATH where there is none at all. Credentials of certfleet's adapters are not the hook's.
function inherited(): Record<string, string> {
  const entries = Object.entries(process.env).filter(([name]) => !name.startsWith('CERTFLEET_'));
  const env = Object.fromEntries(entries.filter((entry): entry is [string, string] => entry[1] !== undefined));
  return { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', ...env };
}
