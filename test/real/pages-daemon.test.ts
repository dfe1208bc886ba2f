import { execFile } from 'node:child_process';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { askAt } from '../support/ask-at.ts';
import { startDaemon } from '../support/daemon.ts';
import {
  type Bench,
  buildCertfleet,
  type Certfleet,
  onlyCertificate,
  readLineage,
  rewriteLineage,
  startBench,
  succeeded,
} from '../support/e2e.ts';
import { freePort, nodeAs, temporaryFolder, until } from '../support/service.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

stopAllAfterwards();

const password = 'correct horse battery';

interface Node {
  readonly port: number;
  readonly socket: string;
  readonly certfleet: Certfleet;
}

/** Nodes with pages that share a store. */
async function nodes(count: number): Promise<readonly Node[]> {
  const folder = await temporaryFolder('pages');
  const certfleet = await buildCertfleet();
  return Promise.all(
    Array.from({ length: count }, async (_, index): Promise<Node> => {
      const [port, socket, config] = [await freePort(), join(folder, `${index}.sock`), join(folder, `${index}.yaml`)];
      const pages = { listen: [`127.0.0.1:${port}`, `unix:${socket}`] };
      const store = { type: 'file', path: join(folder, 'store') };
      await writeFile(config, JSON.stringify({ store, node: `node-${index}`, pages }), { mode: 0o600 });
      return { port, socket, certfleet: (args, options) => certfleet([...args, '--config', config], options) };
    }),
  );
}

const at = ({ port }: Node) => ({ host: '127.0.0.1', port });
const cookieIn = (headers: { readonly 'set-cookie'?: string[] | undefined }) =>
  headers['set-cookie']?.join().split(';')[0] ?? '';

it('logs in at one node what another one knows, and out again when the role changes', async () => {
  const [one, other] = (await nodes(2)) as [Node, Node];
  const [first, second] = [startDaemon(one), startDaemon(other)];
  await first.saw('this link makes the first one');
  await second.saw('the pages are at the socket');
  const [, secret] = /first\/([\w-]{43})/.exec(first.said()) ?? [];
  const form = { user: 'ann', password, again: password };
  const made = await askAt(at(one), `/first/${secret}`, { form });
  expect(made).toMatchObject({ status: 303, headers: { location: '/' } });
  const cookie = cookieIn(made.headers);
  for (const node of [one, other]) expect((await askAt(at(node), '/', { headers: { cookie } })).status).toBe(200);
  // The link of the other node is over, too.
  const [, late] = /first\/([\w-]{43})/.exec(second.said()) ?? [];
  expect((await askAt(at(other), `/first/${late}`, { form: { ...form, user: 'mallory' } })).status).toBe(410);
  succeeded(
    await one.certfleet(['user', 'password', 'ann', '--password-file', await passwordFile('another good password')]),
  );
  for (const node of [one, other])
    await until(async () => (await askAt(at(node), '/', { headers: { cookie } })).status === 303, {
      what: 'it is out',
    });
  const listed = await one.certfleet(['audit', '--json']);
  expect(listed.events.map((event) => JSON.stringify(event)).join('\n')).toMatch(
    /"via":"link".*"what":"user.add"[\s\S]*"what":"login"[\s\S]*"via":"command".*"what":"user.password"/,
  );
  expect(listed.stdout).not.toContain(password);
});

const passwordFile = async (text: string) => {
  const path = join(await temporaryFolder('password'), 'password');
  await writeFile(path, `${text}\n`, { mode: 0o600 });
  return path;
};

