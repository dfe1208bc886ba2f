import { challengePath } from '../../../src/core/ca/challenge-path.ts';
import { fail } from '../../../src/core/errors/errors.ts';
import type { AdapterSettings } from '../../../src/core/spec/spec.ts';
import type { Looks } from '../../../src/engine/engine.ts';
import type { Deployer, Look, VersionRef } from '../../../src/ports/deployer.ts';
import type { Solver } from '../../../src/ports/solver.ts';
import type { Vantage } from '../../../src/ports/vantage.ts';
import { readCertificates } from './ca-model/fake-pem.ts';
import type { Chance } from './chance.ts';
import type { Checks } from './checks.ts';
import type { Gate } from './gate.ts';
import type { Process } from './process.ts';

/** The address of every web server here. */
const address = '192.0.2.80';

/** The address of a place behind an endpoint, and the place at an address. */
const addressOf = (place: number) => `198.51.100.${place}`;
const placeAt = (at: string) => Number(at.slice(at.lastIndexOf('.') + 1));

/** A version that a target takes a while to use in all of its places. */
interface RollOut {
  readonly version: string;
  readonly untilMs: number;
}

/** Everything outside that certfleet changes: DNS zones, web servers, targets. */
export interface Outside {
  /** The key authorizations that are published, and since when they can be seen. */
  readonly answers: Map<string, number>;
  /** The certificates whose probe is on their web servers. */
  readonly probes: Set<string>;
  /** Who wrote such a probe after it had lost its lease. */
  readonly lateProbes: Map<string, Process>;
  /** The places behind each endpoint, as in `used`, by the name of its host. Each has an address. */
  readonly endpoints: ReadonlyMap<string, readonly string[]>;
  /** The certificates that were delivered, by `lineage version`. */
  readonly certificates: Map<string, Uint8Array>;
  /** The version in use, by `lineage target` or, where each node has its own, `lineage target@node`. */
  readonly used: Map<string, string>;
  readonly rollOuts: Map<string, RollOut>;
  /** What was uploaded, by its ID. */
  readonly uploads: Map<string, { readonly at: string; readonly version: string; readonly by: Process }>;
  /** The uploads that have stood in the journal. */
  readonly journalled: Set<string>;
  /** The uploads that stayed when their certificate was deleted, and of which the person was told. */
  readonly disowned: Set<string>;
  nextUpload: number;
}

export const emptyOutside = (endpoints: Outside['endpoints'] = new Map()): Outside => ({
  endpoints,
  certificates: new Map(),
  answers: new Map(),
  probes: new Set(),
  lateProbes: new Map(),
  used: new Map(),
  rollOuts: new Map(),
  uploads: new Map(),
  journalled: new Set(),
  disowned: new Set(),
  nextUpload: 1,
});

/**
 * Notes what stays when a certificate is deleted: no target loses what it uses.
 *
 * @param how.isTold `delete --force` has told the person that other uploads could not be removed
 */
export function disown({ uploads, used, disowned }: Outside, name: string, how: { readonly isTold?: true } = {}): void {
  for (const [id, { at, version }] of uploads)
    if (at.startsWith(`${name} `) && (how.isTold || used.get(at) === version)) disowned.add(id);
}

/** What the CA finds when it validates. */
export function validates(outside: Outside, keyAuthorization: string, nowMs: number) {
  const sinceMs = outside.answers.get(keyAuthorization);
  if (sinceMs !== undefined && sinceMs <= nowMs) return undefined;
  return { type: 'unauthorized', detail: `no answer ${keyAuthorization.slice(0, 8)}… can be seen` };
}

interface Ports {
  readonly outside: Outside;
  readonly process: Process;
  readonly gate: Gate;
  readonly checks: Checks;
  readonly chance: Chance;
  readonly nowMs: () => number;
  readonly node: string;
}

const api = [50, 800] as const;

/** The traits and settings of the adapters here. */
export const solverOf = (type: 'dns' | 'web') => ({
  name: type,
  settings: { type },
  ...(type === 'dns' ? { traits: { preparesNothing: true } as const } : {}),
});

