import type { ErrorCode } from '../../errors/error-table.ts';
import { CertfleetError } from '../../errors/errors.ts';
import { sameIdentifiers } from '../../names/identifier.ts';
import { sameRequest, sameSpec } from '../../spec/same-spec.ts';
import type { StoredSpec } from '../../spec/spec.ts';
import { partFor, partsOf, targetNames } from '../../spec/spec-parts.ts';
import type { Json } from '../../text/json.ts';
import { hasBroken, supersededAt, withoutSent } from '../deployments.ts';
import { hasWanted } from '../differences.ts';
import { withoutNames } from '../dropped-names.ts';
import { type Deployment, isOnlyOwing, type Lineage, type Tombstone, unfinishedWork } from '../lineage.ts';
import { type RevocationReason, whyUnusable } from '../revocation.ts';
import { hasRoomForOrder, owedBy, partOfPresented, tombstoneOf } from '../tombstones.ts';
import { imported, revocationMeant, revoked, rolledBack } from './acts.ts';
import { madeCurrent, sent } from './delivery.ts';
import { closed, failed, isResumedAfter, stopped, swept } from './end.ts';
import { begun, leased, released } from './lease.ts';
import {
  accountKeyChanged,
  accountLost,
  certificateRefused,
  challengeKey,
  challengesIntended,
  namesDropped,
  ordered,
  orderFailed,
  orderGivenUp,
  orderLimited,
  overruled,
  pastRemoved,
  presentFailed,
  receiptsKept,
} from './order.ts';
import { dueStones } from './parts.ts';
import { type Model, type Order, requestOf, type Value, valueKey } from './test-model.ts';
import { after, phaseOf, type Transition } from './transition.ts';

// What the engine does with these changes (issue.ts and sweep.ts, step by step), on a model of the outside world. For
// work.test.ts; no product code imports this.

/** A point on the path, and what may happen there. The first choice continues the path. */
export interface Point {
  readonly at: string;
  readonly choices: readonly string[];
}
export type Path<T = void> = Generator<Point, T, string>;

const stop = new Error('stopped');
/** Here, this stands for the refusal of a signature with the account's old key. */
const keyChanged = 'acme/problem';
/** A name is refused, and may be left out. */
class Refused extends Error {
  readonly identifier: string;
  constructor(identifier: string) {
    super(identifier);
    this.identifier = identifier;
  }
}

/** Throws a choice that is an error code. */
function* reach(at: string, ...choices: readonly string[]): Path<string> {
  const choice = yield { at, choices: ['on', ...choices] };
  if (choice === 'stop') throw stop;
  if (choice.includes('/')) throw failure(choice);
  return choice;
}

const failure = (code: string) => new CertfleetError(code as ErrorCode, code, '', {});

export interface Process {
  readonly pid: number;
  /** What it is about to present. If it freezes now, this may still appear at any time. */
  inFlight: Value[];
}

interface Run {
  asked: boolean;
  mayBeIssued?: boolean;
  isPrepared: boolean;
  isResumed: boolean;
}

/** A process takes the lease, even if another one holds it. */
function* take(model: Model, process: Process, begin: (claim: Parameters<typeof leased>[0]) => Transition): Path {
  const pid = model.lineage?.work?.lease?.holder.pid;
  // What was read from the store is another object than what was written.
  model.lineage = model.lineage && JSON.parse(JSON.stringify(model.lineage));
  const holder = { bootId: 'b', pidNamespace: 'n', pid: process.pid, startTime: '1' };
  const lease = { id: `lease-${process.pid}`, holder, beat: 0 };
  model.apply(begin({ lease, isDoubtful: pid !== undefined && model.frozen.has(pid), now: model.now }));
  yield* reach('the lease');
}

/** What was sent to a target stays there when the settings drop the target. */
function leaveDropped(model: Model, { targets }: StoredSpec): void {
  for (const upload of model.uploads)
    if (!targets.some(({ name: target }) => upload.startsWith(`${target} `))) model.uploads.delete(upload);
}

