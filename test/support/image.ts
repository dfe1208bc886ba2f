import { type ChildProcess, execFile, spawn } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { builtProgram } from './built.ts';
import type { Ran } from './e2e.ts';
import { atEnd, findProgram, repositoryRoot, temporaryFolder } from './service.ts';

/**
 * The image of the Dockerfile without a container engine: the packed npm package in a root file system, with the user,
 * environment and entry point that the Dockerfile gives, in namespaces of its own. Programs and libraries are this
 * machine's (`/usr`). Needs root.
 */

// ── the Dockerfile ───────────────────────────────────────────────────────────────────────────────────────────────

export interface Instruction {
  readonly name: string;
  readonly value: string;
  /** Counted by FROM; 0 is before the first one. */
  readonly stage: number;
}

export function readDockerfile(text: string): readonly Instruction[] {
  const lines = text.split('\n').filter((line) => !line.startsWith('#'));
  const whole = lines.join('\n').replaceAll(/\\\n\s*/g, ' ');
  let stage = 0;
  return whole
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [, name = '', value = ''] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? [];
      if (name === '') throw new Error(`not an instruction: ${line}`);
      if (name === 'FROM') stage += 1;
      return { name, value: value.trim(), stage };
    });
}

export interface ImageSettings {
  readonly user: string;
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly volumes: readonly string[];
  /** The commands of the last stage. */
  readonly runs: readonly string[];
}

/** What the last stage of the Dockerfile says, over what the base image says. */
export function imageSettings(instructions: readonly Instruction[]): ImageSettings {
  const last = Math.max(...instructions.map(({ stage }) => stage));
  const values = (name: string) =>
    instructions.filter((one) => one.stage === last && one.name === name).map(({ value }) => value);
  const list = (name: string): readonly string[] => JSON.parse(values(name).at(-1) ?? '[]') as string[];
  return {
    user: values('USER').at(-1) ?? 'root',
    entrypoint: list('ENTRYPOINT'),
    command: list('CMD'),
    env: {
      // As in node's images.
      PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      ...Object.fromEntries(values('ENV').map((pair) => pair.split('=') as [string, string])),
    },
    volumes: values('VOLUME'),
    runs: values('RUN'),
  };
}

// ── the root file system ─────────────────────────────────────────────────────────────────────────────────────────

export interface RunOptions {
  /** `--user`; by default the image's. */
  readonly user?: string;
  /** `--volume`: a folder or file of this machine, by its path inside. */
  readonly volumes?: Readonly<Record<string, string>>;
  /** `--publish`: a port inside, by the port of this machine. */
  readonly publish?: Readonly<Record<number, number>>;
  /** Ports of this machine's loopback that the loopback inside leads to: the CA. */
  readonly reach?: readonly number[];
  readonly env?: Readonly<Record<string, string>>;
  /** `--entrypoint`, with its arguments. */
  readonly entrypoint?: readonly string[];
}

export interface Container {
  /** To the process with pid 1 inside. */
  signal(name: NodeJS.Signals): void;
  /** What it has written so far, on both streams. */
  output(): string;
  readonly ended: Promise<Ran>;
}

export interface Image extends ImageSettings {
  readonly folder: string;
  run(args: readonly string[], options?: RunOptions): Promise<Ran>;
  start(args: readonly string[], options?: RunOptions): Promise<Container>;
}

const execute = promisify(execFile);

/** Packs the package as `npm pack` does in the build stage, and unpacks it as that stage does. */
async function unpackPackage(into: string): Promise<void> {
  const source = await temporaryFolder('package');
  cpSync(dirname(builtProgram()), join(source, 'dist'), { recursive: true });
  for (const name of ['package.json', 'README.md', 'LICENSE', 'CHANGELOG.md', 'SECURITY.md', 'docs', 'examples'])
    cpSync(join(repositoryRoot, name), join(source, name), { recursive: true });
  await execute('npm', ['pack', '--ignore-scripts', '--pack-destination', source], { cwd: source });
  const [packed] = readdirSync(source).filter((name) => name.endsWith('.tgz'));
  await execute('tar', [
    '--extract',
    '--gzip',
    '--file',
    join(source, packed!),
    '--strip-components=1',
    '--directory',
    into,
  ]);
}

const script = `set -e
R=$1; LOCAL=$2; NODE=$3; SOCKETS=$4; USER=$5; VOLUMES=$6; shift 6
mount --bind /usr "$R/usr"; mount -o remount,bind,ro "$R/usr"
mount --bind "$LOCAL" "$R/usr/local"; mount --bind "$NODE" "$R/usr/local/bin/node"
mount -t proc proc "$R/proc"; mount --bind /dev "$R/dev"
mount -t tmpfs tmpfs "$R/tmp"; chmod 1777 "$R/tmp"
eval "$VOLUMES"
# As dockerd sets both.
ip link set lo up
echo 0 > /proc/sys/net/ipv4/ip_unprivileged_port_start
if [ -n "$SOCKETS" ]; then
  "$NODE" "$SOCKETS/relay.cjs" &
  while [ ! -e "$SOCKETS/ready" ]; do sleep 0.02; done
fi
exec env -i "$@"
`;

