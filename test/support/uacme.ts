import { execFile } from 'node:child_process';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { mountsOfAUser } from './rights.ts';
import { bareEnvironment, findProgram } from './service.ts';
import type { Needed } from './vitest.ts';

/** uacme, and what it takes to give it another root certificate. */
export const needsOfUacme: readonly Needed[] = ['uacme', 'unshare', mountsOfAUser];

/** Debian's uacme gets or renews other.example.test, with its own webroot hook. It trusts only the system's roots. */
export async function uacme(
  { folder, challenges }: { readonly folder: string; readonly challenges: string },
  { directoryUrl, caFile }: { readonly directoryUrl: string; readonly caFile: string },
  which: 'new' | 'again',
): Promise<string> {
  // It keeps the old certificate under a name of the current second, and fails if there is one.
  const certificates = join(folder, 'uacme/other.example.test');
  for (const name of await readdir(certificates).catch(() => []))
    if (/^cert-\d+\.pem$/.test(name)) await rm(join(certificates, name));
  const script =
    'mount --bind "$1" /etc/ssl/certs/ca-certificates.crt; if [ "$2" = new ]; then uacme $3 new; fi; ' +
    'uacme $3 -f -h /usr/share/uacme/uacme.sh issue other.example.test';
  const options = `-y -c ${join(folder, 'uacme')} -a ${directoryUrl}`;
  await promisify(execFile)(
    findProgram('unshare')!,
    ['--mount', '--map-root-user', 'sh', '-ec', script, 'sh', caFile, which, options],
    { env: { ...bareEnvironment(), UACME_CHALLENGE_PATH: challenges } },
  );
  return readFile(join(certificates, 'cert.pem'), 'utf8');
}
