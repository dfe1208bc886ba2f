import { createHash, createHmac } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  classes,
  encodeName,
  encodeRecord,
  join as joined,
  Reader,
  types,
  u16,
  u48,
} from '../../src/clients/dns-wire.ts';
import { compose } from '../../src/compose.ts';
import { fail } from '../../src/core/errors.ts';
import type { EngineContext } from '../../src/engine/engine.ts';
import { systemClock } from '../../src/lib/clock.ts';
import type { Deployer } from '../../src/ports/deployer.ts';
import type { Dns } from '../../src/ports/dns.ts';
import type { Processes } from '../../src/ports/processes.ts';
import type { Key, Kind, Store } from '../../src/ports/store.ts';
import type { World } from '../../src/ports/world.ts';
import fileStore from '../../src/stores/file.ts';
import { fakeDns } from '../../src/testing/fake-dns.ts';
import { createSimulatedCa, type SimulatedCa } from './acme-ca.ts';
import { memoryFiles } from './memory-files.ts';
import { httpTo } from './simulated-http.ts';

/** A store as a release wrote it, with as much of the CA and the world as its documents name. */
export interface OldStore {
  /** What happened. */
  readonly title: string;
  /** `waiting`: for a back-off or a hold of the CA. `pending`: a target lacks the current version. */
  readonly state: 'idle' | 'interrupted' | 'waiting' | 'pending';
  /** The time when it was left. */
  readonly at: string;
  /** By `kind/name`. */
  readonly documents: Named<object>;
  /** The simulated CA's records by id; dates are text, and a chain that a version document holds is `=version/…`. */
  readonly accounts: Named<object>;
  readonly orders: Named<object>;
  readonly authorizations: Named<object>;
  readonly certificates: Named<object>;
  /** Below the folder of the web server. */
  readonly files: Named<string>;
  readonly txt: readonly TxtValue[];
  /** Hooks that outlived their certfleet, by pid; each adds its value some day. */
  readonly hooks: Named<TxtValue>;
  /** The versions that each target was given. */
  readonly delivered: Named<readonly string[]>;
}

type Named<T> = Readonly<Record<string, T>>;

interface TxtValue {
  readonly name: string;
  readonly value: string;
}

const folder = fileURLToPath(new URL('../fixtures/store-769111c', import.meta.url));

/** Every fixture. A file is one history: each entry says what differs from the one before; null is what is gone. */
export const oldStores = (): readonly (readonly [name: string, store: OldStore])[] =>
  readdirSync(folder)
    .filter((file) => file.endsWith('.json'))
    .sort()
    .flatMap((file) => {
      const history = JSON.parse(readFileSync(join(folder, file), 'utf8')) as readonly Partial<OldStore>[];
      const stores: OldStore[] = [];
      for (const change of history) stores.push(changed(stores.at(-1) ?? nothing, change));
      return stores.map((store, at) => [`${file.slice(0, -5)} ${at + 1}: ${store.title}`, store] as const);
    });

export const nothing: OldStore = {
  title: '',
  state: 'idle',
  at: '2026-11-24T12:00:00.000Z',
  ...{ documents: {}, accounts: {}, orders: {}, authorizations: {}, certificates: {} },
  ...{ files: {}, txt: [], hooks: {}, delivered: {} },
};

function changed(before: OldStore, change: Partial<OldStore>): OldStore {
  const merged = Object.entries(change).map(([field, value]) => {
    if (typeof value !== 'object' || Array.isArray(value)) return [field, value];
    const all = { ...(before[field as keyof OldStore] as Named<unknown>), ...value };
    return [field, Object.fromEntries(Object.entries(all).filter(([, one]) => one !== null))];
  });
  return { ...before, ...Object.fromEntries(merged) };
}

export const webroot = '/srv/www';
export const zone = 'example.test';
/** A value of somebody else, which must stay. */
export const foreignTxt: TxtValue = { name: `_acme-challenge.${zone}`, value: 'somebody-else' };
export const tsigSecret = 'Y0ME13MmrPBN27PijlpjlbanXkSND4ZC5Eb+uEoOs44=';
const webServer = '192.0.2.80';
const storePath = '/var/lib/certfleet';
const { signal } = new AbortController();

/** Writes the documents into an empty store. */
export async function fillStore(store: Store, documents: OldStore['documents']): Promise<void> {
  for (const [id, document] of Object.entries(documents))
    await store.put(keyOf(id), Buffer.from(JSON.stringify(document)), { ifRevision: null, signal });
}

const keyOf = (id: string): Key => {
  const at = id.indexOf('/');
  return { kind: id.slice(0, at) as Kind, name: id.slice(at + 1) };
};