export function createSolver(ports: Ports, { type }: AdapterSettings): Solver {
  const { outside, process, gate, checks, nowMs, chance } = ports;
  const failure = () => fail('dns/unreachable', { provider: 'the provider', reason: 'the connection was cut' });
  const lost = failure;
  const call = <T>(what: string, about: string, signal: AbortSignal, effect: () => T): Promise<T> =>
    gate({ name: `solver.${what}`, about, signal, ms: api, effect, failure, lost });
  const isDns = type === 'dns';
  const shared: Solver = {
    type,
    answers: [isDns ? 'dns-01' : 'http-01'],
    present(challenge, _note, signal) {
      checks.presents(process, challenge);
      const { keyAuthorization, identifier } = challenge;
      return call('present', identifier.value, signal, () => {
        const lagMs = isDns ? chance.between(0, 20_000) : 0;
        if (!outside.answers.has(keyAuthorization)) outside.answers.set(keyAuthorization, nowMs() + lagMs);
        return isDns ? { value: keyAuthorization } : null;
      });
    },
    ready: async ({ keyAuthorization }) => {
      const sinceMs = outside.answers.get(keyAuthorization);
      if (sinceMs !== undefined && sinceMs <= nowMs()) return { ready: true };
      return { ready: false, reason: 'not yet', retryAfterMs: Math.max(500, (sinceMs ?? 0) - nowMs()) };
    },
    cleanup: ({ keyAuthorization, identifier }, _receipt, signal) =>
      call('cleanup', identifier.value, signal, () => void outside.answers.delete(keyAuthorization)),
  };
  if (isDns) return shared;
  return {
    ...shared,
    prepare(lineage, _identifiers, signal) {
      checks.prepares(process, lineage);
      const probe = { path: `${challengePath}probe-${lineage}`, body: 'probe' };
      return call('prepare', lineage, signal, () => {
        outside.probes.add(lineage);
        if (checks.holds(process, lineage)) outside.lateProbes.delete(lineage);
        else outside.lateProbes.set(lineage, process);
        return { probe };
      });
    },
    withdraw: (lineage, signal) => call('withdraw', lineage, signal, () => void outside.probes.delete(lineage)),
  };
}

export function createDeployer(ports: Ports, target: string, settings: AdapterSettings): Deployer {
  const { outside, process, gate, checks, nowMs, chance, node } = ports;
  const { type } = settings;
  const failure = () => fail('deploy/target-failed', { target, certificate: '', reason: 'the connection was cut' });
  const isOfNode = type === 'node';
  const placeOf = ({ lineage }: VersionRef) => `${lineage} ${target}${isOfNode ? `@${node}` : ''}`;
  const call = <T>(what: string, version: VersionRef, signal: AbortSignal, effect: () => T): Promise<T> => {
    // A node delivers to its own targets without a lease.
    if (what !== 'look') checks[isOfNode ? 'deliversHere' : 'delivers'](process, `deployer.${what}`, version.lineage);
    const about = `${placeOf(version)} ${version.id}`;
    return gate({ name: `deployer.${what}`, about, signal, ms: api, effect, failure, lost: failure });
  };
  const shared: Deployer = {
    type: String(type),
    scope: isOfNode ? 'node' : 'fleet',
    look: (version, signal) => call('look', version, signal, () => look(version)),
    stage: (version, _note, signal) => call('stage', version, signal, () => null),
    activate: (version, _staged, _note, signal) =>
      call('activate', version, signal, () => {
        outside.certificates.set(`${version.lineage} ${version.id}`, readCertificates(version.certPem)[0]!.der);
        outside.used.set(placeOf(version), version.id);
      }),
  };

  function look(version: VersionRef) {
    const used = outside.used.get(placeOf(version));
    const state = used === version.id ? 'current' : used === undefined ? 'absent' : 'stale';
    return { state, detail: `it has ${used ?? 'nothing'}` } as const;
  }

  switch (type) {
    case 'node':
      return { ...shared, has: async (version) => outside.used.get(placeOf(version)) === version.id };
    case 'uploads':
      return {
        ...shared,
        stage: (version, _note, signal) =>
          call('stage', version, signal, () => {
            const at = placeOf(version);
            const known = [...outside.uploads].find(([, one]) => one.at === at && one.version === version.id);
            if (known) return known[0];
            const id = `upload-${outside.nextUpload}`;
            outside.nextUpload += 1;
            outside.uploads.set(id, { at, version: version.id, by: process });
            return id;
          }),
        retire: (old, receipt, signal) =>
          call('retire', old, signal, () => {
            if (receipt === undefined) return;
            if (outside.used.get(placeOf(old)) === old.id) throw failure();
            outside.uploads.delete(String(receipt));
          }),
      };
    case 'roll-out': {
      const lookAt = (version: VersionRef) => {
        const place = placeOf(version);
        const rollOut = outside.rollOuts.get(place);
        if (rollOut && rollOut.untilMs <= nowMs()) {
          outside.rollOuts.delete(place);
          outside.used.set(place, rollOut.version);
        }
        const isChanging = outside.rollOuts.has(place);
        const seen = look(version);
        const state: Look['state'] = isChanging ? 'changing' : seen.state;
        const domain = `${target}.example`;
        const lacking = state === 'current' ? [] : [{ place: domain, state, reason: seen.detail }];
        return { state, detail: seen.detail, places: { total: 1, lacking } };
      };
      return {
        ...shared,
        settleMs: 30 * 60_000,
        look: (version, signal) => call('look', version, signal, () => lookAt(version)),
        activate: (version, _staged, _note, signal) =>
          call('activate', version, signal, () => {
            if (lookAt(version).state === 'changing') throw failure();
            const untilMs = nowMs() + chance.between(5_000, 15 * 60_000);
            outside.rollOuts.set(placeOf(version), { version: version.id, untilMs });
          }),
      };
    }
    default:
      return shared;
  }
}

