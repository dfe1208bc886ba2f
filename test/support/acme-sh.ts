import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { bareEnvironment, temporaryFolder } from './service.ts';

const run = promisify(execFile);

/** Where Debian's package has acme.sh, with a folder `dnsapi` of scripts beside it. */
export const acmeShFolder = '/usr/share/acme.sh';

export interface AcmeShOptions {
  /** `dns_cf` */
  readonly script: string;
  readonly env: Readonly<Record<string, string>>;
  /** How the script reaches the provider, if not directly. */
  readonly internet?: { readonly proxyUrl: string; readonly caFile: string };
}

/** Debian's acme.sh adds or removes one TXT value. Rejects with what it said, if it failed. */
export async function acmeSh(
  { script, env, internet }: AcmeShOptions,
  action: 'add' | 'rm',
  ...[name, value]: readonly [name: string, value: string]
): Promise<void> {
  const folder = await temporaryFolder('acme-sh');
  // Without a command it would print its help, and with a function's name it calls that.
  const source = `folder=$1 script=$2 action=$3 name=$4 value=$5
    set -- true; . "$folder/acme.sh"; . "$folder/dnsapi/$script.sh"
    # A header line that was read from an answer still has its carriage return.
    curl() { command curl "\${@//$'\\r'/}"; }
    __initHome; _initpath; "$script"_"$action" "$name" "$value"`;
  await run('bash', ['-c', source, 'bash', acmeShFolder, script, action, name, value], {
    cwd: folder,
    timeout: 60_000,
    env: {
      ...bareEnvironment(),
      HOME: folder,
      TMPDIR: folder,
      LE_WORKING_DIR: acmeShFolder,
      LE_CONFIG_HOME: folder,
      ...(internet
        ? { https_proxy: internet.proxyUrl, http_proxy: internet.proxyUrl, CURL_CA_BUNDLE: internet.caFile }
        : {}),
      ...env,
    },
  }).catch((error: Error & { stdout?: string }) => {
    throw new Error(`${error.message}\n${error.stdout}`);
  });
}

/** Debian's acme.sh gets a certificate over HTTP-01, with files in a webroot, and installs it elsewhere. */
export async function acmeShWebroot(
  folder: string,
  { webroot, name, install }: { readonly webroot: string; readonly name: string; readonly install: readonly string[] },
  ca: { readonly directoryUrl: string; readonly caFile: string },
): Promise<void> {
  const env = { ...bareEnvironment(), HOME: folder, LE_WORKING_DIR: folder, LE_CONFIG_HOME: folder };
  const call = (...args: readonly string[]) => run(join(acmeShFolder, 'acme.sh'), [...args], { timeout: 60_000, env });
  await call('--issue', '-d', name, '-w', webroot, '--server', ca.directoryUrl, '--ca-bundle', ca.caFile, '--force');
  await call('--install-cert', '-d', name, '--ecc', ...install);
}