/** The whole product on files in memory, a fake DNS, and the simulated CA, as they were when the store was left. */
export async function oldWorld(old: OldStore) {
  let aheadMs = Date.parse(old.at) - Date.now();
  const clock = { ...systemClock, now: () => new Date(Date.now() + aheadMs) };
  const files = memoryFiles(clock.now);
  await files.makeFolders(webroot, 0o755);
  await files.makeFolders('/etc/certfleet', 0o755);
  await files.replace('/etc/certfleet/tsig', tsigSecret, { mode: 0o600 });
  for (const [path, content] of Object.entries(old.files)) {
    await files.makeFolders(join(path, '..'), 0o755);
    await files.replace(path, content, { mode: 0o644 });
  }
  const records = [zone, `www.${zone}`].map((name) => [name, 'A', webServer] as const);
  const dns = fakeDns({ [zone]: { servers: { [`ns1.${zone}`]: ['192.0.2.1'] }, records } }, clock);
  for (const value of [foreignTxt, ...old.txt]) dns.add({ zone, ...value });
  const hooks = new Map(Object.entries(old.hooks).map(([pid, value]) => [Number(pid), value]));
  const delivered = new Map(Object.entries(old.delivered).map(([target, ids]) => [target, [...ids]]));
  /** What the targets do not take, by the version's id: an error at once, or a handshake that fails from then on. */
  const target = { refuses: (_id: string) => false, breaksOn: (_id: string) => false };
  const certificates = new Map<string, string>();
  for (const [id, document] of Object.entries(old.documents))
    if (id.startsWith('version/')) certificates.set(id.replace(/.*~/, ''), (document as { chainPem: string }).chainPem);

  const ca = await createSimulatedCa({
    clock,
    settings: {
      unknownChallenges: false,
      validate: async ({ value }, { type, token }, keyAuthorization) => {
        const found =
          type === 'http-01'
            ? files.contents(webroot)[`${webroot}/.well-known/acme-challenge/${token}`] === keyAuthorization
            : dns
                .values(zone)
                .some((txt) => txt.name === `_acme-challenge.${value}` && txt.value === sha(keyAuthorization));
        return found
          ? undefined
          : { type: 'urn:ietf:params:acme:error:unauthorized', detail: 'not there', status: 403 };
      },
    },
  });
  fillCa(ca, old);

  let lastPid = 5_000;
  const processes: Processes = {
    self: () => ({ bootId: 'boot', pidNamespace: 'pid:[1]', pid: 0, startTime: '1' }),
    look: (who) => (who.bootId !== 'boot' ? 'unknown' : hooks.has(who.pid) ? 'alive' : 'dead'),
    async run({ command: [program], env, onStart }) {
      lastPid += 1;
      const pid = lastPid;
      const value = { name: env['CERTFLEET_RECORD'] ?? '', value: env['CERTBOT_VALIDATION'] ?? '' };
      if (program === '/usr/local/bin/hook-absent') {
        dns.remove({ zone, ...value });
        return { status: 0, stdout: '', stderr: '' };
      }
      await onStart?.({ bootId: 'boot', pidNamespace: 'pid:[1]', pid, startTime: '7' });
      hooks.set(pid, value);
      await hookRuns.wait();
      hooks.delete(pid);
      dns.add({ zone, ...value });
      return { status: 0, stdout: `record of ${value.value.slice(0, 6)}\n`, stderr: '' };
    },
    end: async ({ pid }) => void hooks.delete(pid),
  };
  const hookRuns = { wait: async (): Promise<void> => undefined };

  const world: World = {
    clock,
    random: { bytes: (n) => crypto.getRandomValues(new Uint8Array(n)), number: Math.random },
    files,
    processes,
    dns: { ...dns, exchange: updates(dns.add, dns.remove, clock.now) },
    streams: { converse: nowhere },
    vantage: {
      name: 'here',
      async get(url, { address }) {
        const body = address === webServer ? files.contents(webroot)[`${webroot}${new URL(url).pathname}`] : undefined;
        return { status: body === undefined ? 404 : 200, location: undefined, body: body ?? '' };
      },
      async handshake() {
        const [id = ''] = [...delivered.values()].map((ids) => ids.at(-1) ?? '');
        const [, base64] = /-----BEGIN CERTIFICATE-----([^-]*)/.exec(certificates.get(id) ?? '') ?? [];
        if (base64 !== undefined && !target.breaksOn(id)) return { certificateDer: Buffer.from(base64, 'base64') };
        const cause = Object.assign(new Error('the handshake failed'), { phase: 'exchange' });
        throw fail('network/failed', { method: 'TLS', url: '', reason: 'handshake' }, { cause });
      },
    },
    log: { debug() {}, info() {}, warn() {} },
    lookup: async () => [webServer],
    http: () => httpTo(ca),
    close: async () => undefined,
  };

  const deployer = (name: string): Deployer => ({
    type: 'files',
    scope: 'node',
    look: async ({ id }) => ({ state: delivered.get(name)?.at(-1) === id ? 'current' : 'stale', detail: '' }),
    stage: async () => null,
    async activate({ id, lineage, fullchainPem }) {
      if (target.refuses(id))
        throw fail('deploy/target-failed', { target: name, certificate: lineage, reason: 'the disk is full' });
      certificates.set(id, fullchainPem);
      delivered.set(name, [...(delivered.get(name) ?? []), id]);
    },
  });

  return {
    world,
    clock,
    ca,
    files,
    hooks,
    hookRuns,
    delivered,
    target,
    txt: () => dns.values(zone),
    /** What a hook that nobody ended does in the end. */
    finishHooks() {
      for (const value of hooks.values()) dns.add({ zone, ...value });
      hooks.clear();
    },
    pass: (ms: number) => {
      aheadMs += ms;
    },
    /** A process of the product of today on this world. */
    async open(
      pid: number,
      { leaseTtlMs = 60_000, world: its = world, env = {}, boot = 'boot' }: OpenOptions = {},
    ): Promise<EngineContext & { credentialsOf: Awaited<ReturnType<typeof compose>>['credentialsOf'] }> {
      const self = { bootId: boot, pidNamespace: 'pid:[1]', pid, startTime: '1' };
      const own: World = { ...its, processes: { ...its.processes, self: () => self } };
      const { engine, credentialsOf } = await compose(
        {
          store: { type: 'file', path: storePath },
          issuers: {},
          solvers: {},
          deployers: {},
          certificates: [],
          preflight: { resolvers: [], http01Port: 80 },
          shutdownBudgetMs: 8_000,
          leaseTtlMs,
          deployTimeoutMs: 120_000,
        },
        { world: own, reporter: { report() {} }, env },
      );
      return {
        ...engine,
        connect: { ...engine.connect, deployer: async (_spec, name) => deployer(name) },
        credentialsOf,
      };
    },
    store: () => fileStore.connect({ options: { path: storePath }, name: 'store', world }),
  };
}
export type OldWorld = Awaited<ReturnType<typeof oldWorld>>;

