import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Bind, startBind } from '../../test/support/bind.ts';
import { startNginx } from '../../test/support/nginx.ts';
import { type Pebble, startPebble } from '../../test/support/pebble.ts';
import { repositoryRoot, temporaryFolder } from '../../test/support/service.ts';

export const cli = join(repositoryRoot, 'dist/cli.js');
export const node = process.execPath;

/** The servers every row with a CA runs against: everybody's client has the same CA, DNS and web server. */
export interface Rig {
  readonly folder: string;
  readonly webroot: string;
  readonly pebble: Pebble;
  readonly bind: Bind;
  /** For clients in Python and for acme-client: Pebble's own HTTPS is to be trusted. */
  readonly trust: Readonly<Record<string, string>>;
}

export async function startRig(): Promise<Rig> {
  const folder = await temporaryFolder('bench');
  const webroot = join(folder, 'webroot');
  await mkdir(webroot, { mode: 0o755 });
  const bind = await startBind({
    zones: [{ name: 'example.test', records: ['@ A 127.0.0.1', '* A 127.0.0.1', 'wild A 127.0.0.1'] }],
  });
  const nginx = await startNginx({ webroot });
  // startPebble's own defaults are the quick ones: no validation delay, no bad nonces, no reuse, Retry-After 0.
  const pebble = await startPebble({ dnsServer: bind.server, httpPort: nginx.httpPort });
  const trust = {
    SSL_CERT_FILE: pebble.caFile,
    REQUESTS_CA_BUNDLE: pebble.caFile,
    NODE_EXTRA_CA_CERTS: pebble.caFile,
  };
  return { folder, webroot, pebble, bind, trust };
}

export interface Wanted {
  readonly name: string;
  readonly identifiers: readonly string[];
  readonly solver: 'webroot' | 'dns';
}

/** A configuration in a folder of its own, with an own store; answers the folder. Preflight and `files` are on. */
export async function configure(rig: Rig, name: string, wanted: readonly Wanted[]): Promise<string> {
  const folder = join(rig.folder, name);
  await mkdir(folder);
  const tsig = join(folder, 'tsig');
  await writeFile(tsig, rig.bind.key.secret, { mode: 0o600 });
  const certificates = wanted.map((one) =>
    JSON.stringify({ ...one, issuer: 'pebble', deploy: ['files'] } satisfies Record<string, unknown>),
  );
  await writeFile(
    join(folder, 'certfleet.yaml'),
    `store: { type: file, path: ${join(folder, 'store')} }
issuers: { pebble: { directory: "${rig.pebble.directoryUrl}", caFile: ${rig.pebble.caFile}, test: true, agreeToTerms: true } }
solvers:
  webroot: { type: http01-webroot, folders: ${rig.webroot} }
  dns:
    type: dns01
    provider: rfc2136
    options: { server: "${rig.bind.server}", keyName: ${rig.bind.key.name}, secret: "file:${tsig}" }
    dns: { zone: example.test, nameservers: ["${rig.bind.server}"] }
deployers: { files: { type: files, path: ${join(folder, 'certs')} } }
preflight: { resolvers: ["${rig.bind.server}"], http01Port: ${rig.pebble.httpPort} }
${['certificates:', ...certificates.map((line) => `  - ${line}`)].slice(certificates.length === 0 ? 1 : 0).join('\n')}
`,
  );
  return folder;
}

/** The command line of `certfleet …` with the configuration of {@link configure}. */
export const certfleet = (folder: string, ...args: readonly string[]): readonly string[] => [
  node,
  cli,
  ...args,
  '--quiet',
  '--config',
  join(folder, 'certfleet.yaml'),
];

/** An npm package that is only compared with, kept out of package.json; answers its folder. */
export function installPeer(name: string, version: string): string {
  const prefix = join(repositoryRoot, '.cache/bench');
  const folder = join(prefix, 'node_modules', name);
  if (!existsSync(folder)) {
    console.error(`bench: installing ${name}@${version} into .cache/bench`);
    const args = ['install', '--no-audit', '--no-fund', '--ignore-scripts', '--prefix', prefix, `${name}@${version}`];
    execFileSync('npm', args, { stdio: ['ignore', 'ignore', 'inherit'] });
  }
  return folder;
}
