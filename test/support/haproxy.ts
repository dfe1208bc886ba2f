import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { findProgram, freePort, portAccepts, type Service, startService, temporaryFolder } from './service.ts';

export interface HaproxyOptions {
  /** Its `crt` folder, created if missing. It may be empty, because `strict-sni` lets HAProxy start anyway. */
  readonly certificates: string;
  /** A crt-list instead of the folder, created empty if missing. */
  readonly crtList?: string;
  /** `host:port` of the web nodes; without any, HAProxy answers 200 itself. */
  readonly backends?: readonly string[];
  /** `host:port` that get `/.well-known/acme-challenge/` on the HTTP port; those that are down are skipped. */
  readonly challengeBackends?: readonly string[];
  /** HAProxy requests their `_health` every 100 ms, so that one that hangs (SIGSTOP) is skipped too. */
  readonly challengeCheck?: boolean;
  readonly httpPort?: number;
  readonly httpsPort?: number;
  /** Lines at the beginning of the HTTP frontend. */
  readonly frontend?: readonly string[];
  /** Lines for the `global` section. */
  readonly global?: readonly string[];
  /** Continues when this process ends; the caller must end it. */
  readonly outlives?: boolean;
}

export interface Haproxy {
  /** Path of the admin socket. */
  readonly socket: string;
  readonly httpPort: number;
  readonly httpsPort: number;
  readonly configFile: string;
  readonly pid: number;
  log(): string;
  /** Restarts it with the same configuration, so that it serves what is on disk. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** Debian's HAProxy on free loopback ports, as this user, with an admin socket. */
export async function startHaproxy(options: HaproxyOptions): Promise<Haproxy> {
  const program = findProgram('haproxy', 'system');
  if (program === undefined) throw new Error('haproxy is not on this machine');
  const folder = await temporaryFolder('haproxy');
  const socket = join(folder, 'admin.sock');
  const configFile = join(folder, 'haproxy.cfg');
  const httpPort = options.httpPort ?? (await freePort());
  const httpsPort = options.httpsPort ?? (await freePort());
  await mkdir(options.certificates, { recursive: true });
  if (options.crtList !== undefined && !existsSync(options.crtList)) await writeFile(options.crtList, '');
  await writeFile(configFile, configuration(options, { socket, httpPort, httpsPort }));

  const start = (): Promise<Service> =>
    startService({
      name: 'haproxy',
      program,
      args: ['-db', '-f', configFile],
      // The admin socket, because it opens last.
      ready: async () =>
        (await portAccepts(httpsPort)) && (await portAccepts(httpPort)) && (await socketAccepts(socket)),
      ...(options.outlives === undefined ? {} : { outlives: options.outlives }),
    });
  let service = await start();
  return {
    socket,
    httpPort,
    httpsPort,
    configFile,
    get pid() {
      return service.pid;
    },
    log: () => service.log(),
    async restart() {
      await service.stop();
      service = await start();
    },
    stop: () => service.stop(),
  };
}

const socketAccepts = (path: string): Promise<boolean> =>
  new Promise((answer) => {
    const connection = connect(path);
    const done = (accepted: boolean) => {
      connection.destroy();
      answer(accepted);
    };
    connection.once('connect', () => done(true)).once('error', () => done(false));
  });

function configuration(
  options: HaproxyOptions,
  at: { readonly socket: string; readonly httpPort: number; readonly httpsPort: number },
): string {
  const servers = (name: string, nodes: readonly string[], check = false): readonly string[] => [
    `backend ${name}`,
    '  balance roundrobin',
    // A node that does not answer is skipped at once, within the same request.
    '  option redispatch 1',
    '  retries 3',
    '  retry-on conn-failure',
    ...(check
      ? [
          // Longer than a healthy node on a busy machine takes, shorter than the shortest lease.
          '  timeout check 500ms',
          '  option httpchk GET /.well-known/acme-challenge/_health',
          '  default-server check inter 100ms rise 1 fall 1 on-marked-down shutdown-sessions',
        ]
      : []),
    ...nodes.map((node, index) => `  server ${name}${index + 1} ${node}`),
  ];
  const backends = options.backends ?? [];
  const challenges = options.challengeBackends ?? [];
  const answer =
    backends.length > 0
      ? '  default_backend web'
      : '  http-request return status 200 content-type text/plain string haproxy';
  const source = options.crtList === undefined ? `crt ${options.certificates}` : `crt-list ${options.crtList}`;
  return [
    'global',
    `  stats socket ${at.socket} mode 600 level admin`,
    ...(options.global ?? []).map((line) => `  ${line}`),
    'defaults',
    '  mode http',
    '  timeout connect 2s',
    '  timeout client 30s',
    '  timeout server 30s',
    'frontend http',
    `  bind 127.0.0.1:${at.httpPort}`,
    ...(options.frontend ?? []).map((line) => `  ${line}`),
    ...(challenges.length > 0 ? ['  use_backend challenge if { path_beg /.well-known/acme-challenge/ }'] : []),
    // HAProxy runs `http-request` before `use_backend`, wherever they stand.
    challenges.length > 0 && backends.length === 0
      ? `${answer} unless { path_beg /.well-known/acme-challenge/ }`
      : answer,
    'frontend https',
    `  bind 127.0.0.1:${at.httpsPort} ssl strict-sni ${source}`,
    answer,
    ...(backends.length > 0 ? servers('web', backends) : []),
    ...(challenges.length > 0 ? servers('challenge', challenges, options.challengeCheck) : []),
    '',
  ].join('\n');
}
