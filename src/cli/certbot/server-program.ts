import { join } from 'node:path';
import { fail } from '../../core/errors/errors.ts';
import { untrustedCode } from '../../core/trust/untrusted-code.ts';
import type { CertbotWords } from '../../migrate/certbot/words.ts';
import type { ProcessResult } from '../../ports/processes.ts';
import type { Session } from '../context.ts';
import { wholePathOf } from '../flags/values.ts';

/** Where packages and `make install` put programs. PATH may lead elsewhere. */
const folders = ['/usr/sbin', '/usr/local/sbin', '/usr/bin', '/usr/local/bin', '/usr/local/nginx/sbin', '/sbin'];

export const programs = { nginx: ['nginx'], apache: ['apachectl', 'apache2ctl', 'httpd'] } as const;

const titles = { nginx: 'nginx', apache: 'Apache' } as const;

/** Long, because nginx reads every certificate in its configuration. */
const timeoutMs = 60_000;

export type WebServer = keyof typeof programs;

/**
 * Returns the server's own program, from the usual places or from the path in certbot's flag. Fails if other users can
 * change it.
 */
export async function commandOf(
  given: CertbotWords,
  server: WebServer,
  session: Session,
): Promise<readonly [string, ...string[]]> {
  const { values } = given;
  const { files } = await session.world();
  const typed = server === 'nginx' ? values.nginxCtl : values.apacheCtl;
  const named = typed?.includes('/') ? wholePathOf(`--${server}-ctl `, typed, session.context.env) : typed;
  const usual = folders.flatMap((folder) => programs[server].map((program) => `${folder}/${program}`));
  const places =
    named === undefined ? usual : named.includes('/') ? [named] : usual.filter((path) => path.endsWith(`/${named}`));
  let program: string | undefined;
  for (const path of places) if (program === undefined && (await files.stat(path))) program = path;
  if (program === undefined)
    throw fail('usage/web-server-absent', {
      server: titles[server],
      places: `${named ?? programs[server].join(', ')}${named?.includes('/') ? '' : ` in ${folders.join(', ')}`}`,
      flag: `--${server}-ctl`,
    });
  const untrusted = await files.untrusted(program);
  if (untrusted) throw untrustedCode(program, untrusted);
  const hasRoot = server === 'nginx' && values.nginxRoot !== undefined;
  return [program, ...(hasRoot ? ['-c', join(serverRoot(given, session), 'nginx.conf')] : [])];
}

export const serverRoot = ({ values: { nginxRoot = '' } }: CertbotWords, { context: { env } }: Session): string =>
  wholePathOf('--nginx-server-root ', nginxRoot, env);

export async function run(
  command: readonly [string, ...string[]] | readonly string[],
  session: Session,
): Promise<ProcessResult> {
  const { processes } = await session.world();
  const done = await processes.run({
    command: command as readonly [string, ...string[]],
    env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' },
    signal: session.signal,
    timeoutMs,
  });
  if (done.status === 0) return done;
  const said = (done.stderr.trim() || done.stdout.trim()).split('\n').slice(-3).join(' ');
  throw fail('usage/web-server-failed', { command: command.join(' '), status: done.status, output: said });
}
