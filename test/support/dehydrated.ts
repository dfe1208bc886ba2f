import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { bareEnvironment, findProgram } from './service.ts';

/** Debian's dehydrated opens an account and gets a certificate over HTTP-01, with its `config` in the folder. */
export async function dehydrated(
  folder: string,
  webroot: string,
  name: string,
  ca: { readonly directoryUrl: string; readonly caFile: string },
): Promise<void> {
  const config = join(folder, 'config');
  await writeFile(
    config,
    [
      `BASEDIR=${folder}`,
      `CA="${ca.directoryUrl}"`,
      `WELLKNOWN="${webroot}/.well-known/acme-challenge"`,
      `CURL_OPTS="--cacert ${ca.caFile}"`,
      'CONTACT_EMAIL=ops@example.test',
      'RENEW_DAYS="20"',
      '',
    ].join('\n'),
  );
  const env = { ...bareEnvironment(), HOME: folder };
  const call = (...args: readonly string[]) =>
    promisify(execFile)(findProgram('dehydrated')!, ['-f', config, ...args], { timeout: 60_000, env });
  await call('--register', '--accept-terms');
  await call('-c', '-d', name);
}
