import type { ErrorCode } from './error-table.ts';
import { CertfleetError } from './errors.ts';
import { identifierSet } from './identifier.ts';
import type { Json } from './json.ts';
import {
  type Deployment,
  encodeDocument,
  isOnlyOwing,
  type Lineage,
  type Tombstone,
  unfinishedWork,
  type Work,
} from './lineage.ts';
import { sameRequest } from './same-spec.ts';
import type { StoredSpec } from './spec.ts';
import { testLineage, testSpec } from './test-lineages.ts';
import { hasRoomForOrder, owedBy, owesCleanup, type Presented, specOfPresenter, tombstoneOf } from './tombstones.ts';
import {
  accountLost,
  after,
  beaten,
  begun,
  certificateRefused,
  challengeKey,
  challengesIntended,
  closed,
  dueStones,
  failed,
  leased,
  madeCurrent,
  ordered,
  orderGivenUp,
  overruled,
  pastRemoved,
  presentFailed,
  receiptsKept,
  released,
  stopped,
  swept,
  type Transition,
} from './work.ts';

/**
 * What the engine does with `work.ts` (issue.ts and sweep.ts, step by step), beside a small model of the outside world.
 * Processes die or freeze between any two steps and others take over; after every change the {@link Model} compares the
 * document with what is in the world. For work.test.ts; no product code imports this.
 */

/** A place where something may happen; the first choice is that all goes well. */
interface Point {
  readonly at: string;
  readonly choices: readonly string[];
}
type Path<T = void> = Generator<Point, T, string>;

const stop = new Error('stopped');

/** A choice that is an error code is thrown. */
function* reach(at: string, ...choices: readonly string[]): Path<string> {
  const choice = yield { at, choices: ['on', ...choices] };
  if (choice === 'stop') throw stop;
  if (choice.includes('/')) throw failure(choice);
  return choice;
}

const failure = (code: string) => new CertfleetError(code as ErrorCode, code, '', {});

/** A challenge's answer in the world, or a probe (without a token), and the solver that put it there. */
interface Value extends Pick<Presented, 'type' | 'identifier' | 'token' | 'thumbprint'> {
  readonly by: string;
}
const valueKey = ({ type, identifier, token, by }: Omit<Value, 'thumbprint'>) =>
  [type, identifier, token, by].join(' ');

interface Order {
  readonly url: string;
  readonly request: string;
  readonly account: number;
  status: 'pending' | 'ready' | 'valid' | 'invalid';
  /** Identifiers whose authorization is valid. */
  readonly done: Set<string>;
  /** The version whose key it was finalized with. */
  finalizedWith?: string;
  /** The version that the document keeps its URL for; undefined: the URL never got there, or the order is done with. */
  keptFor?: string | undefined;
  isRefused?: boolean;
}

interface Process {
  readonly pid: number;
  /** What it is about to present: if it freezes now, this may come whenever it likes. */
  inFlight: Value[];
}

export class Model {
  now = new Date('2026-11-24T12:00:00Z');
  lineage: Lineage | undefined;
  readonly wanted: readonly StoredSpec[];
  readonly trace: string[] = [];
  readonly values = new Map<string, Value>();
  readonly keys = new Set<string>();
  /** Stored versions and the order each came from. */
  readonly versions = new Map<string, string>();
  readonly orders: Order[] = [];
  readonly frozen = new Map<number, Value[]>();
  /** newOrder may have been sent for this document. */
  isAsked = false;
  /** A process of this document died or froze on the way. */
  isDoubtful = false;
  /** Nothing can be removed: the DNS provider does not answer. */
  isStuck = false;
  largest = 0;
  #account = 1;
  #count = 0;
  readonly #origin: Lineage['origin'];
  readonly #reusesOrders: boolean;

  constructor(options: {
    readonly wanted: readonly StoredSpec[];
    readonly origin: Lineage['origin'];
    /** Boulder answers newOrder with the open order for the same names; other CAs open a second one. */
    readonly reusesOrders: boolean;
  }) {
    this.wanted = options.wanted;
    this.#origin = options.origin;
    this.#reusesOrders = options.reusesOrders;
  }

  get work(): Work {
    return this.lineage?.work as Work;
  }

  next(prefix: string): string {
    this.#count += 1;
    return `${prefix}-${this.#count}`;
  }

