import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Bind, startBind } from '../../test/support/bind.ts';
import { startNginx } from '../../test/support/nginx.ts';
import { type Pebble, startPebble } from '../../test/support/pebble.ts';
import { repositoryRoot, temporaryFolder } from '../../test/support/service.ts';

export const cli = join(repositoryRoot, 'dist/cli.cjs');
export const node = process.execPath;

/** How much of a row is measured. */
export interface Size {
  /** Repetitions of a measurement. */
  rounds(usual: number): number;
  /** Certificates. */
  count(usual: number): number;
}

/** The servers every row runs against: every client has the same CA, DNS and web server. */
export interface Rig extends Size {
  readonly folder: string;
  readonly webroot: string;
  readonly ca: Pick<Pebble, 'directoryUrl' | 'caFile'>;
  /** Behind {@link ca}, unless a row puts something else in its place. */
  readonly pebble: Pebble;
  /** Where the CA asks for HTTP-01. */
  readonly httpPort: number;
  readonly bind: Bind;
  /** For clients in Python and for acme-client, so that they trust the CA's own HTTPS. */
  readonly trust: Readonly<Record<string, string>>;
}

export async function startRig(size: Size): Promise<Rig> {
  const folder = await temporaryFolder('bench');
  // Also for what is measured: the code cache is below it.
  process.env['CERTFLEET_ROOT'] = join(folder, 'root');
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
  return { ...size, folder, webroot, ca: pebble, pebble, httpPort: nginx.httpPort, bind, trust };
}

export interface Wanted {
  readonly name: string;
  readonly identifiers: readonly string[];
  readonly solver: 'webroot' | 'dns';
}

/**
 * A configuration in a folder of its own, with an own store; answers the folder. Preflight and `files` are on.
 *
 * @param others.store instead of a store in a folder
 * @param others.lines more of the configuration
 */
export async function configure(
  rig: Rig,
  name: string,
  wanted: readonly Wanted[],
  { store, lines = [] }: { readonly store?: string; readonly lines?: readonly string[] } = {},
): Promise<string> {
  const folder = join(rig.folder, name);
  await mkdir(folder);
  const tsig = join(folder, 'tsig');
  await writeFile(tsig, rig.bind.key.secret, { mode: 0o600 });
  const certificates = wanted.map((one) =>
    JSON.stringify({ ...one, issuer: 'ca', deploy: ['files'] } satisfies Record<string, unknown>),
  );
  await writeFile(
    join(folder, 'certfleet.yaml'),
    `store: ${store ?? `{ type: file, path: ${join(folder, 'store')} }`}
issuers: { ca: { directory: "${rig.ca.directoryUrl}", caFile: ${rig.ca.caFile}, test: true, agreeToTerms: true } }
solvers:
  webroot: { type: http01-webroot, folders: ${rig.webroot} }
  dns:
    type: dns01
    provider: rfc2136
    options: { server: "${rig.bind.server}", keyName: ${rig.bind.key.name}, secret: "file:${tsig}" }
    dns: { zone: example.test, nameservers: ["${rig.bind.server}"] }
deployers: { files: { type: files, path: ${join(folder, 'certs')} } }
preflight: { resolvers: ["${rig.bind.server}"], http01Port: ${rig.httpPort} }
${['certificates:', ...certificates.map((line) => `  - ${line}`)].slice(certificates.length === 0 ? 1 : 0).join('\n')}
${lines.join('\n')}
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

/** The folder of acme-client, which is compared with and therefore no dependency. */
export function acmeClientFolder(): string {
  const folder = join(repositoryRoot, '.cache/bench/node_modules/acme-client');
  if (!existsSync(folder)) throw new Error('acme-client is missing: `node scripts/setup.mjs --bench` installs it');
  return folder;
}
