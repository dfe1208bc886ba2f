import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { localHttps } from './https.ts';
import { repositoryRoot, type Service, startService, temporaryFolder, until } from './service.ts';

/** What becomes of the next mail: it is accepted, or as the name says. `lose` accepts it and closes without a word. */
export type SmtpMode = 'ok' | 'fail' | 'hang' | 'lose' | 'echo';

export interface ReceivedMail {
  readonly from: string;
  readonly to: readonly string[];
  readonly content: string;
}

/** Debian's aiosmtpd. It refuses the sender `forged@…` and the recipients `nobody@…`. */
export interface SmtpServer {
  readonly port: number;
  /** The root of its certificate. */
  readonly caFile: string;
  /** Mails that it has accepted. */
  mails(): readonly ReceivedMail[];
  /** How many mails it was given, and how many logins it has refused. */
  tries(): number;
  next(mode: SmtpMode): Promise<void>;
  stop(): Promise<void>;
}

export const smtpLogin = { username: 'certfleet@mail.test', password: 'correct-horse-battery-9' } as const;

/** Debian's Python, because another one on PATH has none of Debian's modules. */
export const hasAiosmtpd = { name: 'aiosmtpd', works: () => existsSync('/usr/lib/python3/dist-packages/aiosmtpd') };

interface Event {
  readonly event: string;
  readonly port?: number;
  readonly mail?: ReceivedMail;
}

export async function startSmtpServer(security: 'starttls' | 'tls' | 'none' = 'starttls'): Promise<SmtpServer> {
  const folder = await temporaryFolder('smtp');
  const control = join(folder, 'mode');
  await writeFile(control, 'ok');
  const { caFile, certFile, keyFile } = await localHttps();
  const secure = { certificate: certFile, key: keyFile, tls: security === 'tls', ...smtpLogin };
  const options = { control, ...(security === 'none' ? {} : secure) };
  let service: Service | undefined;
  const events = (): readonly Event[] =>
    (service?.log() ?? '').split('\n').flatMap((line) => (line.startsWith('{"event"') ? [JSON.parse(line)] : []));
  const isReady = () => events().some(({ event }) => event === 'ready');
  service = await startService({
    name: 'aiosmtpd',
    program: '/usr/bin/python3',
    args: [join(repositoryRoot, 'test/support/smtp-server.py'), JSON.stringify(options)],
  });
  await until(isReady, { what: 'aiosmtpd' });
  const count = (name: string) => events().filter(({ event }) => event === name).length;
  return {
    port: events().find(({ event }) => event === 'ready')!.port!,
    caFile,
    mails: () => events().flatMap(({ mail }) => mail ?? []),
    tries: () => count('data') + count('refused'),
    next: (mode) => writeFile(control, mode),
    stop: () => service.stop(),
  };
}
