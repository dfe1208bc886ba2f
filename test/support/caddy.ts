import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ownNetwork } from './rights.ts';
import { findProgram, startService, temporaryFolder } from './service.ts';
import type { Needed } from './vitest.ts';

/** Debian's Caddy is also a CA, with the ACME server of smallstep. */
export interface CaddyCa {
  readonly directoryUrl: string;
  /** The root of its own HTTPS, and of what it issues. */
  readonly rootFile: string;
  /** A prefix that runs a command where the CA is: it validates at port 80, so it has a network of its own. */
  readonly inside: readonly string[];
}

export const needsOfCaddy: readonly Needed[] = ['caddy', 'unshare', 'nsenter', 'ip', 'mount', ownNetwork];

export async function startCaddyCa(names: readonly string[]): Promise<CaddyCa> {
  const folder = await temporaryFolder('caddy');
  const host = 'ca.example.test';
  await writeFile(
    join(folder, 'Caddyfile'),
    `{
	admin off
	skip_install_trust
	http_port 18080
	https_port 14443
}
${host}:14443 {
	tls internal
	acme_server
}
`,
  );
  // There is no DNS: caddy and certfleet find the names in this file.
  await writeFile(join(folder, 'hosts'), `127.0.0.1 localhost ${host} ${names.join(' ')}\n`);
  await writeFile(join(folder, 'resolv.conf'), '');
  const isRoot = process.getuid?.() === 0;
  const script = `ip link set lo up
    mount --bind hosts /etc/hosts && mount --bind resolv.conf /etc/resolv.conf && exec caddy run --config Caddyfile`;
  const service = await startService({
    name: 'caddy',
    program: findProgram('unshare')!,
    args: ['--net', '--mount', ...(isRoot ? [] : ['--map-root-user']), 'sh', '-ec', `cd ${folder}; ${script}`],
    env: { HOME: folder, XDG_DATA_HOME: join(folder, 'data'), XDG_CONFIG_HOME: join(folder, 'config') },
    // Its own certificate is what it makes last.
    ready: () => existsSync(join(folder, `data/caddy/certificates/local/${host}/${host}.crt`)),
  });
  const user = isRoot ? [] : ['--user', '--preserve-credentials'];
  return {
    directoryUrl: `https://${host}:14443/acme/local/directory`,
    rootFile: join(folder, 'data/caddy/pki/authorities/local/root.crt'),
    inside: [findProgram('nsenter')!, '--target', String(service.pid), ...user, '--net', '--mount'],
  };
}
