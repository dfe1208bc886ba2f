import { decodeHistory, mostHistoryBytes } from '../../../src/core/history/history.ts';
import { decodeLineage, type Lease, type Lineage } from '../../../src/core/lineage/lineage.ts';
import { decodeSession, type Session } from '../../../src/core/lineage/session.ts';
import { identifierSet } from '../../../src/core/names/identifier.ts';
import { decodeReplica } from '../../../src/core/node/replica.ts';
import type { StoredSpec } from '../../../src/core/spec/spec.ts';
import type { Order, OrderRequest } from '../../../src/ports/issuer.ts';
import type { SolverChallenge } from '../../../src/ports/solver.ts';
import type { Key } from '../../../src/ports/store.ts';
import { person } from './asks.ts';
import type { StoredCertificate } from './ca-model/ca-model.ts';
import { publicKeyOf } from './ca-model/fake-pem.ts';
import type { Pauses } from './pauses.ts';
import type { Process } from './process.ts';
import { isStopped, type Promises } from './promises.ts';

/** For how long an issued certificate can be downloaded at least: its order lasts for 6 hours. */
const fetchableMs = 5 * 3_600_000;

/** How many durable writes a renewal may need if nothing goes wrong. */
const mostWrites = 11;

/** For so long after a pause, a certificate may expire that was due during it. */
const pausedMs = 2 * 86_400_000;

/**
 * By how much a question for a window may be late. Replicas wake within ten minutes, and do something first; what does
 * not fit among the questions of one turn is asked after another sleep.
 */
const mostLateMs = 21 * 60_000;

/** How long an order takes from its last look at the limits to the CA. */
const onItsWayMs = 1_000;

interface Known {
  readonly lineage: Lineage;
  /** When the document last changed. */
  readonly atMs: number;
}

/** What must hold at every effect. */
export interface Checks {
  /** The documents of all lineages, as they are in the store. */
  readonly lineages: ReadonlyMap<string, Known>;
  /** Runs a write, a deletion if there are no bytes, and looks at what it changes. */
  written<T>(process: Process, key: Key, bytes: Uint8Array | undefined, write: () => Promise<T>): Promise<T>;
  /** Reports whether a process holds the lease of a lineage. */
  holds(process: Process, name: string): boolean;
  prepares(process: Process, name: string): void;
  presents(process: Process, challenge: SolverChallenge): void;
  delivers(process: Process, what: string, name: string): void;
  /** It delivers to a target of its own node, which takes no lease. */
  deliversHere(process: Process, what: string, name: string): void;
  /** It orders from the CA of this directory. */
  orders(process: Process, directory: string, request: OrderRequest): void;
  accepts(process: Process): void;
  finalizes(process: Process, publicKey: string): void;
  /** The CA gets a request to finalize. */
  finalizing(process: Process, order: Order, publicKey: string): void;
  finalized(process: Process, order: Order, publicKey: string): void;
  /** The CA tells the state of an order. */
  looksAt(process: Process, url: string): void;
  /** The CA of this directory has issued a certificate. */
  issued(directory: string, certificate: StoredCertificate): void;
  /** The CA has told a window, and in how many ms it wants to be asked again. */
  asked(ariId: string, retryAfterMs: number): void;
  /** How many certificates the CAs have issued for a registered domain that certfleet may not have counted yet. */
  untold(domain: string): number;
  /** How many certificates became current. */
  readonly made: number;
  /** How many questions for a renewal window the CA has answered. */
  readonly questions: number;
}

