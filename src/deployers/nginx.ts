import { createLiveDeployer } from '../clients/folders/live-deployer.ts';
import { lastWords, targetName } from '../clients/folders/target.ts';
import { runNginx } from '../clients/nginx.ts';
import { fail } from '../core/errors/errors.ts';
import { defineDeployer, passEnvironment, wholePath, z } from '../define.ts';
import type { VersionBundle } from '../ports/deployer.ts';

const command = (title: string) => z.tuple([z.string().min(1)], z.string()).meta({ title, local: true });

export default defineDeployer({
  id: 'nginx',
  title: 'nginx',
  homepage: 'https://nginx.org/en/docs/control.html',
  since: '0.1.0',
  ofNode: true,
  byFolder: true,
  webServer: 'nginx',
  options: z.strictObject({
    path: wholePath().meta({
      title: 'Root folder; `live/` and `archive/` are created in it',
      examples: ['/etc/nginx/certs'],
    }),
    test: command('Program and arguments that test the configuration').default(['nginx', '-t']),
    reload: command('Program and arguments that reload it').default(['nginx', '-s', 'reload']),
    passEnvironment: passEnvironment(),
  }),
  notes: `In the server block: \`ssl_certificate <path>/live/<name>/fullchain.pem\` and \`ssl_certificate_key
<path>/live/<name>/privkey.pem\`. The files are swapped in one step, the configuration is tested, nginx is reloaded. If
the test fails, the previous files are restored before the error is reported. nginx does not start while a file that it
names is missing: add the server block after the first delivery, or begin with a self-signed certificate in another
folder. If nginx is not running at the first delivery, the files stay, so that it can start, and \`renew\` reports the
target as pending until a reload succeeds. certfleet must be allowed to signal nginx (root, or \`reload: [sudo, …]\`). Of
certfleet's own environment, the commands get the [listed
variables](../guides/deliver.md#the-environment-of-a-hook) and those of \`passEnvironment\`.`,
  connect({ options, name, world }) {
    const target = targetName('nginx', name);

    /** Runs one of nginx's own commands. Returns its output if it failed. */
    async function run(
      command: readonly [string, ...string[]],
      version: VersionBundle,
      signal: AbortSignal,
    ): Promise<string | undefined> {
      const result = await runNginx(world.processes, command, { passEnvironment: options.passEnvironment, signal });
      if (!result) return undefined;
      return `\`${command.join(' ')}\` ended with ${result.status}: ${lastWords(result, version.keyPem)}`;
    }

    return createLiveDeployer({
      type: 'nginx',
      name,
      files: world.files,
      root: options.path,
      reload: {
        missing: 'nginx has not been reloaded with it yet',
        forAll: true,
        settings: [options.test, options.reload, options.passEnvironment],
        async check([version], signal) {
          const output = await run(options.test, version, signal);
          if (output === undefined) return;
          throw fail('deploy/config-test-failed', { target, certificate: version.lineage, output });
        },
        async run([version], signal) {
          const output = await run(options.reload, version, signal);
          if (output !== undefined) throw new Error(output);
        },
        keepFirst: true,
      },
    });
  },
});
