import { type ChildProcess, spawn } from 'node:child_process';
import { setMaxListeners } from 'node:events';
import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { Agent, type IncomingHttpHeaders, request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Page } from 'playwright-core';
import { startBrowser } from '../../test/support/pages/browser.ts';
import { freePort } from '../../test/support/service.ts';
import { memoryOf, settled, startDaemon, stopDaemon } from './daemon.ts';
import { measure, median, printNote, printRow } from './measure.ts';
import { cloneOurs, nameOfCopy } from './renew.ts';
import { certfleet, cli, configure, node, type Rig } from './rig.ts';

const password = 'correct horse battery staple';
const ordersEachSecond = 5;
const watchers = 200;

/** Pages and API of `certfleet run` with many lineages, and what they cost its work. */
export async function pages(rig: Rig): Promise<void> {
  const count = rig.count(100_000);
  const model = await configure(rig, 'pages-model', [
    { name: 'model', identifiers: ['model.example.test'], solver: 'webroot' },
  ]);
  await measure(certfleet(model, 'issue', 'model'));
  const folders = {
    few: await cloneOurs(rig, model, 'pages-few', 1, { hasFiles: false }),
    many: await cloneOurs(rig, model, 'pages-many', count, { hasFiles: false }),
  };
  await memory(folders.many, count);
  const ports = { few: await freePort(), many: await freePort() };
  await withPages(folders.few, ports.few);
  await withPages(folders.many, ports.many);
  const daemons = { few: await startDaemon(folders.few), many: await startDaemon(folders.many) };
  try {
    await Promise.all([settled(daemons.few, 0.1), settled(daemons.many, 0.1)]);
    const many = clientOf(folders.many);
    await latencies(rig, { few: clientOf(folders.few), many }, count);
    await beside(rig, many, count);
    await firstView(many);
    await firstRow(rig, { folder: folders.many, port: ports.many, count });
  } finally {
    await Promise.all([stopDaemon(daemons.few), stopDaemon(daemons.many)]);
  }
}

/** Issuing while many pages are open. */
export async function pagesWatched(rig: Rig): Promise<void> {
  const count = rig.count(300);
  const taken: Record<'alone' | 'watched', number[]> = { alone: [], watched: [] };
  for (let round = 0; round < rig.rounds(5); round++)
    for (const [kind, clients] of [
      ['alone', 0],
      ['watched', watchers],
    ] as const)
      taken[kind].push(await issueAll(rig, `pages-${kind}-${round}`, { count, clients }));
  const [alone, watched] = [median(taken.alone), median(taken.watched)];
  printRow({
    what: `${count} certificates issued by \`run\` while ${watchers} clients follow its events: rate against none`,
    ours: `${(count / watched).toFixed(1)} a second`,
    peer: `with none ${(count / alone).toFixed(1)} a second`,
    ratio: alone / watched,
    bound: { atLeast: 0.85 },
  });
}

