import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { Secret } from '../../src/core/errors/secret.ts';
import { createWorld } from '../../src/lib/world.ts';
import { createTokenDocuments } from '../../src/responder/token-documents.ts';
import postgresStore from '../../src/stores/postgres.ts';
import { startAcmeCa } from '../../test/support/acme-ca.ts';
import { atEnd, freePort } from '../../test/support/service.ts';
import { getOnce } from '../../test/support/steady-traffic.ts';
import { saysReady } from './daemon.ts';
import { inTurn, measure, median, medianOf, printNote, printRow } from './measure.ts';
import { type Database, inWords, startDatabase } from './postgres-rig.ts';
import { certfleet, configure, node, type Rig } from './rig.ts';

const responders = 3;
const tokensASecond = 5_000;
const schema = 'tokens';
const login = { user: 'certfleet_responder', password: 'of-the-responder' };

/** Random tokens at three responders on PostgreSQL: what they cost it, how late real ones are, and who orders meanwhile. */
export async function pgTokens(servers: Rig): Promise<void> {
  const ca = await startAcmeCa({ settings: { httpPort: servers.httpPort } });
  const rig = { ...servers, ca };
  const database = await startDatabase(rig);
  const issue = await prepareIssuing(rig, database);
  const ports = await startResponders(rig, database);
  const storeless = await startStoreless(rig);
  const what = `three responders on PostgreSQL, ${tokensASecond} random tokens a second`;

  const seconds = rig.count(20);
  const before = await database.calls(login.user);
  const flood = startFlood(ports);
  const began = performance.now();
  const answered = await timeRealTokens(database, ports, seconds);
  const took = (performance.now() - began) / 1_000;
  const after = await database.calls(login.user);
  const flooded = await flood.stop();
  const calls = new Map([...after].map(([word, count]) => [word, count - (before.get(word) ?? 0)] as const));
  const reads = [...calls.values()].reduce((sum, count) => sum + count, 0) / took;
  const slowest = Math.max(...answered);
  printRow({
    what: `${what}: reads a second in all`,
    ours: `${reads.toFixed(1)}, counted by PostgreSQL (${inWords(calls)})`,
    peer: 'bound 60',
    ratio: reads / 60,
    bound: { atMost: 1 },
  });
  printRow({
    what: `${what}: the slowest answer to a real one, in ms`,
    ours: `${slowest.toFixed(0)} ms of ${answered.length}, median ${median(answered).toFixed(0)} ms`,
    peer: 'bound 100 ms',
    ratio: slowest / 100,
    bound: { atMost: 1 },
  });
  printNote(inShort([flooded]));

  const floods: Flooded[] = [];
  const issuing = async (who: 'ours' | 'storeless', round: number) => {
    const beside = startFlood(who === 'ours' ? ports : storeless);
    const cost = await issue(`${who}${round}`);
    floods.push(await beside.stop());
    return cost;
  };
  const costs = await inTurn(rig.rounds(5), {
    ours: (round) => issuing('ours', round),
    storeless: (round) => issuing('storeless', round),
  });
  const rate = (who: keyof typeof costs) => issue.count / medianOf(costs[who], 'wall');
  printRow({
    what: `${what}: rate of ${issue.count} certificates in one command, against responders that read no store`,
    ours: `${rate('ours').toFixed(1)} a second`,
    peer: `beside the others ${rate('storeless').toFixed(1)} a second`,
    ratio: rate('ours') / rate('storeless'),
    bound: { atLeast: 0.9 },
  });
  printNote(inShort(floods));
}

/** Prepares commands that order certificates into the store. */
async function prepareIssuing(rig: Rig, database: Database) {
  const [count, rounds] = [rig.count(150), rig.rounds(5)];
  const namesOf = (round: string) => Array.from({ length: count }, (_, at) => `${round}x${at}.example.test`);
  const folders = new Map<string, string>();
  const all = Array.from({ length: rounds }, (_, round) => [`ours${round}`, `storeless${round}`]).flat();
  const store = database.store(schema);
  for (const round of ['first', ...all]) {
    const wanted = namesOf(round).map((name) => ({ name, identifiers: [name], solver: 'webroot' }) as const);
    folders.set(
      round,
      await configure(rig, `tokens-${round}`, round === 'first' ? wanted.slice(0, 1) : wanted, { store }),
    );
  }
  const issue = (round: string) => measure(certfleet(folders.get(round)!, 'issue'));
  // Registers the account: not counted.
  await issue('first');
  return Object.assign(issue, { count, folder: folders.get('first')! });
}

