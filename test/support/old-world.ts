import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { compose } from '../../src/compose.ts';
// Before the clock runs: no time may pass while the program loads an adapter.
import '../../src/dns/rfc2136.ts';
import '../../src/engine/solvers/dns01.ts';
import '../../src/solvers/command.ts';
import '../../src/solvers/http01-webroot.ts';
import { fail } from '../../src/core/errors/errors.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { newPass } from '../../src/engine/memory/pass.ts';
import type { Deployer } from '../../src/ports/deployer.ts';
import type { Processes } from '../../src/ports/processes.ts';
import type { World } from '../../src/ports/world.ts';
import fileStore from '../../src/stores/file.ts';
import { fakeClock } from '../../src/testing/fake-clock.ts';
import { fakeDns } from '../../src/testing/fake-dns.ts';
import { createSimulatedCa, type SimulatedCa } from './acme-ca.ts';
import { memoryFiles } from './memory-files.ts';
import type { OldStore, TxtValue } from './old-store.ts';
import { randomOf, seeded } from './seeded.ts';
import { httpTo } from './simulated-http.ts';
import { takeUpdates } from './update-server.ts';

export const webroot = '/srv/www';
export const zone = 'example.test';
/** A value of another program, which must stay. */
export const foreignTxt: TxtValue = { name: `_acme-challenge.${zone}`, value: 'somebody-else' };
const tsigSecret = 'Y0ME13MmrPBN27PijlpjlbanXkSND4ZC5Eb+uEoOs44=';
const webServer = '192.0.2.80';
const storePath = '/var/lib/certfleet';

/** The whole program on files in memory, a fake DNS and the simulated CA, in the state in which the store was left. */
export async function oldWorld(old: OldStore) {
  const clock = fakeClock(new Date(old.at));
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
  const certificates = new Map<string, string>();
  for (const [id, document] of Object.entries(old.documents))
    if (id.startsWith('version/')) certificates.set(id.replace(/.*~/, ''), (document as { chainPem: string }).chainPem);

  const ca = createSimulatedCa({
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
      dns.add({ zone, ...value });
      return { status: 0, stdout: `record of ${value.value.slice(0, 6)}\n`, stderr: '' };
    },
    end: async ({ pid }) => void hooks.delete(pid),
  };

  const world: World = {
    clock,
    random: randomOf(seeded('old world')),
    files,
    processes,
    dns: { ...dns, exchange: takeUpdates(dns, tsigSecret, clock.now) },
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
        if (base64 !== undefined) return { certificateDer: Buffer.from(base64, 'base64') };
        return nowhere();
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
    async activate({ id, fullchainPem }) {
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
    delivered,
    txt: () => dns.values(zone),
    /** What a hook that was not ended does later. */
    finishHooks() {
      for (const value of hooks.values()) dns.add({ zone, ...value });
      hooks.clear();
    },
    /** Moves the wall clock on. */
    pass: (ms: number) => clock.set(new Date(clock.now().getTime() + ms)),
    /** A process of today's program in this world. */
    async open(pid: number): Promise<Engine> {
      const self = { bootId: 'boot', pidNamespace: 'pid:[1]', pid, startTime: '1' };
      const own: World = { ...world, processes: { ...processes, self: () => self } };
      const { process } = await compose(
        {
          store: { type: 'file', path: storePath },
          issuers: {},
          balancers: {},
          solvers: {},
          deployers: {},
          certificates: [],
          preflight: { resolvers: [], http01Port: 80 },
          shutdownBudgetMs: 8_000,
          leaseTtlMs: 60_000,
          deployTimeoutMs: 120_000,
          deployDeadlineMs: 60_000,
        },
        { world: own, reporter: { report() {} }, env: {} },
      );
      return {
        ...process,
        pass: newPass('test', clock, process.memory),
        connect: { ...process.connect, deployer: async (_spec, name) => deployer(name) },
      };
    },
    store: () => fileStore.connect({ options: { path: storePath }, name: 'store', world }),
  };
}
export type OldWorld = Awaited<ReturnType<typeof oldWorld>>;

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