/** engine/path/issue.ts */
export function* issue(
  model: Model,
  process: Process,
  wanted: StoredSpec,
  aim: 'certificate' | 'delivery',
  isStored = false,
): Path {
  const before = unfinishedWork(model.lineage);
  const same = model.lineage && before && sameRequest(model.lineage.spec, wanted) ? before : undefined;
  if (!same) model.letGo(() => true); // given up, by the user's own word
  const facts = { wanted, origin: model.origin, aim, newId: model.next('version'), isStored };
  leaveDropped(model, wanted);
  yield* take(model, process, (claim) => begun(facts, claim));
  if (same && model.work.step !== 'deploy') {
    model.expect(model.work.version === same.version, 'what was interrupted is resumed with its key');
    model.expect(model.work.order?.url === same.order?.url, 'what was interrupted is resumed with its order');
  }
  const run: Run = { asked: false, isPrepared: false, isResumed: false };
  try {
    yield* removePast(model, wanted);
    if (model.work.step !== 'deploy') yield* obtain(model, process, run, wanted);
    yield* deliver(model, wanted);
  } catch (error) {
    const left = yield* clean(model, model.lineage?.spec ?? wanted);
    yield* reach('the end');
    const { now } = model;
    if (error === stop) {
      model.apply(stopped({ ...run, left, now }));
    } else if (error instanceof CertfleetError) {
      const { work } = model;
      const end = failed({ error, ...run, left, now });
      if (work.step !== 'deploy') checkFailed(model, after(model.lineage, end));
      model.apply(end);
      if (!isResumedAfter(work, error, run.asked) && work.step !== 'deploy') model.removeVersions([work.version]);
      if (model.origin === 'command-line' && !model.isAsked && !model.isDoubtful)
        model.expect(model.leavesNothing(), 'a first try that came to no order leaves what it owes, or no document');
    } else throw error;
  }
}

/** After a failed order, a usable certificate has the settings that it was issued with; then its work may be given up. */
function checkFailed(model: Model, lineage: Lineage | undefined): void {
  const { settled, origin, now } = model;
  if (!lineage?.current || whyUnusable(lineage, lineage.current, now) !== undefined) return;
  // A certificate that may have been issued is fetched.
  if (lineage.work?.order?.finalizedAt !== undefined) return;
  if (origin === 'command-line' && settled && hasWanted(lineage, settled))
    model.expect(sameSpec(lineage.spec, settled), 'a failed change leaves the settings of before');
  if (hasWanted(lineage, lineage.spec) && !lineage.work) model.letGo(() => true);
}

function* removePast(model: Model, wanted: StoredSpec): Path {
  const { spec } = model.lineage as Lineage;
  const { step, challenges, probe } = model.work;
  const isSame = JSON.stringify(spec) === JSON.stringify(wanted);
  if (isSame && (step === 'deploy' || (challenges.length === 0 && probe !== 'left'))) return;
  const left = yield* clean(model, spec);
  yield* reach('past removed', 'stop');
  model.apply(pastRemoved({ wanted, left, now: model.now }));
}

function* obtain(model: Model, process: Process, run: Run, wanted: StoredSpec): Path {
  if (model.versions.has(model.work.version)) return makeCurrent(model, wanted);
  yield* reach('the directory', 'acme/unreachable', 'acme/clock-skew', 'stop');
  try {
    yield* makeVersion(model, process, run, wanted);
  } catch (error) {
    if (!(error instanceof CertfleetError)) throw error;
    const isLost = error.code === 'acme/account-deactivated';
    if (!isLost && error.code !== keyChanged) throw error;
    if (isLost) model.loseAccount();
    else model.accountKeys += 1;
    const left = yield* clean(model, wanted);
    yield* reach('the account', 'acme/unreachable');
    model.apply((isLost ? accountLost : accountKeyChanged)({ left, now: model.now }));
    yield* makeVersion(model, process, run, wanted);
  }
}

/** Again without the names that are refused. */
function* makeVersion(model: Model, process: Process, run: Run, wanted: StoredSpec): Path {
  for (;;) {
    try {
      const { dropped = [] } = model.work.order ?? {};
      return yield* makeVersionOf(model, process, run, withoutNames(wanted, dropped), wanted);
    } catch (error) {
      if (run.isResumed && error instanceof CertfleetError && error.code === 'acme/invalid-authorization') {
        const left = yield* clean(model, wanted);
        yield* reach('the new order', 'stop');
        model.apply(orderFailed({ left, now: model.now }));
        continue;
      }
      if (!(error instanceof Refused)) throw error;
      const { url } = model.work.order ?? {};
      const order = model.orders.find((one) => one.url === url);
      if (order && (yield* reach('end the order', 'lost')) === 'on' && order.status !== 'valid')
        order.status = 'invalid';
      const left = yield* clean(model, wanted);
      yield* reach('the dropped name', 'stop');
      model.letGo((one) => one === order);
      const dropped = [{ identifier: error.identifier, reason: 'no' }];
      model.apply(namesDropped({ dropped, left, now: model.now }));
    }
  }
}