  apply(transition: Transition): void {
    this.trace.push(`→ ${transition.name}`);
    this.lineage = after(this.lineage, transition);
    if (!this.lineage) {
      this.expect(!this.isAsked, 'a lineage that has ordered is kept');
      this.isDoubtful = false;
    }
    this.check();
  }

  expect(holds: boolean, what: string): void {
    if (holds) return;
    const document = JSON.stringify(this.lineage, undefined, 1);
    throw new Error(`${what}, but it is not so\n${this.trace.join('\n')}\n${document}`);
  }

  check(): void {
    const { lineage } = this;
    for (const value of [...this.values.values(), ...[...this.frozen.values()].flat()])
      this.expect(isJournalled(lineage, value), `the document knows of ${valueKey(value)}`);
    for (const order of this.orders) {
      if (order.keptFor === undefined || order.status === 'invalid') continue;
      const { order: own, version, parked } = unfinishedWork(lineage) ?? {};
      const isOwn = own?.url === order.url && version === order.keptFor;
      const isParked = parked?.order?.url === order.url && parked.version === order.keptFor;
      this.expect(isOwn || isParked, `the document keeps ${order.url} for ${order.keptFor}`);
      if (order.finalizedWith !== undefined)
        this.expect(order.finalizedWith === order.keptFor, `${order.url} is kept with the key that finalized it`);
    }
    const { work } = lineage ?? {};
    if (lineage && work && !work.lease)
      this.expect(work.step !== 'close' || isOnlyOwing(lineage), 'work without a lease can be resumed, or swept');
    const stones = (lineage?.tombstones ?? []).map(({ type, identifier, token, by }) =>
      valueKey({ type, identifier, token, by: by?.name ?? '' }),
    );
    this.expect(new Set(stones).size === stones.length, 'tombstones are one for each value');
    for (const id of [lineage?.current?.id, lineage?.previous?.id])
      if (id !== undefined) this.expect(this.keys.has(id), `the key of ${id} is stored`);
    this.largest = Math.max(this.largest, lineage ? encodeDocument(lineage).length : 0);
  }

  /** A process takes the lease, of whatever is there. */
  *take(process: Process, begin: (claim: Parameters<typeof leased>[0]) => Transition): Path {
    const pid = this.lineage?.work?.lease?.holder.pid;
    // What was read from the store is another object than what was written.
    this.lineage = this.lineage && JSON.parse(JSON.stringify(this.lineage));
    const holder = { bootId: 'b', pidNamespace: 'n', pid: process.pid, startTime: '1' };
    const lease = { id: `lease-${process.pid}`, holder, beat: 0 };
    this.apply(begin({ lease, isDoubtful: pid !== undefined && this.frozen.has(pid), now: this.now }));
    yield* reach('the lease');
  }

  // --- The CA ---

