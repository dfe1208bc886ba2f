import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findProgram, freePort, portAccepts, startService, temporaryFolder, until } from './service.ts';

export interface NginxServer {
  readonly serverName: string;
  /** A folder with fullchain.pem and privkey.pem (`…/live/<name>`), or the two paths. */
  readonly certificate: string | { readonly chain: string; readonly key: string };
}

export interface NginxOptions {
  /** Folder served over HTTP and HTTPS; a 200 without one. */
  readonly webroot?: string;
  readonly servers?: readonly NginxServer[];
  readonly httpPort?: number;
  readonly httpsPort?: number;
  /** How many worker processes; 1 by default. */
  readonly workers?: number;
  /** Continues when this process ends; the caller must end it. */
  readonly outlives?: boolean;
  /** A prefix that runs it elsewhere (in a namespace), where its ports cannot be seen from here. */
  readonly inside?: readonly string[];
}

export interface Nginx {
  readonly httpPort: number;
  readonly httpsPort: number;
  readonly configFile: string;
  /** Program and arguments that test the configuration, and that reload it: options of the `nginx` deployer. */
  readonly testCommand: readonly [string, ...string[]];
  readonly reloadCommand: readonly [string, ...string[]];
  readonly pid: number;
  log(): string;
  /** Writes the configuration again, without a reload. `extra` goes into the http block as it is. */
  configure(servers: readonly NginxServer[], extra?: string): Promise<void>;
  /**
   * Waits until the workers from before a reload are gone: nginx starts the new ones and ends the old ones only after
   * 100 ms, so either may answer for a while.
   */
  settled(): Promise<void>;
  /** `nginx -t`: the exit code and what it said. */
  test(): Promise<{ readonly code: number; readonly output: string }>;
  stop(): Promise<void>;
}

/** Debian's nginx on free loopback ports, as this user. Without servers it refuses every handshake. */
export async function startNginx(options: NginxOptions = {}): Promise<Nginx> {
  const program = findProgram('nginx', 'system');
  if (program === undefined) throw new Error('nginx is not on this machine');
  const folder = await temporaryFolder('nginx');
  const configFile = join(folder, 'nginx.conf');
  const httpPort = options.httpPort ?? (await freePort());
  const httpsPort = options.httpsPort ?? (await freePort());
  const common = ['-c', configFile, '-p', folder, '-e', 'stderr'];
  await mkdir(join(folder, 'temp'), { recursive: true });

  const { webroot, workers = 1, inside = [] } = options;
  const configure: Nginx['configure'] = (servers, extra = '') =>
    writeFile(configFile, configuration({ folder, httpPort, httpsPort, webroot, workers, servers, extra }));
  await configure(options.servers ?? []);
  const service = await startService({
    name: 'nginx',
    program: inside[0] ?? program,
    args: [...inside.slice(1), ...(inside.length > 0 ? [program] : []), ...common, '-g', 'daemon off;'],
    // It writes the pid file, which a reload needs, only after it has opened its ports.
    ready: async () =>
      (inside.length > 0 || ((await portAccepts(httpPort)) && (await portAccepts(httpsPort)))) &&
      (await pidOf(folder)) !== '',
    ...(options.outlives === undefined ? {} : { outlives: options.outlives }),
  });
  return {
    httpPort,
    httpsPort,
    configFile,
    testCommand: [program, '-t', ...common],
    reloadCommand: [program, '-s', 'reload', ...common],
    pid: service.pid,
    log: () => service.log(),
    configure,
    settled: async () => {
      const children = `/proc/${service.pid}/task/${service.pid}/children`;
      const running = async () => (await readFile(children, 'utf8')).trim().split(' ').length;
      await until(async () => (await running()) === workers, { what: 'nginx has only its new workers' });
    },
    async test() {
      const run = promisify(execFile)(program, ['-t', ...common]);
      return run.then(
        ({ stderr }) => ({ code: 0, output: stderr }),
        (error: { code: number; stderr: string }) => ({ code: error.code, output: error.stderr }),
      );
    },
    stop: () => service.stop(),
  };
}

const pidOf = (folder: string): Promise<string> => readFile(join(folder, 'nginx.pid'), 'utf8').catch(() => '');

function configuration(at: {
  readonly folder: string;
  readonly httpPort: number;
  readonly httpsPort: number;
  readonly webroot: string | undefined;
  readonly workers: number;
  readonly servers: readonly NginxServer[];
  readonly extra: string;
}): string {
  const content = at.webroot === undefined ? 'location / { return 200 "nginx\\n"; }' : `root ${at.webroot};`;
  const server = ({ serverName, certificate }: NginxServer): string => {
    const { chain, key } =
      typeof certificate === 'string'
        ? { chain: join(certificate, 'fullchain.pem'), key: join(certificate, 'privkey.pem') }
        : certificate;
    return `  server {
    listen 127.0.0.1:${at.httpsPort} ssl;
    server_name ${serverName};
    ssl_certificate ${chain};
    ssl_certificate_key ${key};
    ${content}
  }`;
  };
  // Workers run as this user, because `nobody` could not read a webroot in a private temporary folder.
  const user = process.getuid?.() === 0 ? 'user root;' : '';
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  return `${user}
worker_processes ${at.workers};
pid ${at.folder}/nginx.pid;
error_log stderr notice;
events { worker_connections 1024; }
http {
  access_log off;
${temporary.map((kind) => `  ${kind}_temp_path ${at.folder}/temp/${kind};`).join('\n')}
  server {
    listen 127.0.0.1:${at.httpPort} default_server;
    ${content}
  }
  server {
    listen 127.0.0.1:${at.httpsPort} ssl default_server;
    ssl_reject_handshake on;
  }
${at.servers.map(server).join('\n')}
${at.extra}
}
`;
}
