import { fail } from '../core/errors/errors.ts';
import type { LimitWait } from '../core/lineage/failure.ts';
import { isOnlyOwing, type Lineage } from '../core/lineage/lineage.ts';
import type { ProcessIdentity } from '../core/lineage/process-identity.ts';
import { describeNode, type NodeStatus, withoutEnded } from '../core/node/node-status.ts';
import type { Replica } from '../core/node/replica.ts';
import { commandsOf, type Role, roles } from '../core/node/running.ts';
import { describeLineage, type LineageStatus } from '../core/plan/status.ts';
import type { StoredSpec } from '../core/spec/spec.ts';
import { forgetNode as forgetInStore, isSilent } from '../engine/acts/forget-node.ts';
import type { Engine } from '../engine/engine.ts';
import { rolloverOf } from '../engine/ledger/account.ts';
import { type CaHold, endOfCaHold, holdOf } from '../engine/ledger/ca-hold.ts';
import { changeReplica, readReplica, readReplicas } from '../engine/ledger/replica.ts';
import { isHeld } from '../engine/locks/held-leases.ts';
import { lineageMissing, unusableVersion, watchStore } from '../engine/pass/store-faults.ts';
import { foretell } from '../engine/pass/tickets.ts';
import { limitFor } from '../engine/path/limit.ts';
import { newVisit } from '../engine/path/visit.ts';
import type { Job } from '../engine/run/job.ts';
import type { OpenFleet } from './opened.ts';
import { notFound, readAll, type Stored } from './stored.ts';
import { allWanted, nameOfWanted, type Wanted } from './wanted.ts';

export async function statusOf(
  fleet: OpenFleet,
  names: readonly string[],
  signal: AbortSignal,
): Promise<readonly LineageStatus[]> {
  const { engine } = fleet;
  const watch = await watchStore(engine, signal);
  const stored = await readAll(fleet, signal);
  const wanted = new Map(allWanted(fleet, stored).map((one) => [nameOfWanted(one), one]));
  const shown = [...stored].filter(([, found]) => found instanceof Error || !isOnlyOwing(found));
  for (const [name, found] of stored) watch.saw(name, found instanceof Error || !wanted.has(name) ? undefined : found);
  const missing = await watch.missing(signal);
  const lacking = new Map((await watch.lacking(signal)).map(({ certificate, error }) => [certificate, error]));
  const accounts = await watch.accounts(signal);
  const withoutAccount = new Map(
    accounts.missing.flatMap(({ certificates, error }) => certificates.map((name) => [name, error])),
  );
  const all = new Set([...wanted.keys(), ...shown.map(([name]) => name), ...missing.keys()].sort());
  for (const name of names) if (!all.has(name)) throw notFound(name, all);
  const now = engine.clock.now();
  const holdAt = createHolds(engine, signal);
  const limitOf = await limitsOfDue(engine, [...wanted.values()], stored, signal);
  const nodes = { here: engine.node, known: await readReplicas(engine, signal) };
  const rolloverFor = async (wanted: StoredSpec | undefined) => wanted && rolloverOf(engine, wanted, signal);
  const described = (names.length > 0 ? names : [...all]).map(async (name) => {
    const found = stored.get(name);
    const one = wanted.get(name);
    const lineage = found instanceof Error ? undefined : found;
    const lacks = missing.has(name) ? lineageMissing(name) : lacking.get(name);
    const unusable = names.length > 0 && lineage ? await unusableVersion(engine, lineage, signal) : undefined;
    const corrupt = found instanceof Error ? found : (lacks ?? unusable);
    const accountMissing = withoutAccount.get(name);
    const isWorking = await isHeld(lineage?.work?.lease, engine, signal);
    const caHold = endOfCaHold(await holdAt(one?.wanted.issuer.settings.directory), lineage, now);
    const declaredAs = one && { spec: one.wanted, origin: one.origin };
    const rollover = await rolloverFor(one?.wanted);
    const limit = one && !corrupt ? await limitOf(one, lineage) : undefined;
    return describeLineage(name, {
      ...{ wanted: declaredAs, lineage, corrupt, accountMissing, now, isWorking, caHold, rollover, limit, nodes },
    });
  });
  return Promise.all(described);
}

