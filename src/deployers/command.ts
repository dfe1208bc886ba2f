import { join } from 'node:path';
import { createLiveDeployer, safeName } from '../clients/folders/live-deployer.ts';
import { needsEach } from '../clients/folders/needs-each.ts';
import { lastWords, targetName } from '../clients/folders/target.ts';
import { refuseUntrustedPrograms } from '../clients/hook-programs.ts';
import { fail } from '../core/errors/errors.ts';
import { identifierKey } from '../core/names/identifier.ts';
import { defineDeployer, duration, once, passEnvironment, wholePath, z } from '../define.ts';
import { hookEnvironment } from '../lib/processes/hook-environment.ts';

export default defineDeployer({
  id: 'command',
  title: 'Command (certbot’s deploy hook)',
  homepage: 'https://eff-certbot.readthedocs.io/en/stable/using.html#renewing-certificates',
  since: '0.1.0',
  ofNode: true,
  runsCommand: true,
  options: z.strictObject({
    run: z
      .union([z.string().min(1), z.tuple([z.string().min(1)], z.string())])
      .meta({ title: 'Shell command, or program and arguments', examples: ['systemctl reload postfix'], local: true }),
    env: z.record(z.string(), z.string()).default({}).meta({ title: 'More environment variables for it', local: true }),
    passEnvironment: passEnvironment(),
    // Long enough to copy files to a slow machine and restart a service; a hook that hangs must not block the pass.
    timeout: duration('How long it may take').prefault('2m'),
    once: once(),
    path: wholePath().optional().meta({
      title:
        'Root folder of the files that the command gets; by default deployed/<node>/<deployer> in the store’s folder',
    }),
  }),
  notes: `The environment contains \`RENEWED_LINEAGE\` (a folder with \`cert.pem chain.pem fullchain.pem privkey.pem\`) and
\`RENEWED_DOMAINS\` (the names, separated by spaces), as for certbot's deploy hooks. Of certfleet's own environment it
contains the [listed variables](../guides/deliver.md#the-environment-of-a-hook) and those of
\`passEnvironment\`. If several certificates of a pass have this target, a command that is the same for all of them, such
as \`systemctl reload nginx\`, runs once for all of them, without these two variables. A command that mentions
\`RENEWED_LINEAGE\` or \`RENEWED_DOMAINS\`, or names a program outside of \`/bin\`, \`/sbin\`, \`/usr/bin\` and \`/usr/sbin\` by its
path, runs for each certificate. \`once\` decides otherwise. The command must be repeatable: it runs again if certfleet is killed before it has ended, and
with the previous version if a deployment goes back. If it fails, \`live/<name>\` points to the previous version again;
what the command did elsewhere is not undone.`,
  connect({ options, name, world, folder: besideStore }) {
    const root = options.path ?? (besideStore && join(besideStore, safeName(name)));
    if (root === undefined) {
      const problem = 'the option "path" is missing, and this store has no folder to use instead';
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
        missing: 'the command has not succeeded with it yet',
        forAll: options.once ?? !needsEach(options.run),
        // Without `timeout` and `once`, because what the command has done stays done under other limits.
        settings: [options.run, options.env, options.passEnvironment],
        check: () =>
          refuseUntrustedPrograms(world.files, options.run, hookEnvironment(options.passEnvironment)['HOME']),
        async run(versions, signal) {
          const [version] = versions;
          const ofOne = {
            RENEWED_LINEAGE: join(root, 'live', version.lineage),
            RENEWED_DOMAINS: version.facts.identifiers.map(identifierKey).join(' '),
          };
          const result = await world.processes.run({
            command,
            env: {
              ...hookEnvironment(options.passEnvironment),
              ...(versions.length === 1 ? ofOne : {}),
              ...options.env,
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