function* makeVersionOf(model: Model, process: Process, run: Run, wanted: StoredSpec, whole: StoredSpec): Path {
  yield* reach('the kept order', 'acme/unreachable', keyChanged, 'stop');
  const kept = model.orders.find(({ url, status }) => url === model.work.order?.url && status !== 'invalid');
  if (kept) model.expect(kept.request === requestOf(wanted), 'the kept order is for what is wanted');
  run.isResumed = kept?.status === 'pending';
  if (kept) run.mayBeIssued = kept.status === 'valid';
  if (!kept && !run.isPrepared) yield* prepare(model, wanted);
  run.isPrepared = true;
  if (!kept && !hasRoomForOrder(model.lineage as Lineage, wanted, model.now)) throw failure('solver/too-much-left');
  if (!kept && model.work.order?.url !== undefined) {
    const { mayBeIssued = model.work.order.finalizedAt !== undefined } = run;
    model.apply(orderGivenUp(mayBeIssued ? model.next('version') : undefined));
  }
  const { version } = model.work;
  yield* reach('the key', 'store/unusable');
  model.keys.add(version);
  const order = kept ?? (yield* placeOrder(model, run, wanted));
  yield* validate(model, process, order, wanted);
  if (order.status !== 'valid') {
    const lost = yield* reach('finalize', 'lost', 'acme/unreachable', keyChanged, 'stop');
    model.finalize(order, version);
    run.mayBeIssued = true;
    if (lost === 'lost') throw failure('acme/unreachable');
  }
  const answer = yield* reach('the certificate', 'wrong', 'acme/unreachable', 'stop');
  model.expect(order.finalizedWith === version, `the certificate of ${order.url} is for the key of ${version}`);
  if (answer === 'wrong' || order.isRefused) {
    Object.assign(order, { isRefused: true, keptFor: undefined });
    model.apply(certificateRefused(model.next('version')));
    throw failure('acme/wrong-certificate');
  }
  yield* reach('the version', 'store/unusable');
  model.versions.set(version, order.url);
  yield* reach('current', 'store/unusable', 'stop');
  makeCurrent(model, whole);
}

function makeCurrent(model: Model, wanted: StoredSpec): void {
  const { version: id } = model.work;
  for (const order of model.orders) if (order.finalizedWith === id) order.keptFor = undefined;
  const { version } = model.versionOf(id, wanted);
  const { current, previous } = model.lineage ?? {};
  const isBroken = model.lineage && hasBroken(model.lineage.spec, model.lineage);
  const isUsable = model.lineage && previous && whyUnusable(model.lineage, previous, model.now) === undefined;
  model.apply(madeCurrent({ wanted, version, now: model.now }));
  const before = isBroken && isUsable ? previous : current;
  model.expect(model.lineage?.previous?.id === before?.id, 'the version before that works can be put back');
  model.isAsked = true;
}

function* prepare(model: Model, wanted: StoredSpec): Path {
  const probes = partsOf(wanted).map(({ name, solver }) => {
    return { type: 'http-01', identifier: name, token: '', thumbprint: '', by: solver.name } as const;
  });
  for (const probe of probes) {
    yield* reach(`probe of ${probe.by}`, 'solver/webroot-unwritable', 'stop');
    model.present(probe);
  }
  for (const probe of probes) {
    yield* reach(`unprobe of ${probe.by}`, 'solver/webroot-unwritable', 'stop');
    model.values.delete(valueKey(probe));
  }
  const verdict = yield* reach('preflight', 'preflight/no', 'overruled');
  if (verdict === 'overruled') model.apply(overruled(model.now));
}

function* placeOrder(model: Model, run: { asked: boolean }, wanted: StoredSpec): Path<Order> {
  run.asked = true;
  model.isAsked = true;
  const refusals = ['acme/rate-limited', 'acme/account-deactivated', keyChanged, 'limited'] as const;
  const answer = yield* reach('newOrder', 'lost', ...refusals, 'stop');
  if (answer === 'limited') {
    model.apply(orderLimited({ until: model.now.toISOString(), detail: 'too many' }));
    throw failure('acme/open-order');
  }
  const order = model.newOrder(wanted);
  if (answer === 'lost') throw failure('acme/unreachable');
  yield* reach('the order', 'stop');
  order.keptFor = model.work.version;
  model.apply(ordered({ url: order.url }));
  return order;
}