/** Returns the seconds from the time that certificates are declared, with all clients connected, until all are issued. */
async function issueAll(
  rig: Rig,
  name: string,
  { count, clients }: { readonly count: number; readonly clients: number },
): Promise<number> {
  const names = ['first.example.test', ...Array.from({ length: count }, (_, i) => nameOfCopy(i))];
  const folder = await configure(
    rig,
    name,
    names.map((one) => ({ name: one, identifiers: [one], solver: 'webroot' })),
  );
  const file = join(folder, 'certfleet.yaml');
  await withPages(folder, await freePort());
  const whole = await readFile(file, 'utf8');
  await writeFile(file, whole.replace(/^ {2}- \{"name":"n\d.*\n/gm, ''));
  const daemon = spawn(node, [cli, 'run', '--json', '--config', file], { stdio: ['ignore', 'pipe', 'inherit'] });
  const over = new AbortController();
  setMaxListeners(clients, over.signal);
  try {
    const client = clientOf(folder);
    const issued = saysTimes(daemon, '"certificate.issued"', count + 1);
    issued.catch(() => undefined);
    await Promise.all([
      saysTimes(daemon, 'the pages are at the socket', 1),
      saysTimes(daemon, '"certificate.issued"', 1),
    ]);
    // Also with nobody there, what answers is loaded.
    await client.get(listPath);
    const opened = performance.now();
    let events = 0;
    await Promise.all(Array.from({ length: clients }, () => client.follow(() => void events++, over.signal)));
    const connected = performance.now();
    await writeFile(file, whole);
    daemon.kill('SIGHUP');
    await issued;
    const seconds = (performance.now() - connected) / 1_000;
    if (clients > 0 && events <= clients) throw new Error('no client has read an event');
    if (clients > 0)
      printNote(`${clients} clients connected in ${(connected - opened).toFixed(0)} ms, and read ${events} chunks`);
    return seconds;
  } finally {
    over.abort();
    await stopDaemon(daemon);
  }
}

function saysTimes(child: ChildProcess, what: string, times: number): Promise<void> {
  let [rest, found] = ['', 0];
  return new Promise((resolve, reject) => {
    child.stdout?.on('data', (chunk: Buffer) => {
      const lines = `${rest}${chunk}`.split('\n');
      rest = lines.pop()!;
      found += lines.filter((line) => line.includes(what)).length;
      const failed = lines.find((line) => line.includes('"certificate.failed"'));
      if (found >= times) resolve();
      else if (failed !== undefined) reject(new Error(failed));
    });
    child.once('exit', () => reject(new Error(`certfleet run ended after ${found} of ${times}`)));
  });
}

/** The socket needs no login. */
async function withPages(folder: string, port: number): Promise<void> {
  await appendFile(
    join(folder, 'certfleet.yaml'),
    `pages: { listen: ["127.0.0.1:${port}", "unix:${join(folder, 'pages.sock')}"] }\n`,
  );
}

/** What the pages add to a process of which nobody has opened any yet, and of which somebody has. */
async function memory(folder: string, count: number): Promise<void> {
  const file = join(folder, 'certfleet.yaml');
  const plain = await readFile(file, 'utf8');
  const resident = { without: [] as number[], with: [] as number[] };
  for (let round = 0; round < 3; round++)
    for (const kind of ['without', 'with'] as const) {
      await writeFile(file, plain);
      if (kind === 'with') await withPages(folder, await freePort());
      const daemon = await startDaemon(folder);
      try {
        await settled(daemon, 0.1);
        if (kind === 'with')
          for (const path of ['/', '/certificates', '/api/v1/certificates']) await clientOf(folder).get(path);
        resident[kind].push(memoryOf(daemon, 'VmRSS'));
      } finally {
        await stopDaemon(daemon);
      }
    }
  await writeFile(file, plain);
  const [without, added] = [median(resident.without), median(resident.with) - median(resident.without)];
  printRow({
    what: `run with pages, ${count} lineages: resident memory besides that without`,
    ours: `${added.toFixed(0)} MiB more`,
    peer: `without ${without.toFixed(0)} MiB; bound 30 MiB`,
    ratio: added / 30,
    bound: { atMost: 1 },
  });
}

const listPath = '/api/v1/certificates?limit=50';

async function latencies(rig: Rig, clients: Record<'few' | 'many', Client>, count: number): Promise<void> {
  for (const [what, path] of [
    ['a page of the list of the API', listPath],
    ['the list as a page', '/certificates'],
    ['the overview', '/'],
  ] as const) {
    const times = { few: [] as number[], many: [] as number[] };
    for (const client of Object.values(clients)) for (let i = 0; i < 20; i++) await client.get(path);
    for (let round = 0; round < rig.rounds(10); round++)
      for (const kind of ['few', 'many'] as const)
        times[kind].push(median(await inRow(20, () => clients[kind].timed(path))));
    const [few, many] = [median(times.few), median(times.many)];
    printRow({
      what: `${what}, ${count} lineages: time against one lineage`,
      ours: `${many.toFixed(2)} ms`,
      peer: `one lineage ${few.toFixed(2)} ms`,
      ratio: many / few,
      bound: { atMost: 3 },
    });
  }
}

/** The list while orders are placed. */
async function beside(rig: Rig, client: Client, count: number): Promise<void> {
  const seconds = rig.rounds(10) * 2;
  const paced = async () => {
    const times: number[] = [];
    for (const end = performance.now() + seconds * 1_000; performance.now() < end; await sleep(20))
      times.push(await client.timed(listPath));
    return median(times);
  };
  const idle = await paced();
  let ordered = 0;
  const over = new AbortController();
  const ordering = (async () => {
    for (; !over.signal.aborted && ordered < count; await sleep(1_000 / ordersEachSecond))
      await client.post(`/api/v1/certificates/${nameOfCopy(ordered++)}/renew`);
  })();
  const busy = await paced();
  over.abort();
  await ordering;
  printRow({
    what: `a page of the list of the API, ${count} lineages, beside ${ordersEachSecond} orders a second: time against none`,
    ours: `${busy.toFixed(2)} ms beside ${ordered} orders in ${seconds} s`,
    peer: `idle ${idle.toFixed(2)} ms`,
    ratio: busy / idle,
    bound: { atMost: 1.5 },
  });
}

/** Everything that a browser loads for the first page, compressed. */
async function firstView(client: Client): Promise<void> {
  const first = await client.get('/', { 'accept-encoding': 'gzip' });
  const html = (await client.get('/')).body.toString();
  const assets = [...html.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)].map(([, path]) => path!);
  const sizes = await Promise.all(
    [...new Set(assets)].map(async (path) => (await client.get(path, { 'accept-encoding': 'gzip' })).body.length),
  );
  const kib = [first.body.length, ...sizes].reduce((sum, one) => sum + one, 0) / 1_000;
  printRow({
    what: 'the first view, compressed',
    ours: `${kib.toFixed(1)} kB in ${sizes.length + 1} files`,
    peer: 'bound 60 kB',
    ratio: kib / 60,
    bound: { atMost: 1 },
  });
}

async function firstRow(
  rig: Rig,
  { folder, port, count }: { readonly folder: string; readonly port: number; readonly count: number },
): Promise<void> {
  const file = join(folder, 'password');
  await writeFile(file, password, { mode: 0o600 });
  await measure(certfleet(folder, 'user', 'add', 'mia', '--role', 'viewer', '--password-file', file));
  const browser = await startBrowser();
  try {
    const page = await browser.newPage();
    const address = `http://127.0.0.1:${port}`;
    await page.goto(`${address}/`);
    await page.getByLabel('User').fill('mia');
    await page.getByLabel('Password').fill(password);
    await page.getByRole('button').click();
    await page.waitForURL(`${address}/`);
    const times = await inRow(rig.rounds(10), () => untilFirstRow(page, `${address}/certificates`));
    const ms = median(times);
    printRow({
      what: `the list in Chromium, ${count} lineages: its first row`,
      ours: `${ms.toFixed(0)} ms after opening`,
      peer: 'bound 1,000 ms',
      ratio: ms / 1_000,
      bound: { atMost: 1 },
    });
  } finally {
    await browser.close();
  }
}

async function untilFirstRow(page: Page, url: string): Promise<number> {
  await page.goto('about:blank');
  const started = performance.now();
  await page.goto(url, { waitUntil: 'commit' });
  await page.locator('tbody tr').first().waitFor();
  return performance.now() - started;
}

async function inRow<T>(times: number, run: () => Promise<T>): Promise<T[]> {
  const found: T[] = [];
  for (let i = 0; i < times; i++) found.push(await run());
  return found;
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

interface Client {
  get(path: string, headers?: Readonly<Record<string, string>>): Promise<Answer>;
  post(path: string): Promise<Answer>;
  /** Returns the milliseconds of a GET. */
  timed(path: string): Promise<number>;
  /** Reads the events until the signal aborts. Resolves once it is connected. */
  follow(seen: () => void, signal: AbortSignal): Promise<void>;
}

/** A client of the socket of pages and API. Fails if an answer is an error. */
function clientOf(folder: string): Client {
  const socketPath = join(folder, 'pages.sock');
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const ask = (method: string, path: string, headers: Readonly<Record<string, string>> = {}) =>
    new Promise<Answer>((resolve, reject) => {
      const sent = request(
        { socketPath, agent, method, path, headers: { host: 'localhost', ...headers } },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('end', () => {
            const status = response.statusCode ?? 0;
            const body = Buffer.concat(chunks);
            if (status >= 400) reject(new Error(`${method} ${path}: ${status} ${body}`));
            else resolve({ status, headers: response.headers, body });
          });
        },
      );
      sent.on('error', reject);
      sent.end();
    });
  const client: Client = {
    get: (path, headers) => ask('GET', path, headers),
    post: (path) => ask('POST', path),
    async timed(path) {
      const started = performance.now();
      await client.get(path);
      return performance.now() - started;
    },
    follow: (seen, signal) =>
      new Promise((resolve, reject) => {
        const sent = request(
          { socketPath, path: '/api/v1/events', headers: { host: 'localhost' }, signal },
          (response) => {
            response.on('data', seen);
            response.once('data', () => resolve());
            response.on('error', () => undefined);
          },
        );
        sent.on('error', reject);
        sent.end();
      }),
  };
  return client;
}