interface OpenOptions {
  readonly leaseTtlMs?: number;
  readonly world?: World;
  readonly env?: Readonly<Record<string, string>>;
  readonly boot?: string;
}

const nowhere = () => Promise.reject(fail('network/failed', { method: 'TLS', url: '', reason: 'no network here' }));
const sha = (text: string): string => createHash('sha256').update(text).digest('base64url');

function fillCa({ state }: SimulatedCa, old: OldStore): void {
  for (const kind of ['accounts', 'orders', 'authorizations', 'certificates'] as const)
    for (const [id, written] of Object.entries(old[kind])) {
      const record = JSON.parse(JSON.stringify(written), revive) as { chainPem?: string };
      if (record.chainPem?.startsWith('='))
        record.chainPem = (old.documents[record.chainPem.slice(1)] as { chainPem: string }).chainPem;
      (state[kind] as Map<string, unknown>).set(id, record);
    }
}

const revive = (_key: string, value: unknown): unknown =>
  typeof value === 'string' && /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(value) ? new Date(value) : value;

/** A server that takes signed updates (RFC 2136, RFC 8945), as far as certfleet sends them. */
function updates(
  add: (value: TxtValue & { zone: string }) => void,
  remove: (value: TxtValue & { zone: string }) => void,
  now: () => Date,
): Dns['exchange'] {
  return async (_server, message) => {
    const reader = new Reader(message, 12);
    const of = reader.name();
    reader.take(4);
    const [name, , klass] = [reader.name(), reader.u16(), reader.u16()];
    reader.u32();
    const data = new Reader(reader.take(reader.u16()));
    const change = { zone: of, name, value: data.take(data.take(1)[0] ?? 0).toString() };
    if (klass === classes.NONE) remove(change);
    else add(change);
    const keyName = reader.name();
    reader.take(10);
    const algorithm = encodeName(reader.name());
    reader.take(8);
    const requestMac = reader.take(reader.u16());

    const answer = joined(message.subarray(0, 2), u16(0xa800), new Uint8Array(8));
    const [stamp, fudge] = [u48(Math.floor(now().getTime() / 1000)), u16(300)];
    const signed = [
      encodeName(keyName),
      u16(classes.ANY),
      new Uint8Array(4),
      algorithm,
      stamp,
      fudge,
      new Uint8Array(4),
    ];
    const mac = createHmac('sha256', Buffer.from(tsigSecret, 'base64'))
      .update(joined(u16(requestMac.length), requestMac, answer, ...signed))
      .digest();
    const rdata = joined(algorithm, stamp, fudge, u16(mac.length), mac, message.subarray(0, 2), new Uint8Array(4));
    const whole = Buffer.from(joined(answer, encodeRecord(keyName, types.TSIG, classes.ANY, 0, rdata)));
    whole.writeUInt16BE(1, 10);
    return whole;
  };
}