export function createChecks(world: {
  readonly nowMs: () => number;
  readonly leaseTtlMs: number;
  readonly isDead: (pid: number) => boolean;
  /** The specs that are declared now. */
  readonly wanted: () => ReadonlyMap<string, StoredSpec>;
  /** Nothing goes wrong in this world, so that writes can be counted. */
  readonly isCalm: boolean;
  readonly promises: Promises;
  readonly pauses: () => Pauses;
  /** Every question for a window is asked in this world, by one replica. */
  readonly asksAll: boolean;
  readonly violate: (what: string) => void;
  readonly changed: (name: string) => void;
  readonly later: (ms: number, run: () => void) => void;
}): Checks {
  const { nowMs, violate } = world;
  const lineages = new Map<string, Known>();
  /** The sessions that stand in the store, and when they had their last sign of life, by the document and by the ID. */
  const sessions = new Map<string, { readonly of: string; readonly session: Session; readonly atMs: number }>();
  const documents = new Set<string>();
  /** The version of each stored key, by its public half. */
  const keys = new Map<string, { readonly name: string; readonly version: string }>();
  /** The versions that have been current. */
  const counted = new Map<string, number>();
  const bought = new Map<string, string>();
  /** The last certificate that a CA has issued for a set of names, by `directory set`. */
  const lastBought = new Map<string, { readonly publicKey: string; readonly atMs: number }>();
  /** When orders were finalized; `isLate`: by a process that had lost its lease. */
  const finalizedOrders = new Map<string, { readonly atMs: number; readonly isLate: boolean }>();
  /** When a process last looked at an order, by `pid url`. */
  const lookedAt = new Map<string, number>();
  const runs = new Map<string, { writes: number; readonly since: number; readonly current: string | undefined }>();
  let made = 0;
  let questions = 0;
  /** When the CA wants to be asked next, by ARI id. */
  const askAt = new Map<string, number>();

  const decoder = new TextDecoder();
  const lineageOf = (name: string) => lineages.get(name)?.lineage;
  const isHeldBy = ({ identity }: Process, lease: Lease | undefined): boolean =>
    lease?.holder.pid === identity.pid && sessions.has(lease.session?.id ?? '');
  const holds = (process: Process, name: string): boolean => isHeldBy(process, lineageOf(name)?.work?.lease);
  /** When the version of a key became current, if it has. */
  const countedAt = (publicKey: string): number | undefined => {
    const { name, version } = keys.get(publicKey) ?? {};
    return counted.get(`${name}~${version}`);
  };
  const isCounted = (publicKey: string): boolean => countedAt(publicKey) !== undefined;
  /** A version that was not current yet when the key before became known to others: it might have had the same key. */
  const isGivenUp = (publicKey: string): boolean => {
    const { name = '', version = '' } = keys.get(publicKey) ?? {};
    const { current, retired = [] } = lineageOf(name) ?? {};
    return current?.compromised === true && retired.includes(version);
  };
  /** Only a person acts on what a person has paused. */
  const mustNotBePaused = (process: Process, what: string, name: string) => {
    if (lineageOf(name)?.paused && process.replica !== person) violate(`${what} for ${name}, which is paused`);
  };
  const mustHold = (process: Process, what: string, name: string) => {
    if (!holds(process, name)) violate(`${what} for ${name}, whose lease it does not hold`);
  };

  function lineageWritten(process: Process, name: string, before: Known | undefined, after: Lineage | undefined): void {
    const held = before?.lineage.work?.lease;
    const isOfOther = held !== undefined && held.holder.pid !== process.identity.pid;
    if (isOfOther && !world.isDead(held.holder.pid) && sessions.has(held.session?.id ?? ''))
      violate(`it writes ${name}, although the session of its holder is not fenced`);
    const { current } = after ?? {};
    if (current && current.id !== before?.lineage.current?.id) {
      made += 1;
      counted.set(`${name}~${current.id}`, nowMs());
      for (const kind of ['key', 'version'])
        if (!documents.has(`${kind}/${name}~${current.id}`))
          violate(`${name} has a version without a ${kind} in the store`);
      const endMs = Date.parse(current.facts.notAfter);
      const beforeMs = Date.parse(before?.lineage.current?.facts.notAfter ?? '');
      // An import may find one that another client has let expire. It must not replace one that is valid.
      if (endMs > nowMs() || beforeMs > nowMs()) watchExpiry(name, current.id, endMs);
    }
    countWrites(name, before?.lineage, after);
    world.promises.written(process, before?.lineage, after);
  }

  /** Looks at a document in which sessions stand, of which a process has written the new state. */
  function sessionsWritten(process: Process, of: string, found: readonly Session[]): void {
    for (const [id, before] of sessions) {
      if (before.of !== of || found.some((one) => one.id === id)) continue;
      sessions.delete(id);
      const { pid } = before.session.holder;
      const restMs = nowMs() - before.atMs;
      if (pid !== process.identity.pid && !world.isDead(pid) && restMs < world.leaseTtlMs)
        violate(`it fences a process that gave a sign of life ${restMs} ms ago`);
    }
    for (const session of found)
      if (sessions.get(session.id)?.session.beat !== session.beat)
        sessions.set(session.id, { of, session, atMs: nowMs() });
  }

  function countWrites(name: string, before: Lineage | undefined, after: Lineage | undefined): void {
    const [had, has] = [before?.work?.lease, after?.work?.lease];
    if (has && had?.id !== has.id) runs.set(name, { writes: 0, since: nowMs(), current: before?.current?.id });
    const run = runs.get(name);
    if (!run) return;
    run.writes += 1;
    if (has) return;
    runs.delete(name);
    const isRenewal = run.current !== undefined && after?.current?.id !== run.current && after?.work === undefined;
    if (world.isCalm && isRenewal && run.writes > mostWrites)
      violate(`the renewal of ${name} took ${run.writes} durable writes`);
  }

  /** No certificate expires while the CA answers. */
  function watchExpiry(name: string, version: string, notAfterMs: number): void {
    world.later(notAfterMs - nowMs(), () => {
      const lineage = lineageOf(name);
      const wasPaused = world.pauses().since(name, nowMs() - pausedMs);
      if (world.wanted().has(name) && lineage?.current?.id === version && !isStopped(lineage) && !wasPaused)
        violate(`the certificate of ${name} has expired`);
    });
  }

  return {
    lineages,
    get made() {
      return made;
    },
    get questions() {
      return questions;
    },
    async written(process, key, bytes, write) {
      const result = await write();
      const { kind, name } = key;
      const id = `${kind}/${name}`;
      if (bytes) documents.add(id);
      else documents.delete(id);
      if (kind === 'key' && bytes) {
        const { keyPem } = JSON.parse(decoder.decode(bytes)) as { readonly keyPem: string };
        const at = name.lastIndexOf('~');
        keys.set(publicKeyOf(keyPem), { name: name.slice(0, at), version: name.slice(at + 1) });
      }
      if (kind === 'lineage') {
        const before = lineages.get(name);
        const after = bytes && decodeLineage(bytes, name, 'memory');
        if (after) lineages.set(name, { lineage: after, atMs: nowMs() });
        else lineages.delete(name);
        lineageWritten(process, name, before, after);
        world.changed(name);
        // Nothing asks for the window of one that is paused.
        if (after?.paused) askAt.delete(after.current?.facts.ariId ?? '');
      } else if (kind === 'session') {
        const session = bytes && decodeSession(bytes, name, 'memory');
        sessionsWritten(process, id, session ? [session] : []);
      } else if (kind === 'replica') {
        const { running = {} } = bytes ? decodeReplica(bytes, name, 'memory') : {};
        sessionsWritten(
          process,
          id,
          Object.values(running).flatMap(({ lease }) => lease ?? []),
        );
      } else if (kind === 'history') {
        // Whoever reads it must not need more than this, and a deleted certificate leaves none.
        if (bytes && (bytes.length > mostHistoryBytes || decodeHistory(bytes, name, 'memory').runs.length === 0))
          violate(`the history of ${name} has ${bytes.length} bytes`);
      } else {
        const at = name.lastIndexOf('~');
        const run = at > 0 ? runs.get(name.slice(0, at)) : undefined;
        if (run) run.writes += 1;
      }
      return result;
    },
    holds,
    prepares(process, name) {
      mustNotBePaused(process, 'it prepares', name);
      mustHold(process, 'it prepares', name);
      if (!lineageOf(name)?.work?.probe) violate(`it prepares for ${name} without an intent in the journal`);
    },
    presents(process, { lineage: name, type, identifier, token }) {
      mustNotBePaused(process, 'it presents a challenge', name);
      mustHold(process, 'it presents a challenge', name);
      const { challenges = [] } = lineageOf(name)?.work ?? {};
      const isIntended = challenges.some(
        (one) => one.type === type && one.identifier === identifier.value && one.token === token,
      );
      if (!isIntended) violate(`it presents a challenge of ${identifier.value} that is not in the journal of ${name}`);
    },
    delivers(process, what, name) {
      // A sweep takes back what was uploaded for versions of before.
      if (what !== 'deployer.retire') mustNotBePaused(process, `it calls ${what}`, name);
      mustHold(process, `it calls ${what}`, name);
    },
    deliversHere(process, what, name) {
      if (process.replica !== person && world.pauses().isLasting(name))
        violate(`it calls ${what} on its own node for ${name}, which is paused`);
    },
    orders(process, directory, { identifiers }) {
      const set = identifierSet(identifiers);
      const isIntended = [...lineages.values()].some(
        ({ lineage: { work, spec } }) =>
          work &&
          isHeldBy(process, work.lease) &&
          work.order !== undefined &&
          spec.issuer.settings.directory === directory &&
          identifierSet(spec.identifiers) === set,
      );
      for (const { lineage } of lineages.values())
        if (isHeldBy(process, lineage.work?.lease) && identifierSet(lineage.spec.identifiers) === set)
          mustNotBePaused(process, `it orders ${set}`, lineage.name);
      if (!isIntended) violate(`it orders ${set} without a lease and an intent in the journal`);
      const last = lastBought.get(`${directory} ${set}`);
      if (last && nowMs() - last.atMs < fetchableMs && !isCounted(last.publicKey) && !isGivenUp(last.publicKey))
        violate(`it orders ${set} again, although this CA has just issued a certificate for it`);
    },
    accepts(process) {
      const isOurs = [...lineages.values()].some(
        ({ lineage: { work } }) => work && isHeldBy(process, work.lease) && work.challenges.length > 0,
      );
      if (!isOurs) violate('it accepts a challenge without a lease');
    },
    finalizes(process, publicKey) {
      world.promises.finalizes(publicKey);
      const key = keys.get(publicKey);
      if (!key || !documents.has(`key/${key.name}~${key.version}`))
        violate('it finalizes with a key that is not stored');
      else mustHold(process, 'it finalizes', key.name);
    },
    finalizing(process, order, publicKey) {
      const name = keys.get(publicKey)?.name ?? '';
      const before = finalizedOrders.get(order.url);
      if (!before || !holds(process, name)) return;
      // What another process sent late, after this one had looked at the order, it cannot know. The CA refuses one of them.
      const isUnknown =
        before.isLate && before.atMs > (lookedAt.get(`${process.identity.pid} ${order.url}`) ?? Infinity);
      if (!isUnknown) violate(`it finalizes an order of ${name} that it has finalized before`);
    },
    finalized(process, { url }, publicKey) {
      const isLate = !holds(process, keys.get(publicKey)?.name ?? '');
      if (!finalizedOrders.has(url)) finalizedOrders.set(url, { atMs: nowMs(), isLate });
    },
    looksAt({ identity }, url) {
      lookedAt.set(`${identity.pid} ${url}`, nowMs());
    },
    untold(domain) {
      // An order that was on its way when the version became current cannot have known of it.
      const isUntold = (publicKey: string) => (countedAt(publicKey) ?? nowMs()) > nowMs() - onItsWayMs;
      const uncounted = [...bought].filter(([publicKey]) => isUntold(publicKey));
      return uncounted.filter(([, set]) => set.split(' ').some((name) => `.${name}`.endsWith(`.${domain}`))).length;
    },
    asked(ariId, retryAfterMs) {
      questions += 1;
      if (!world.asksAll) return;
      const lateMs = nowMs() - (askAt.get(ariId) ?? nowMs());
      if (lateMs < 0 || lateMs > mostLateMs)
        violate(`the window of ${ariId} is asked for ${lateMs} ms after the time that the CA named`);
      askAt.set(ariId, nowMs() + retryAfterMs);
    },
    issued(directory, { publicKey, identifiers }) {
      const set = identifierSet(identifiers);
      if (!keys.has(publicKey)) violate(`the CA issued a certificate for ${set} whose key is not stored`);
      if (bought.has(publicKey)) violate(`the CA issued two certificates for one version of ${set}`);
      bought.set(publicKey, set);
      lastBought.set(`${directory} ${set}`, { publicKey, atMs: nowMs() });
    },
  };
}
