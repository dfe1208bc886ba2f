import { existsSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Service, startService, until } from './service.ts';

/**
 * Machines as namespaces: each has a network, processes and a host name of its own, so that no process can prove
 * anything about one on another machine. What they share is the file system. Sockets in a folder of it lead from one
 * network to another.
 */
export interface Machine {
  readonly name: string;
  /** A prefix that runs a command there. */
  readonly inside: readonly string[];
  /** Ends it with everything that runs there, without a word. */
  powerOff(): Promise<void>;
}

/** Something at 127.0.0.1 of a machine, or of this one, that is reached at the same port of the other. */
export interface Port {
  readonly kind: 'tcp' | 'udp';
  readonly port: number;
}

type Place = { readonly tcp: number } | { readonly udp: number } | { readonly path: string };

interface Way {
  readonly from: Place;
  /** Of several places, each connection takes the next one that accepts it. */
  readonly to: readonly Place[];
}

const relayProgram = `
const [ways, readyFile] = process.argv.slice(1);
const { createServer, connect } = require('node:net');
const { createSocket } = require('node:dgram');
const { rmSync, writeFileSync } = require('node:fs');
const begun = [];
const listening = (server, ...at) => begun.push(new Promise((done) => server.listen(...at, done)));
const at = ({ path, tcp }) => (path ? [path] : [tcp, '127.0.0.1']);
for (const { from, to } of JSON.parse(ways)) {
  let next = 0;
  const reach = (use, tries = 0) => {
    const there = connect(...at(to[next++ % to.length]));
    there.once('connect', () => use(there));
    there.once('error', () => (tries + 1 < to.length ? reach(use, tries + 1) : use(undefined)));
  };
  if (from.path) rmSync(from.path, { force: true });
  if (from.udp) {
    const socket = createSocket('udp4');
    socket.on('message', (question, { port, address }) => reach((there) => {
      const answer = [];
      there?.on('data', (data) => answer.push(data)).on('error', () => {});
      there?.on('end', () => socket.send(Buffer.concat(answer), port, address));
      there?.end(question);
    }));
    begun.push(new Promise((done) => socket.bind(from.udp, '127.0.0.1', done)));
  } else if (to[0].udp) {
    listening(createServer({ allowHalfOpen: true }, (socket) => {
      const question = [];
      socket.on('data', (data) => question.push(data)).on('error', () => {});
      socket.on('end', () => {
        const outside = createSocket('udp4');
        outside.once('message', (answer) => { socket.end(answer); outside.close(); });
        outside.send(Buffer.concat(question), to[0].udp, '127.0.0.1');
      });
    }), ...at(from));
  } else {
    listening(createServer((socket) => {
      socket.on('error', () => {});
      socket.pause();
      reach((there) => {
        if (!there) return socket.destroy();
        there.on('error', () => socket.destroy());
        socket.on('close', () => there.destroy());
        there.on('close', () => socket.destroy());
        socket.pipe(there).pipe(socket);
      });
    }), ...at(from));
  }
}
Promise.all(begun).then(() => writeFileSync(readyFile, ''));
`;

/** Runs a relay, here or on a new machine. */
async function relay(
  name: string,
  folder: string,
  ways: readonly Way[],
  before: readonly string[] = [],
): Promise<Service> {
  const readyFile = join(folder, `${name}.ready`);
  await rm(readyFile, { force: true });
  const [program, ...args] = [...before, process.execPath, '-e', relayProgram, JSON.stringify(ways), readyFile];
  return startService({
    ...{ name, program: program!, args, ready: () => existsSync(readyFile) },
    env: { PATH: `${process.env['PATH']}:/usr/sbin:/sbin` },
  });
}

/** @param folder where the sockets are that lead from one network to another */
export async function startMachine(
  name: string,
  folder: string,
  { outside, inside }: { readonly outside: readonly Port[]; readonly inside: readonly Port[] },
): Promise<Machine> {
  const place = ({ kind, port }: Port): Place => (kind === 'udp' ? { udp: port } : { tcp: port });
  await relay(
    `outside-${name}`,
    folder,
    outside.map((one) => ({ from: { path: wireOf(folder, name, one) }, to: [place(one)] })),
  );
  const service = await relay(
    name,
    folder,
    [
      ...outside.map((one) => ({ from: place(one), to: [{ path: wireOf(folder, name, one) }] })),
      ...inside.map((one) => ({ from: { path: wireOf(folder, name, one) }, to: [place(one)] })),
    ],
    [
      ...['unshare', '--net', '--pid', '--uts', '--mount', '--fork', '--kill-child', '--mount-proc'],
      ...['sh', '-ec', 'hostname "$0"; ip link set lo up; exec "$@"', name],
    ],
  );
  const [pid = ''] = await childrenOf(service.pid);
  return {
    name,
    inside: ['nsenter', '--target', pid, '--net', '--pid', '--uts', '--mount', '--'],
    async powerOff() {
      process.kill(Number(pid), 'SIGKILL');
      await service.ended;
    },
  };
}

/** A machine with the network of this one: only its host name and its processes are its own. */
export async function startHost(name: string): Promise<Pick<Machine, 'name' | 'inside'>> {
  const asleep = ['sh', '-ec', 'hostname "$0"; exec sleep infinity', name];
  const flags = ['--pid', '--uts', '--mount', '--fork', '--kill-child', '--mount-proc'];
  const service = await startService({ name, program: 'unshare', args: [...flags, ...asleep] });
  const isAsleep = async () => {
    const [pid = ''] = await childrenOf(service.pid);
    const command = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '');
    return command.trim() === 'sleep';
  };
  await until(isAsleep, { what: `${name} is there` });
  const [pid = ''] = await childrenOf(service.pid);
  return { name, inside: ['nsenter', '--target', pid, '--pid', '--uts', '--mount', '--'] };
}

/** The processes that a process has started. */
export async function childrenOf(pid: number): Promise<readonly string[]> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  return children.split(' ').filter((child) => child.trim() !== '');
}

const wireOf = (folder: string, machine: string, { kind, port }: Port): string =>
  join(folder, `${machine}-${kind}-${port}`);

/** Listens here, and passes each connection on to the next machine that accepts it, as a load balancer does. */
export async function startBalancerOf(
  port: number,
  folder: string,
  to: readonly { readonly machine: string; readonly port: number }[],
): Promise<void> {
  const places = to.map((one) => ({ path: wireOf(folder, one.machine, { kind: 'tcp', port: one.port }) }));
  await relay(`balancer-${port}`, folder, [{ from: { tcp: port }, to: places }]);
}