function* validate(model: Model, process: Process, order: Order, wanted: StoredSpec): Path {
  if (order.status !== 'pending') return;
  const byOf = (identifier: string) => partFor(wanted, identifier).solver.name;
  yield* reach('the authorizations', 'acme/unreachable', 'acme/account-deactivated', keyChanged, 'stop');
  const all = wanted.identifiers.map(({ value }) => value);
  const names = all.filter((value) => !order.done.has(value));
  // An authorization keeps its token.
  const challenges = names.map((identifier) => {
    const token = `${order.url}-${all.indexOf(identifier)}`.padEnd(43, '.');
    const type = byOf(identifier) === 'dns' ? 'dns-01' : 'http-01';
    return { type, identifier, token } as const;
  });
  const thumbprint = `print-${model.account}-${model.accountKeys}`.padEnd(43, '.');
  model.apply(challengesIntended({ thumbprint, accountUrl: 'a', challenges }));
  process.inFlight = challenges.map((challenge) => ({ ...challenge, thumbprint, by: byOf(challenge.identifier) }));
  const receipts = new Map<string, Json>();
  const refused = new Set<string>();
  let error: unknown;
  for (const challenge of challenges) {
    const key = challengeKey(challenge);
    const choice = yield* reach(`present ${challenge.identifier}`, 'refused', 'lost', 'no answer');
    process.inFlight = process.inFlight.filter(({ identifier }) => identifier !== challenge.identifier);
    if (choice === 'on' || choice === 'lost')
      model.present({ ...challenge, thumbprint, by: byOf(challenge.identifier) });
    if (choice === 'on') receipts.set(key, { zone: 'example.com', value: challenge.token });
    else error = failure(choice === 'refused' ? 'dns/refused' : 'dns/unreachable');
    if (choice === 'refused') refused.add(key);
  }
  const kept = yield* reach('the receipts', 'store does not answer');
  if (error) {
    if (kept === 'on') model.apply(presentFailed(receipts, refused));
    throw error;
  }
  model.apply(receiptsKept(receipts));
  const mayDrop = all.length > 1 ? ['a name is refused', 'the CA refuses a name'] : [];
  const verdict = yield* reach('validate', 'one is valid', 'invalid', 'acme/timeout', 'stop', keyChanged, ...mayDrop);
  if (verdict === 'the CA refuses a name') order.status = 'invalid';
  if (mayDrop.includes(verdict)) throw new Refused(names[0] ?? '');
  if (verdict === 'invalid') {
    order.status = 'invalid';
    throw failure('acme/invalid-authorization');
  }
  for (const name of verdict === 'on' ? names : names.slice(0, 1)) order.done.add(name);
  if (verdict === 'one is valid') throw failure('acme/timeout');
  order.status = 'ready';
}

function* deliver(model: Model, wanted: StoredSpec): Path {
  const deployments: Record<string, Deployment> = { ...model.lineage?.deployments };
  const { current } = model.lineage as Lineage;
  const version = current?.id ?? '';
  const since = model.now.toISOString();
  const gone: string[] = [];
  for (const target of targetNames(wanted)) {
    yield* reach(`send to ${target}`, 'store/unusable', 'stop');
    model.apply(sent({ target, version, receipt: `${target} ${version}`, now: model.now }));
    model.uploads.add(`${target} ${version}`);
    const choice = yield* reach(`deliver to ${target}`, 'fails', 'breaks', 'store/unusable', 'stop');
    const state = choice === 'on' ? 'current' : 'pending';
    const code = choice === 'breaks' ? 'deploy/handshake-failed' : undefined;
    deployments[target] = { ...model.lineage?.deployments[target], version, state, since, code };
  }
  for (const target of targetNames(wanted)) {
    const old = supersededAt({ ...(model.lineage as Lineage), deployments }, target);
    if ((yield* reach(`retire at ${target}`, 'stays', 'stop')) === 'stays') continue;
    deployments[target] = withoutSent(deployments[target] as Deployment, { tried: old, gone: old, now: model.now });
    gone.push(...old.map((one) => `${target} ${one.version}`));
  }
  const left = yield* clean(model, wanted);
  const { retired: all = [] } = model.lineage as Lineage;
  const { revoking = [] } = model.lineage as Lineage;
  const needed = all.filter((id) => revoking.some(({ version: one }) => one === id));
  const retired = (yield* reach('close', 'retired stay', 'store/unusable', 'stop')) === 'on' ? needed : all;
  model.removeVersions(all.filter((id) => !retired.includes(id)));
  for (const upload of gone) model.uploads.delete(upload);
  const last = { at: since, result: 'issued', version, message: 'done' } as const;
  const { renewal } = model.versionOf(version, wanted);
  const isNew = model.lineage?.last?.version !== version;
  model.apply(closed({ deployments, renewal: isNew ? renewal : undefined, retired, left, last, now: model.now }));
}