it('gives another user of the machine nothing, and takes its socket again after kill -9', async () => {
  const [node] = (await nodes(1)) as [Node];
  let kill = () => {};
  const killWhen = new Promise<void>((done) => {
    kill = done;
  });
  await node.certfleet(['run', '--json'], { killWhen, seen: (all) => all.includes('at the socket') && kill() });
  expect(await stat(node.socket)).toBeDefined();
  const daemon = startDaemon(node);
  await daemon.saw('the pages are at the socket');
  expect((await stat(node.socket)).mode & 0o777).toBe(0o600);
  const own = { socketPath: node.socket };
  const headers = { host: 'localhost' };
  expect((await askAt(own, '/', { headers })).status).toBe(200);
  expect((await askAt(at(node), '/api/v1/certificates')).status).toBe(401);
  if (process.getuid?.() === 0) {
    const script = `
      const { request } = require('node:http');
      const say = (what) => (answer) => {
        console.log(what, answer.statusCode ?? answer.code);
        answer.destroy?.();
      };
      const ask = (what, to) => request({ ...to, path: '/', headers: { host: 'localhost' } }, say(what)).on('error', say(what)).end();
      ask('socket', { socketPath: ${JSON.stringify(node.socket)} });
      ask('port', { host: '127.0.0.1', port: ${node.port} });`;
    const [program, ...args] = nodeAs(65_534, ['-e', script]);
    const said = await new Promise<string>((resolve) => execFile(program, args, (_error, stdout) => resolve(stdout)));
    expect(said.trim().split('\n').sort()).toEqual(['port 303', 'socket EACCES']);
  }
});

describeWith(['pebble', 'haproxy'], 'pages with a certificate of their own fleet', () => {
  let bench: Bench;

  beforeAll(async () => {
    bench = await startBench();
  });

  it('begin when it is issued, and have the next version without a restart', async () => {
    const port = await freePort();
    const pages = { listen: `127.0.0.1:${port}`, certificate: 'abc' };
    const home = await bench.home((one) => ({ ...onlyCertificate('abc')(one), pages }));
    const daemon = startDaemon(home);
    await daemon.saw(`the pages are at https://abc.example.test:${port}/`);
    // The chain is verified.
    expect((await bench.fetch('abc.example.test', port)).status).toBe(303);
    const before = await current(home.store);
    await rewriteLineage(home.store, 'abc', (lineage) => ({
      ...lineage,
      renewal: { ...lineage.renewal!, at: new Date().toISOString() },
    }));
    await until(async () => (await current(home.store)) !== before, { what: 'it is renewed' });
    const issued = (await readLineage(home.store, 'abc')).current!.facts.fingerprint;
    await until(async () => (await served(port)) === issued, { what: 'the pages have the new version' });
  });
});

const current = async (store: string) => (await readLineage(store, 'abc')).current?.id;

async function served(port: number): Promise<string> {
  const { connect } = await import('node:tls');
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false }, () => {
      resolve(socket.getPeerCertificate().fingerprint256.replaceAll(':', '').toLowerCase());
      socket.destroy();
    });
    socket.on('error', reject);
  });
}

it('loads nothing of pages where there are none', async () => {
  const [folder, certfleet] = await Promise.all([temporaryFolder('loaded'), buildCertfleet()]);
  const [hook, trace, config] = [join(folder, 'hook.cjs'), join(folder, 'trace'), join(folder, 'c.yaml')];
  await writeFile(
    hook,
    `const fs = require('node:fs');
    const read = fs.readFileSync;
    fs.readFileSync = function (path) {
      if (String(path).includes('chunks')) fs.appendFileSync(${JSON.stringify(trace)}, path + '\\n');
      return read.apply(this, arguments);
    };`,
  );
  const issuers = { none: { directory: `https://127.0.0.1:${await freePort()}/dir`, agreeToTerms: true, test: true } };
  const store = { type: 'file', path: join(folder, 'store') };
  await writeFile(config, JSON.stringify({ store, issuers, solvers: { web: { type: 'http01-responder' } } }), {
    mode: 0o600,
  });
  const node = ['--require', hook];
  succeeded(await certfleet(['--version'], { node }));
  const issue = await certfleet(['issue', '-d', 'a.example.test', '--config', config], { node });
  expect(issue.status).toBe(4);
  let stop = () => {};
  const killWhen = new Promise<void>((done) => {
    stop = done;
  });
  const seen = (all: string) => all.includes('run.ready') && stop();
  await certfleet(['run', '--json', '--config', config], { node, killWhen, killWith: 'SIGTERM', seen });
  const loaded = await readFile(trace, 'utf8');
  expect(loaded).toMatch(/\/run-\w+\.cjs/);
  expect(loaded).not.toMatch(/\/(web|web-server|access|routes|placeholder)-/);
});