/** Inside: loopback ports that lead out by a socket, and sockets that lead to loopback ports. */
const relay = `const net = require('node:net'), fs = require('node:fs');
const [folder, ports] = [__dirname, JSON.parse(fs.readFileSync(__dirname + '/ports.json', 'utf8'))];
const join = (from, to) => { from.pipe(to).pipe(from); for (const s of [from, to]) s.on('error', () => { from.destroy(); to.destroy(); }); };
const serve = (at, to) => new Promise((done) => net.createServer((from) => join(from, net.connect(to))).listen(at, done));
Promise.all([
  ...ports.reach.map((port) => serve({ port, host: '127.0.0.1' }, folder + '/reach-' + port)),
  ...ports.publish.map(([out, port]) => serve(folder + '/publish-' + out, { port, host: '127.0.0.1' })),
]).then(() => fs.writeFileSync(folder + '/ready', ''));
`;

function joined(from: Socket, to: Socket): void {
  from.pipe(to).pipe(from);
  for (const socket of [from, to])
    socket.on('error', () => {
      from.destroy();
      to.destroy();
    });
}

/** Makes the image. */
export async function makeImage(): Promise<Image> {
  const settings = imageSettings(readDockerfile(readFileSync(join(repositoryRoot, 'Dockerfile'), 'utf8')));
  const base = await temporaryFolder('image');
  // Docker's folders are root's alone on the way, too.
  chmodSync(base, 0o755);
  const [folder, local] = [join(base, 'root'), join(base, 'local')];
  for (const name of ['usr', 'etc', 'proc', 'dev', 'tmp', 'root', 'opt/certfleet', 'var/lib'])
    mkdirSync(join(folder, name), { recursive: true });
  for (const name of ['bin', 'sbin', 'lib', 'lib64'])
    if (existsSync(`/${name}`)) symlinkSync(`usr/${name}`, join(folder, name));
  writeFileSync(join(folder, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\nnode:x:1000:1000::/home/node:/bin/sh\n');
  writeFileSync(join(folder, 'etc/group'), 'root:x:0:\nnode:x:1000:\n');
  mkdirSync(join(local, 'bin'), { recursive: true });
  writeFileSync(join(local, 'bin/node'), '');
  await unpackPackage(join(folder, 'opt/certfleet'));

  async function start(args: readonly string[], options: RunOptions = {}): Promise<Container> {
    const { user = settings.user, volumes = {}, publish = {}, reach = [], entrypoint = settings.entrypoint } = options;
    const servers: Server[] = [];
    const published = Object.entries(publish).map(([out, port]) => [Number(out), port] as const);
    const needsRelay = reach.length > 0 || published.length > 0;
    const sockets = needsRelay ? await temporaryFolder('relay') : '';
    if (needsRelay) {
      writeFileSync(join(sockets, 'relay.cjs'), relay);
      writeFileSync(join(sockets, 'ports.json'), JSON.stringify({ reach, publish: published }));
      const serve = (at: object, to: object) =>
        new Promise<void>((done, reject) => {
          const server = createServer((from) => joined(from, connect(to as { port: number })));
          servers.push(server.on('error', reject).listen(at, () => done()));
        });
      const local = (port: number) => ({ port, host: '127.0.0.1' });
      await Promise.all([
        ...reach.map((port) => serve({ path: join(sockets, `reach-${port}`) }, local(port))),
        ...published.map(([out]) => serve(local(out), { path: join(sockets, `publish-${out}`) })),
      ]);
    }
    const mounts = Object.entries(volumes).map(([inside, outside]) => {
      const point = join(folder, inside);
      const isFile = statSync(outside).isFile();
      if (!existsSync(point)) {
        mkdirSync(isFile ? dirname(point) : point, { recursive: true });
        if (isFile) writeFileSync(point, '');
      }
      return `mount --bind '${outside}' '${point}'`;
    });
    const env = Object.entries({ ...settings.env, ...options.env }).map(([name, value]) => `${name}=${value}`);
    const [uid = '0', gid = uid === '0' ? '0' : ''] = user.split(':');
    // Without a group, docker takes the one of /etc/passwd, else root's.
    const groups = gid === '' ? '0' : gid;
    // By its path, because PATH may be that of a user.
    const inside = [
      findProgram('chroot', 'system') ?? 'chroot',
      `--userspec=${uid}:${groups}`,
      '--groups=',
      folder,
      ...entrypoint,
      ...args,
    ];
    const child = spawn(
      'unshare',
      [
        ...['--mount', '--net', '--pid', '--fork', '--kill-child', '--', '/bin/sh', '-c', script, 'sh'],
        ...[folder, local, process.execPath, sockets, user, mounts.join('; '), ...env, ...inside],
      ],
      { env: { PATH: `${process.env['PATH']}:/usr/sbin:/sbin` }, stdio: ['ignore', 'pipe', 'pipe'] },
    );
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (output += data));
    const ended = outputOf(child).finally(() => {
      for (const server of servers) server.close();
    });
    return {
      ended,
      output: () => output,
      signal: (name) => {
        const [first] = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').split(' ');
        process.kill(Number(first), name);
      },
    };
  }

  const run: Image['run'] = async (args, options) => (await start(args, options)).ended;
  const image: Image = { ...settings, folder, run, start };
  for (const command of settings.runs) {
    const done = await run([], { user: '0:0', entrypoint: ['/bin/sh', '-c', command] });
    if (done.status !== 0) throw new Error(`RUN ${command}: ${done.stderr}`);
  }
  return image;
}

function outputOf(child: ChildProcess): Promise<Ran> {
  const forget = atEnd(() => void child.kill('SIGKILL'));
  let [stdout, stderr] = ['', ''];
  child.stdout?.on('data', (data) => (stdout += data));
  child.stderr?.on('data', (data) => (stderr += data));
  return new Promise((answer, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      forget();
      answer({ status: code ?? signal ?? '', stdout, stderr, events: [] });
    });
  });
}
