import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { bareEnvironment, findProgram, temporaryFolder } from './service.ts';

const run = promisify(execFile);

export interface LegoOptions {
  /** lego's name of the provider: `pdns`. */
  readonly provider: string;
  /** The provider's credentials, and its address if it can be set. */
  readonly env: Readonly<Record<string, string>>;
  readonly names: readonly string[];
  /** `address:port` of a server that answers for the zone's SOA. */
  readonly resolver: string;
  readonly ca: { readonly directoryUrl: string; readonly caFile: string };
  /** How lego reaches the provider, if not directly. */
  readonly internet?: { readonly proxyUrl: string; readonly caFile: string };
}

/**
 * Debian's lego gets a certificate over DNS-01. It does not wait for the name servers, so the CA must not ask them.
 * Rejects with what lego said, if it failed.
 */
export async function lego({ provider, env, names, resolver, ca, internet }: LegoOptions): Promise<string> {
  const folder = await temporaryFolder('lego');
  const roots = join(folder, 'roots.pem');
  const rootFiles = [ca.caFile, ...(internet ? [internet.caFile] : [])];
  await writeFile(roots, (await Promise.all(rootFiles.map((file) => readFile(file)))).join('\n'));
  const domains = names.flatMap((name) => ['--domains', name]);
  const { stdout, stderr } = await run(
    findProgram('lego')!,
    [
      ...[
        '--server',
        ca.directoryUrl,
        '--path',
        folder,
        '--email',
        'ops@example.test',
        '--accept-tos',
        '--key-type',
        'ec256',
      ],
      ...['--dns', provider, '--dns.disable-cp', '--dns.resolvers', resolver, ...domains, 'run', '--no-bundle'],
    ],
    {
      timeout: 60_000,
      env: {
        ...bareEnvironment(),
        HOME: folder,
        // Both: that of the CA, and that of Go for everything else.
        LEGO_CA_CERTIFICATES: ca.caFile,
        SSL_CERT_FILE: roots,
        SSL_CERT_DIR: folder,
        ...(internet ? { HTTPS_PROXY: internet.proxyUrl, HTTP_PROXY: internet.proxyUrl } : {}),
        ...env,
      },
    },
  );
  return stdout + stderr;
}

/** Debian's lego gets a certificate over HTTP-01, with files in a webroot. */
export async function legoWebroot(
  folder: string,
  webroot: string,
  name: string,
  ca: { readonly directoryUrl: string; readonly caFile: string },
): Promise<void> {
  await run(
    findProgram('lego')!,
    [
      ...['--server', ca.directoryUrl, '--path', folder, '--email', 'ops@example.test', '--accept-tos'],
      ...['--key-type', 'ec256', '--http', '--http.webroot', webroot, '--domains', name, 'run'],
    ],
    { timeout: 60_000, env: { ...bareEnvironment(), HOME: folder, LEGO_CA_CERTIFICATES: ca.caFile } },
  );
}