  newOrder(wanted: StoredSpec): Order {
    const request = requestOf(wanted);
    const open = this.orders.filter((one) => one.request === request && one.status !== 'invalid');
    this.expect(!open.some(({ keptFor }) => keptFor !== undefined), 'no second order while the first one lives');
    const again = open.find(({ status, account }) => status !== 'valid' && account === this.#account);
    if (again && this.#reusesOrders) return again;
    const order: Order = {
      url: this.next('order'),
      request,
      account: this.#account,
      status: 'pending',
      done: new Set(),
    };
    this.orders.push(order);
    return order;
  }

  finalize(order: Order, version: string): void {
    this.expect(this.keys.has(version), `the key of ${version} is stored before the CA hears of it`);
    order.status = 'valid';
    order.finalizedWith = version;
    const twice = this.orders.filter(({ finalizedWith, isRefused }) => finalizedWith === version && !isRefused);
    this.expect(twice.length === 1, `${version} is bought once`);
  }

  expire(): void {
    for (const order of this.orders) if (order.status !== 'valid') order.status = 'invalid';
  }

  loseAccount(): void {
    this.#account += 1;
    for (const order of this.orders) order.status = 'invalid';
  }

  // --- The world ---

  present(value: Value): void {
    this.values.set(valueKey(value), value);
  }

  /** Whether it worked. */
  remove(presented: Presented, by: string): boolean {
    if (this.isStuck) return false;
    // Another solver than the one that presented finds nothing, and calls that a success.
    const key = valueKey({ ...presented, by });
    const { thumbprint } = this.values.get(key) ?? presented;
    if (thumbprint === presented.thumbprint) this.values.delete(key);
    return true;
  }

  // --- The engine's path ---

  /** engine/issue.ts */
  *issue(process: Process, wanted: StoredSpec, aim: 'certificate' | 'delivery'): Path {
    const before = unfinishedWork(this.lineage);
    const same = this.lineage && before && sameRequest(this.lineage.spec, wanted) ? before : undefined;
    if (!same) for (const order of this.orders) order.keptFor = undefined; // given up, by the user's own word
    const facts = { wanted, origin: this.#origin, aim, newId: this.next('version') };
    yield* this.take(process, (claim) => begun(facts, claim));
    if (same && this.work.step !== 'deploy') {
      this.expect(this.work.version === same.version, 'what was interrupted is resumed with its key');
      this.expect(this.work.order?.url === same.order?.url, 'what was interrupted is resumed with its order');
    }
    const run = { asked: false, isPrepared: false };
    try {
      yield* this.removePast(wanted);
      if (this.work.step !== 'deploy') yield* this.obtain(process, run, wanted);
      yield* this.deliver(wanted);
    } catch (error) {
      const left = yield* this.clean(this.lineage?.spec ?? wanted);
      yield* reach('the end');
      const { now } = this;
      if (error === stop) {
        this.apply(stopped({ asked: run.asked, left, now }));
      } else if (error instanceof CertfleetError) {
        this.apply(failed({ error, asked: run.asked, left, now }));
        if (this.#origin === 'command-line' && !this.isAsked && !this.isDoubtful)
          this.expect(this.leavesNothing(), 'a first try that came to no order leaves what it owes, or no document');
      } else throw error;
    }
  }

  *removePast(wanted: StoredSpec): Path {
    const { spec } = this.lineage as Lineage;
    const { step, challenges, probe } = this.work;
    const isSame = JSON.stringify(spec) === JSON.stringify(wanted);
    if (isSame && (step === 'deploy' || (challenges.length === 0 && probe !== 'left'))) return;
    const left = yield* this.clean(spec);
    yield* reach('past removed', 'stop');
    this.apply(pastRemoved({ wanted, left, now: this.now }));
  }

  *obtain(process: Process, run: { asked: boolean; isPrepared: boolean }, wanted: StoredSpec): Path {
    if (this.versions.has(this.work.version)) return this.makeCurrent(wanted);
    yield* reach('the directory', 'acme/unreachable', 'acme/clock-skew', 'stop');
    try {
      yield* this.makeVersion(process, run, wanted);
    } catch (error) {
      if (!(error instanceof CertfleetError) || error.code !== 'acme/account-deactivated') throw error;
      this.loseAccount();
      const left = yield* this.clean(wanted);
      yield* reach('the account', 'acme/unreachable');
      this.apply(accountLost({ left, now: this.now }));
      yield* this.makeVersion(process, run, wanted);
    }
  }

  *makeVersion(process: Process, run: { asked: boolean; isPrepared: boolean }, wanted: StoredSpec): Path {
    const { version } = this.work;
    yield* reach('the kept order', 'acme/unreachable', 'stop');
    const kept = this.orders.find(({ url, status }) => url === this.work.order?.url && status !== 'invalid');
    if (kept) this.expect(kept.request === requestOf(wanted), 'the kept order is for what is wanted');
    if (!kept && !run.isPrepared) yield* this.prepare(wanted);
    run.isPrepared = true;
    if (!kept && !hasRoomForOrder(this.lineage as Lineage, wanted, this.now)) throw failure('solver/too-much-left');
    yield* reach('the key', 'store/unusable');
    this.keys.add(version);
    const order = kept ?? (yield* this.placeOrder(run, wanted));
    yield* this.validate(process, order, wanted);
    if (order.status !== 'valid') {
      const lost = yield* reach('finalize', 'lost', 'acme/unreachable', 'stop');
      this.finalize(order, version);
      if (lost === 'lost') throw failure('acme/unreachable');
    }
    const answer = yield* reach('the certificate', 'wrong', 'acme/unreachable', 'stop');
    this.expect(order.finalizedWith === version, `the certificate of ${order.url} is for the key of ${version}`);
    if (answer === 'wrong' || order.isRefused) {
      Object.assign(order, { isRefused: true, keptFor: undefined });
      this.apply(certificateRefused());
      throw failure('acme/wrong-certificate');
    }
    yield* reach('the version', 'store/unusable');
    this.versions.set(version, order.url);
    yield* reach('current', 'store/unusable', 'stop');
    this.makeCurrent(wanted);
  }

  makeCurrent(wanted: StoredSpec): void {
    const { version: id } = this.work;
    for (const order of this.orders) if (order.finalizedWith === id) order.keptFor = undefined;
    const { facts } = testLineage.current;
    const { identifiers } = wanted.spec;
    const { directory } = wanted.issuer;
    const version = { id, facts: { ...facts, identifiers, serial: id }, directory, accountUrl: 'a' };
    const before = this.lineage?.current;
    this.apply(madeCurrent({ wanted, version, now: this.now }));
    this.expect(this.lineage?.previous === before, 'the version before can be put back');
    this.isAsked = true;
  }

  *prepare({ spec }: StoredSpec): Path {
    yield* reach('probe', 'solver/webroot-unwritable', 'stop');
    const probe = { type: 'http-01', identifier: spec.name, token: '', thumbprint: '', by: spec.solver } as const;
    this.present(probe);
    yield* reach('unprobe', 'solver/webroot-unwritable', 'stop');
    this.values.delete(valueKey(probe));
    const verdict = yield* reach('preflight', 'preflight/no', 'overruled');
    if (verdict === 'overruled') this.apply(overruled(this.now));
  }

  *placeOrder(run: { asked: boolean }, wanted: StoredSpec): Path<Order> {
    if (this.work.order?.url !== undefined) this.apply(orderGivenUp());
    run.asked = true;
    this.isAsked = true;
    const answer = yield* reach('newOrder', 'lost', 'acme/rate-limited', 'acme/account-deactivated', 'stop');
    const order = this.newOrder(wanted);
    if (answer === 'lost') throw failure('acme/unreachable');
    yield* reach('the order', 'stop');
    order.keptFor = this.work.version;
    this.apply(ordered({ url: order.url }));
    return order;
  }

  *validate(process: Process, order: Order, wanted: StoredSpec): Path {
    if (order.status !== 'pending') return;
    const { solver: by } = wanted.spec;
    yield* reach('the authorizations', 'acme/unreachable', 'acme/account-deactivated', 'stop');
    const all = wanted.spec.identifiers.map(({ value }) => value);
    const names = all.filter((value) => !order.done.has(value));
    const type = by === 'dns' ? 'dns-01' : 'http-01';
    // An authorization keeps its token.
    const challenges = names.map((identifier) => {
      const token = `${order.url}-${all.indexOf(identifier)}`.padEnd(43, '.');
      return { type, identifier, token } as const;
    });
    const thumbprint = `print-${this.#account}`.padEnd(43, '.');
    this.apply(challengesIntended({ thumbprint, challenges }));
    process.inFlight = challenges.map((challenge) => ({ ...challenge, thumbprint, by }));
    const receipts = new Map<string, Json>();
    const refused = new Set<string>();
    let error: unknown;
    for (const challenge of challenges) {
      const key = challengeKey(challenge);
      const choice = yield* reach(`present ${challenge.identifier}`, 'refused', 'lost', 'no answer');
      process.inFlight = process.inFlight.filter(({ identifier }) => identifier !== challenge.identifier);
      if (choice === 'on' || choice === 'lost') this.present({ ...challenge, thumbprint, by });
      if (choice === 'on') receipts.set(key, { zone: 'example.com', value: challenge.token });
      else error = failure(choice === 'refused' ? 'dns/refused' : 'dns/unreachable');
      if (choice === 'refused') refused.add(key);
    }
    const kept = yield* reach('the receipts', 'store does not answer');
    if (error) {
      if (kept === 'on') this.apply(presentFailed(receipts, refused));
      throw error;
    }
    this.apply(receiptsKept(receipts));
    const verdict = yield* reach('validate', 'one is valid', 'invalid', 'acme/timeout', 'stop');
    if (verdict === 'invalid') {
      order.status = 'invalid';
      throw failure('acme/invalid-authorization');
    }
    for (const name of verdict === 'on' ? names : names.slice(0, 1)) order.done.add(name);
    if (verdict === 'one is valid') throw failure('acme/timeout');
    order.status = 'ready';
  }

  *deliver(wanted: StoredSpec): Path {
    const deployments: Record<string, Deployment> = { ...this.lineage?.deployments };
    const { current } = this.lineage as Lineage;
    const version = current?.id ?? '';
    const since = this.now.toISOString();
    for (const target of wanted.spec.deploy) {
      const choice = yield* reach(`deliver to ${target}`, 'fails', 'store/unusable', 'stop');
      deployments[target] = { version, state: choice === 'on' ? 'current' : 'pending', since };
    }
    const left = yield* this.clean(wanted);
    const { retired: all = [] } = this.lineage as Lineage;
    const retired = (yield* reach('close', 'retired stay', 'store/unusable', 'stop')) === 'on' ? [] : all;
    for (const id of all) if (!retired.includes(id)) this.keys.delete(id);
    const last = { at: since, result: 'issued', version, message: 'done' } as const;
    this.apply(closed({ deployments, renewal: testLineage.renewal, retired, left, last, now: this.now }));
  }

  /** steps/clean-up.ts: what is journalled is removed; what could not be comes back. */
  *clean(spec: StoredSpec): Path<readonly Tombstone[]> {
    const left: Tombstone[] = [];
    for (const presented of owedBy(this.lineage as Lineage)) {
      const choice = yield* reach(`remove ${presented.identifier}`, 'stays');
      const isGone = choice === 'on' && this.remove(presented, spec.spec.solver);
      if (!isGone) left.push(tombstoneOf(spec, presented, this.now, -1));
    }
    return left;
  }

  /** engine/sweep.ts */
  *sweep(process: Process): Path {
    if (!this.lineage || !this.hasLeft()) return;
    yield* this.take(process, leased);
    const { lineage } = this;
    const due = dueStones(lineage, this.now);
    const left = yield* this.clean(lineage.spec);
    const looked = new Map<Tombstone, Tombstone | undefined>();
    for (const stone of due) {
      const choice = yield* reach(`remove ${stone.identifier} of old`, 'stays');
      const spec = specOfPresenter(lineage.spec, stone.by);
      const isGone = choice === 'on' && this.remove(stone, spec.spec.solver);
      looked.set(stone, isGone ? undefined : tombstoneOf(spec, stone, this.now, -1));
    }
    const end = yield* reach('swept', 'is stopped');
    this.apply(end === 'on' ? swept({ looked, left, now: this.now }) : released());
    if (this.lineage && isOnlyOwing(this.lineage)) this.expect(this.leavesNothing(), 'what owes nothing is gone');
  }

  leavesNothing(): boolean {
    const { lineage } = this;
    return !lineage || (isOnlyOwing(lineage) && lineage.tombstones !== undefined && !lineage.failure);
  }

  hasLeft(): boolean {
    const { lineage } = this;
    if (!lineage) return false;
    const isBare = lineage.work?.lease !== undefined && unfinishedWork(lineage) === undefined;
    return owesCleanup(lineage.work) || dueStones(lineage, this.now).length > 0 || isBare;
  }
}

const requestOf = ({ spec, issuer }: StoredSpec) => `${issuer.directory} ${identifierSet(spec.identifiers)}`;

function isJournalled(lineage: Lineage | undefined, { type, identifier, token, by }: Value): boolean {
  if (!lineage) return false;
  const isIt = (one: Presented) => one.type === type && one.identifier === identifier && one.token === token;
  const { spec } = lineage.spec;
  return (
    (spec.solver === by && owedBy(lineage).some(isIt)) ||
    (lineage.tombstones ?? []).some((stone) => isIt(stone) && (stone.by?.name ?? spec.solver) === by)
  );
}

/** Four specs of one name: as it is, with another solver, with other names, with another target. */
export function specsOf(names: readonly string[], others: readonly string[]): readonly StoredSpec[] {
  const of = (values: readonly string[], solver: 'web' | 'dns', deploy: readonly string[]): StoredSpec => ({
    ...testSpec,
    spec: { ...testSpec.spec, identifiers: values.map((value) => ({ type: 'dns', value })), solver, deploy },
    solver: { type: solver },
    deployers: Object.fromEntries(deploy.map((target) => [target, { type: 'files' }])),
  });
  return [
    of(names, 'web', ['edge']),
    of(names, 'dns', ['edge']),
    of(others, 'web', ['edge']),
    of(names, 'web', ['edge', 'other']),
  ];
}

/** What happens: on the way of each process (0 goes on), and between two of them (0 works on the same again). */
export interface Program {
  readonly path: readonly number[];
  readonly between: readonly number[];
}

/** Plays a program; then all goes well, until nothing is left to do. */
export function play(model: Model, program: Program): void {
  let path = program.path.values();
  const between = program.between.values();
  const choose = <T>(numbers: Iterator<number>, choices: readonly T[]): T =>
    choices[(numbers.next().value ?? 0) % choices.length] as T;
  let pid = 0;

  /** One process, up to its end or its death. */
  const live = (begin: (process: Process) => Path): void => {
    pid += 1;
    const process: Process = { pid, inFlight: [] };
    model.now = new Date(model.now.getTime() + 60_000);
    const steps = begin(process);
    let { done, value } = steps.next();
    while (!done && value) {
      const isHeld = model.lineage?.work?.lease?.holder.pid === pid;
      const choice = choose(path, [...value.choices, ...(isHeld ? ['dies', 'freezes', 'beat'] : [])]);
      if (choice !== 'on') model.trace.push(`${value.at}: ${choice}`);
      else model.trace.push(value.at);
      if (choice === 'dies' || choice === 'freezes') {
        model.isDoubtful = true;
        if (choice === 'dies') return;
        model.frozen.set(pid, process.inFlight);
        // Its probe is its own: no other process removes it, and this one does so when it goes on.
        for (const [key, { token }] of model.values) if (token === '') model.values.delete(key);
        return;
      }
      if (choice === 'beat') model.apply(beaten());
      else ({ done, value } = steps.next(choice));
    }
  };
  const run = (wanted: StoredSpec, aim: 'certificate' | 'delivery') => {
    model.trace.push(
      `# ${pid + 1} works on ${wanted.spec.identifiers.map(({ value }) => value).join(' ')}, for a ${aim}`,
    );
    live((process) => model.issue(process, wanted, aim));
  };
  const sweep = () => {
    model.trace.push(`# ${pid + 1} sweeps`);
    live((process) => model.sweep(process));
  };
  const pass = (hours: number) => {
    model.trace.push(`# ${hours} h pass`);
    model.now = new Date(model.now.getTime() + hours * 3_600_000);
    // After a day a frozen process is taken for dead.
    if (hours > 24) model.frozen.clear();
  };
  const thaw = () => {
    for (const [frozen, values] of model.frozen) {
      model.trace.push(`# what ${frozen} was presenting has come`);
      for (const value of values) model.present(value);
    }
    model.frozen.clear();
    model.check();
  };

  let wanted = model.wanted[0] as StoredSpec;
  const things = ['issue', 'another', 'deliver', 'deliver another', 'sweep', 'hour', 'day', 'stick', 'expire', 'thaw'];
  for (const number of between) {
    const thing = things[number % things.length] ?? '';
    if (thing.endsWith('another')) wanted = choose(between, model.wanted);
    if (thing === 'issue' || thing === 'another') run(wanted, 'certificate');
    else if (thing.startsWith('deliver')) run(wanted, model.lineage?.current ? 'delivery' : 'certificate');
    else if (thing === 'sweep') sweep();
    else if (thing === 'expire') model.expire();
    else if (thing === 'thaw') thaw();
    else if (thing === 'stick') model.isStuck = !model.isStuck;
    else pass(thing === 'hour' ? 1 : 25);
  }

  // From here on all goes well.
  path = [].values();
  model.isStuck = false;
  thaw();
  for (const hours of [0, 1, 25]) {
    pass(hours);
    sweep();
  }
  for (let turn = 0; turn < 3 && (turn === 0 || model.lineage?.work); turn += 1) run(wanted, 'certificate');
  for (const hours of [0, 1, 25]) {
    pass(hours);
    sweep();
  }
  const { lineage } = model;
  const [current] = [lineage?.current];
  model.expect(current !== undefined && lineage !== undefined && sameRequest(lineage.spec, wanted), 'it is issued');
  model.expect(model.versions.has(current?.id ?? ''), 'the current version is stored');
  model.expect(lineage?.work === undefined && lineage?.tombstones === undefined, 'nothing is left to do');
  model.expect(model.values.size === 0, 'nothing is left in the world');
}