/** steps/clean-up.ts: what is journalled is removed; what could not be comes back. */
function* clean(model: Model, spec: StoredSpec): Path<readonly Tombstone[]> {
  const left: Tombstone[] = [];
  for (const presented of owedBy(model.lineage as Lineage)) {
    const choice = yield* reach(`remove ${presented.identifier}`, 'stays');
    const { solver } = partOfPresented(spec, presented);
    const isGone = choice === 'on' && model.remove(presented, solver.name);
    if (!isGone) left.push(tombstoneOf(spec, presented, model.now, -1));
  }
  return left;
}

/** engine/acts/adopt.ts: a certificate of another client, which it had before or has got since. It takes no lease. */
export function* adopt(model: Model, wanted: StoredSpec): Path {
  const which = yield* reach('their certificate', 'the first', 'a new one');
  if (which === 'a new one' || model.theirs.length === 0) model.theirs.push(model.next('theirs'));
  const id = (which === 'the first' ? model.theirs[0] : model.theirs.at(-1)) ?? '';
  const phase = phaseOf(model.lineage);
  if ((phase !== 'absent' && phase !== 'idle') || model.lineage?.current?.id === id) return;
  yield* reach('their key', 'dies');
  model.keys.add(id);
  yield* reach('their version', 'dies');
  model.versions.set(id, 'theirs');
  yield* reach('the import', 'dies');
  const { version, renewal } = model.versionOf(id, wanted);
  model.apply(imported({ wanted, version, renewal, has: [], now: model.now }));
  model.isAsked = true;
}

/** engine/acts/rollback.ts */
export function* rollBack(model: Model, process: Process, declared: StoredSpec): Path {
  const { current, previous, spec } = model.lineage ?? {};
  // Settings given by flags are the stored ones.
  const wanted = model.origin === 'command-line' && spec ? spec : declared;
  const isUsable = previous && !previous.compromised && sameIdentifiers(previous.facts.identifiers, wanted.identifiers);
  if (!current || !isUsable) return;
  yield* take(model, process, leased);
  leaveDropped(model, wanted);
  model.apply(rolledBack({ wanted, now: model.now }));
  model.expect(model.lineage?.previous?.id === current.id, 'the version that was current can be put back');
  yield* reach('rolled back');
  model.apply(released());
}

/** engine/acts/revoke.ts */
export function* revoke(model: Model, process: Process, reason: RevocationReason): Path {
  const { current } = model.lineage ?? {};
  if (!current) return;
  yield* take(model, process, leased);
  const isCompromised = reason === 'keyCompromise';
  // The key may be the same, so what was begun with it goes.
  if (isCompromised) model.letGo(({ keptFor }) => keptFor !== undefined);
  const versions = [current.id];
  model.apply(revocationMeant({ versions, reason, by: 'account-key', newId: model.next('version'), now: model.now }));
  const answer = yield* reach('revoke', 'lost');
  if (answer === 'on') model.apply(revoked({ version: current.id, reason, when: 'now', now: model.now }));
  yield* reach('revoked');
  model.apply(released());
}

/** engine/pass/sweep.ts */
export function* sweep(model: Model, process: Process): Path {
  if (!model.lineage || !model.hasLeft()) return;
  yield* take(model, process, leased);
  const { lineage } = model;
  const due = dueStones(lineage, model.now);
  const left = yield* clean(model, lineage.spec);
  const looked = new Map<Tombstone, Tombstone | undefined>();
  for (const stone of due) {
    const choice = yield* reach(`remove ${stone.identifier} of old`, 'stays');
    const { solver } = partOfPresented(lineage.spec, stone);
    const isGone = choice === 'on' && model.remove(stone, solver.name);
    looked.set(stone, isGone ? undefined : tombstoneOf(lineage.spec, stone, model.now, -1));
  }
  const end = yield* reach('swept', 'is stopped');
  model.apply(end === 'on' ? swept({ looked, left, now: model.now }) : released());
  if (model.lineage && isOnlyOwing(model.lineage)) model.expect(model.leavesNothing(), 'what owes nothing is gone');
}