/** Returns all known nodes, and what they lack of these certificates. */
export async function nodesOf(
  { engine }: OpenFleet,
  certificates: readonly LineageStatus[],
  signal: AbortSignal,
): Promise<readonly NodeStatus[]> {
  const lacks = certificates.flatMap(({ name: certificate, lackingAt = [] }) =>
    lackingAt.map(({ node, here: _own, ...lack }) => ({ node, lack: { certificate, ...lack } })),
  );
  const now = engine.clock.now();
  return (await readReplicas(engine, signal)).map((replica) => {
    const own = lacks.flatMap(({ node, lack }) => (node === replica.node ? [lack] : []));
    return describeNode(replica, own, { now, isDead: (who) => engine.processes.look(who) === 'dead' });
  });
}

/**
 * Forgets a node that is gone for good, with the files that commands got there. If something keeps running there, it
 * forgets only what has ended; resolves with what keeps running. Fails with `usage/unknown-node`, `usage/node-runs`.
 */
export async function forgetNode({ engine }: OpenFleet, node: string, signal: AbortSignal): Promise<readonly Role[]> {
  const known = await readReplicas(engine, signal);
  const replica = known.find((one) => one.node === node);
  if (!replica) {
    const names = known.length > 0 ? `known are ${known.map((one) => one.node).join(', ')}` : 'none is known';
    throw fail('usage/unknown-node', { node, known: names });
  }
  const facts = { now: engine.clock.now(), isDead: (who: ProcessIdentity) => engine.processes.look(who) === 'dead' };
  const { live } = withoutEnded(replica, facts);
  if (live.length === 0) {
    await engine.connect.forgetNode(node);
    await forgetInStore(engine, node, signal);
    // Its clock may be wrong, and it has given a sign of life meanwhile.
    const { running = {} } = (await readReplica(engine, node, signal)) ?? {};
    return roles.filter((role) => running[role]?.lease !== undefined);
  }
  const change = (document: Replica['document'] | undefined) =>
    document && withoutEnded({ node, document }, facts).document;
  const hasEnded = await isSilent(engine, node, signal, (role) => !live.includes(role));
  if (hasEnded && (await changeReplica(engine, node, change, signal))) return live;
  throw fail('usage/node-runs', { node, command: live.map((role) => `\`${commandsOf[role]}\``).join(' and ') });
}

/** Returns a function that says for which rate limit a certificate waits, if it is due. */
async function limitsOfDue(
  engine: Engine,
  wanted: readonly Wanted[],
  stored: Stored,
  signal: AbortSignal,
): Promise<(one: Wanted, lineage: Lineage | undefined) => Promise<LimitWait | undefined>> {
  const now = engine.clock.now();
  const jobOf = (one: Wanted): Job => ({ ...one, force: false, obeyBackoff: true, unattended: true });
  const candidates = wanted.flatMap((one) => {
    const found = stored.get(nameOfWanted(one));
    return found instanceof Error ? [] : [{ job: jobOf(one), lineage: found }];
  });
  await foretell(engine, candidates, signal);
  return (one, lineage) => limitFor(engine, newVisit(engine, jobOf(one)), { lineage, now }, signal);
}

/** Returns a function that reads the hold of each CA once. */
function createHolds(engine: Engine, signal: AbortSignal) {
  const holds = new Map<string, Promise<CaHold | undefined>>();
  return (directory: string | undefined): Promise<CaHold | undefined> | undefined => {
    if (directory === undefined) return undefined;
    const hold = holds.get(directory) ?? holdOf(engine, directory, signal);
    holds.set(directory, hold);
    return hold;
  };
}