async function startResponders(rig: Rig, database: Database): Promise<readonly number[]> {
  const { server } = database;
  const folder = join(rig.folder, 'responders');
  await mkdir(folder);
  const owner = join(rig.folder, 'tokens-first');
  const secretFile = join(folder, 'secret');
  await measure(certfleet(owner, 'store', 'responder-secret', secretFile));
  const [program = '', ...args] = certfleet(owner, 'store', 'responder-role');
  await server.sql((await promisify(execFile)(program, args)).stdout);
  await server.sql(`alter role ${login.user} password '${login.password}'`);
  const urlFile = join(folder, 'url');
  await writeFile(urlFile, server.url(login), { mode: 0o600 });
  const ports: number[] = [];
  for (let at = 0; at < responders; at += 1) {
    const port = await freePort();
    ports.push(port);
    const config = join(folder, `${at}.yaml`);
    const settings = {
      store: { type: 'postgres', url: `file:${urlFile}`, schema, tls: 'off' },
      responderSecret: `file:${secretFile}`,
      solvers: { web: { type: 'http01-responder', listen: `127.0.0.1:${port}` } },
    };
    await writeFile(config, JSON.stringify(settings));
    await startServer([...certfleet(folder).slice(0, 2), 'run', '--role', 'responder', '--json', '--config', config]);
  }
  return ports;
}

async function startStoreless(rig: Rig): Promise<readonly number[]> {
  const outfile = join(rig.folder, 'storeless-responder.mjs');
  await build({
    entryPoints: [fileURLToPath(new URL('storeless-responder.ts', import.meta.url))],
    ...{ bundle: true, outfile, platform: 'node', format: 'esm', target: 'node20', logLevel: 'error' },
  });
  const ports: number[] = [];
  for (let at = 0; at < responders; at += 1) {
    const port = await freePort();
    ports.push(port);
    await startServer([node, outfile, String(port)]);
  }
  return ports;
}

async function startServer([program = '', ...args]: readonly string[]): Promise<void> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  atEnd(() => void child.kill('SIGKILL'));
  await saysReady(child);
}

interface Flooded {
  readonly perSecond: number;
  /** How often a status was not 404. */
  readonly others: Readonly<Record<string, number>>;
}

/** Requests random tokens in a process of its own, so that it disturbs no clock of this one. */
function startFlood(ports: readonly number[]) {
  const script = fileURLToPath(new URL('token-flood.mjs', import.meta.url));
  const child = spawn(node, [script, String(tokensASecond), ...ports.map(String)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const forget = atEnd(() => void child.kill('SIGKILL'));
  let output = '';
  child.stdout.on('data', (data) => (output += data));
  return {
    async stop(): Promise<Flooded> {
      child.kill('SIGTERM');
      await once(child, 'close');
      forget();
      return JSON.parse(output) as Flooded;
    },
  };
}

/** What the floods met, for which the figures stand. */
function inShort(floods: readonly Flooded[]): string {
  const rates = floods.map(({ perSecond }) => perSecond);
  const others = floods.flatMap((flood) =>
    Object.entries(flood.others).map(([code, count]) => `, ${count} of them by ${code}`),
  );
  return `${Math.min(...rates).toFixed(0)} to ${Math.max(...rates).toFixed(0)} random tokens a second were answered${others.join('')}`;
}

/** Stores a token again and again, and asks a responder for it at once. Returns how long each answer took, in ms. */
async function timeRealTokens(
  { server }: Database,
  ports: readonly number[],
  seconds: number,
): Promise<readonly number[]> {
  const world = createWorld({ env: {}, log: { debug() {}, info() {}, warn() {} } });
  const options = postgresStore.options.parse({ url: new Secret(server.url()), schema, tls: 'off', plaintext: true });
  const store = postgresStore.connect({ options, name: 'store', world });
  const documents = createTokenDocuments(store, world.clock);
  const { signal } = new AbortController();
  const answered: number[] = [];
  // The first requests meet what was never asked before.
  await sleep(5_000);
  const end = performance.now() + seconds * 1_000;
  for (let at = 0; performance.now() < end; at += 1) {
    const token = randomBytes(32).toString('base64url');
    const claim = { token, keyAuthorization: `${token}.thumbprint`, lineage: 'bench' };
    await documents.publish(claim, signal);
    const began = performance.now();
    const { body } = await getOnce(ports[at % ports.length]!, 'a.test', `/.well-known/acme-challenge/${token}`);
    answered.push(performance.now() - began);
    if (body !== claim.keyAuthorization) throw new Error(`a real token was answered by ${body}`);
    await documents.withdraw(claim, signal);
    // Not in step with the looks of the responders.
    await sleep(20 + Math.random() * 60);
  }
  await store.close?.();
  await world.close();
  return answered;
}