export function createVantage({ outside, gate }: Pick<Ports, 'outside' | 'gate'>): Vantage {
  const failure = () => fail('network/failed', { method: 'GET', url: '', reason: 'no answer' });
  return {
    name: 'here',
    get(url, _at, signal) {
      const token = url.slice(url.lastIndexOf('/') + 1);
      const effect = () => {
        const isProbe = token.startsWith('probe-') && outside.probes.has(token.slice('probe-'.length));
        const body = isProbe ? 'probe' : [...outside.answers.keys()].find((one) => one.startsWith(`${token}.`));
        return { status: body === undefined ? 404 : 200, location: undefined, body: body ?? '' };
      };
      return gate({ name: 'vantage.get', about: url, signal, ms: api, effect, failure, lost: failure });
    },
    handshake({ address, serverName }, signal) {
      const effect = () => {
        const place = outside.endpoints.get(serverName)?.[placeAt(address)] ?? '';
        const certificateDer = outside.certificates.get(`${place.split(' ')[0]} ${outside.used.get(place)}`);
        if (!certificateDer) throw failure();
        return { certificateDer };
      };
      return gate({ name: 'vantage.handshake', about: address, signal, ms: api, effect, failure, lost: failure });
    },
  };
}

export function createLooks({ outside, gate }: Pick<Ports, 'outside' | 'gate'>): Looks {
  const failure = () => fail('dns/lookup-failed', { server: 'ns.test', question: 'a question', reason: 'no answer' });
  const look = <T>(about: string, signal: AbortSignal, answer: T) =>
    gate({ name: 'dns.look', about, signal, ms: [5, 50], effect: () => answer, failure, lost: failure });
  return {
    asTheCa: true,
    addresses: (name, signal) =>
      look(name, signal, {
        ...({ verdict: 'found', ipv6: [], finding: '' } as const),
        ipv4: outside.endpoints.get(name)?.map((_place, at) => addressOf(at)) ?? [address],
      }),
    caa: ({ name }, signal) => look(name, signal, { verdict: 'pass', finding: '' } as const),
  };
}

/** What must be left outside once nothing is under way: an empty list if all is well. */
export function leftOutside(
  outside: Outside,
  facts: {
    readonly nodes: readonly string[];
    /** The versions that may stay uploaded, and where each certificate must be in use. */
    readonly certificates: readonly {
      readonly name: string;
      readonly isWanted: boolean;
      readonly current: string;
      readonly previous: string | undefined;
      readonly targets: readonly { readonly name: string; readonly settings: AdapterSettings }[];
    }[];
  },
): readonly string[] {
  const left = [...outside.answers.keys()].map((one) => `the answer ${one.slice(0, 12)}… was left`);
  // One that a process wrote late does no harm, so no tombstone is kept for it: only that process itself removes it.
  for (const probe of outside.probes)
    if (outside.lateProbes.get(probe)?.isDead !== true) left.push(`the probe of ${probe} was left`);
  const kept = new Set<string>();
  for (const { name, isWanted, current, previous, targets } of facts.certificates)
    for (const { name: target, settings } of targets) {
      const places = settings.type === 'node' ? facts.nodes.map((node) => `${target}@${node}`) : [target];
      for (const place of places) {
        const at = `${name} ${place}`;
        for (const version of [current, previous]) kept.add(`${at} ${version}`);
        const used = outside.used.get(at);
        if (isWanted && used !== current) left.push(`${at} has ${used ?? 'nothing'} in use, not ${current}`);
      }
    }
  for (const [id, { at, version, by }] of outside.uploads) {
    // The process died before it noted the ID, and a newer version came before anything tried this one again: only
    // `sweep --lost` finds it.
    const isUnknown = !outside.journalled.has(id) && by.isDead;
    if (!kept.has(`${at} ${version}`) && !outside.disowned.has(id) && !isUnknown)
      left.push(`${id} of ${at} (${version}) was left`);
  }
  return left;
}
