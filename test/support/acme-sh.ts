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

export interface AcmeShStep {
  readonly action: 'add' | 'rm';
  readonly value: string;
}

/** Debian's acme.sh adds and removes TXT values at a name, one after another. Rejects with what it said, if one failed. */
export async function acmeSh(
  { script, env, internet }: AcmeShOptions,
  name: string,
  steps: readonly AcmeShStep[],
): Promise<void> {
  const folder = await temporaryFolder('acme-sh');
  // Without a command it would print its help, and with a function's name it calls that. Each step is a subshell, as in
  // acme.sh itself.
  const source = `folder=$1 script=$2 name=$3; shift 3; steps=("$@")
    set -- true; . "$folder/acme.sh"; . "$folder/dnsapi/$script.sh"
    # A header line that was read from an answer still has its carriage return.
    curl() { command curl "\${@//$'\\r'/}"; }
    # Some pause for 3 or 10 s after a call, because of a limit that the fakes check by other means.
    _sleep() { :; }
    __initHome; _initpath
    for step in "\${steps[@]}"; do ("$script"_"\${step%% *}" "$name" "\${step#* }") || exit 1; done`;
  const args = steps.map(({ action, value }) => `${action} ${value}`);
  await run('bash', ['-c', source, 'bash', acmeShFolder, script, name, ...args], {
    cwd: folder,
    timeout: 120_000,
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
