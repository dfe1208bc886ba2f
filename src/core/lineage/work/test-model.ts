import { identifierSet } from '../../names/identifier.ts';
import type { StoredSpec } from '../../spec/spec.ts';
import { namedAdapters, partsFrom, solversFor } from '../../spec/spec-parts.ts';
import { isOnlyOwing, type Lineage, type Renewal, unfinishedWork, type Version, type Work } from '../lineage.ts';
import { storable } from '../storable.ts';
import { testLineage, testSpec, withNames, withSolver } from '../test-lineages.ts';
import { owedBy, owesCleanup, type Presented, partOfPresented } from '../tombstones.ts';
import { dueStones } from './parts.ts';
import { after, type Transition } from './transition.ts';

// A small model of the outside world beside one lineage's document, for work.test.ts. No product code imports this.

/** A challenge's answer in the world, or a probe (without a token), and the solver that put it there. */
export interface Value extends Pick<Presented, 'type' | 'identifier' | 'token' | 'thumbprint'> {
  readonly by: string;
}
export const valueKey = ({ type, identifier, token, by }: Omit<Value, 'thumbprint'>) =>
  [type, identifier, token, by].join(' ');

export interface Order {
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
  /** Uploads at the targets with a receipt in the document, as `target version`. */
  readonly uploads = new Set<string>();
  readonly frozen = new Map<number, Value[]>();
  /** newOrder may have been sent for this document. */
  isAsked = false;
  /** A process of this document died or froze on the way. */
  isDoubtful = false;
  /** Nothing can be removed: the DNS provider does not answer. */
  isStuck = false;
  largest = 0;
  /** The settings that were last fulfilled, or stored by a delivery. */
  settled: StoredSpec | undefined;
  account = 1;
  /** How many times the account's key was replaced. */
  accountKeys = 0;
  /** Ids of certificates that another client has, the latest last. */
  readonly theirs: string[] = [];
  #count = 0;
  readonly origin: Lineage['origin'];
  readonly #reusesOrders: boolean;

  constructor(options: {
    readonly wanted: readonly StoredSpec[];
    readonly origin: Lineage['origin'];
    /** Boulder answers newOrder with the open order for the same names; other CAs open a second one. */
    readonly reusesOrders: boolean;
  }) {
    this.wanted = options.wanted;
    this.origin = options.origin;
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
    const { current, work, spec } = this.lineage ?? {};
    if (current && (!work || (work.step === 'deploy' && !work.parked))) this.settled = spec;
    this.check();
  }

  /** A version whose certificate is valid for a few days, and when it is renewed. */
  versionOf(id: string, spec: StoredSpec): { readonly version: Version; readonly renewal: Renewal } {
    const inHours = (hours: number) => new Date(this.now.getTime() + hours * 3_600_000).toISOString();
    const { facts } = testLineage.current;
    const dates = { notBefore: inHours(0), notAfter: inHours(80) };
    return {
      version: {
        id,
        facts: { ...facts, ...dates, identifiers: spec.identifiers, serial: id },
        directory: spec.issuer.settings.directory,
        accountUrl: 'a',
        issuedAt: inHours(0),
      },
      renewal: { at: inHours(40), source: 'lifetime' },
    };
  }

  expect(holds: boolean, what: string): void {
    if (holds) return;
    const document = JSON.stringify(this.lineage, undefined, 1);
    throw new Error(`${what}, but it is not so\n${this.trace.join('\n')}\n${document}`);
  }

  check(): void {
    const { lineage } = this;
    const journal = journalOf(lineage);
    for (const value of [...this.values.values(), ...[...this.frozen.values()].flat()])
      this.expect(journal(value), `the document knows of ${valueKey(value)}`);
    for (const order of this.orders) {
      if (order.keptFor === undefined || order.status === 'invalid') continue;
      const { order: own, version, parked } = unfinishedWork(lineage) ?? {};
      const isOwn = own?.url === order.url && version === order.keptFor;
      const isParked = parked?.order?.url === order.url && parked.version === order.keptFor;
      this.expect(isOwn || isParked, `the document keeps ${order.url} for ${order.keptFor}`);
      if (order.finalizedWith !== undefined)
        this.expect(order.finalizedWith === order.keptFor, `${order.url} is kept with the key that finalized it`);
    }
    for (const upload of this.uploads) {
      const [target = '', version] = upload.split(' ');
      const sent = lineage?.deployments[target]?.sent ?? [];
      this.expect(
        sent.some((one) => one.version === version),
        `the document knows of the upload ${upload}`,
      );
    }
    const { work } = lineage ?? {};
    if (lineage && work && !work.lease)
      this.expect(work.step !== 'close' || isOnlyOwing(lineage), 'work without a lease can be resumed, or swept');
    const stones = (lineage?.tombstones ?? []).map(
      ({ type, identifier, token = '', thumbprint, by }) =>
        `${valueKey({ type, identifier, token, by: by?.solver.name ?? '' })} ${thumbprint}`,
    );
    this.expect(new Set(stones).size === stones.length, 'tombstones are one for each value');
    for (const id of [lineage?.current?.id, lineage?.previous?.id]) {
      if (id === undefined) continue;
      this.expect(this.keys.has(id), `the key of ${id} is stored`);
      this.expect(this.versions.has(id), `the version ${id} is stored`);
      this.expect(!lineage?.retired?.includes(id), `${id} is not retired`);
    }
    this.largest = Math.max(this.largest, lineage ? storable(lineage).bytes.length : 0);
  }

  // --- The CA ---

  newOrder(wanted: StoredSpec): Order {
    const request = requestOf(wanted);
    const open = this.orders.filter((one) => one.request === request && one.status !== 'invalid');
    this.expect(!open.some(({ keptFor }) => keptFor !== undefined), 'no second order while the first one lives');
    const again = open.find(({ status, account }) => status !== 'valid' && account === this.account);
    if (again && this.#reusesOrders) return again;
    const order: Order = {
      url: this.next('order'),
      request,
      account: this.account,
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
    const all = this.orders.filter(({ finalizedWith }) => finalizedWith === version);
    this.expect(all.length === 1, `${version} is bought once`);
  }

  /** What the document no longer names is removed from the store. */
  removeVersions(ids: readonly string[]): void {
    for (const id of ids) {
      this.keys.delete(id);
      this.versions.delete(id);
    }
  }

  /** The document lets these orders go. */
  letGo(which: (order: Order) => boolean): void {
    for (const order of this.orders) if (which(order)) order.keptFor = undefined;
  }

  /** Every key is one that the document names, or of a certificate that another client has. */
  checkKeys(): void {
    const { current, previous, retired = [], work } = this.lineage ?? {};
    const named = [current?.id, previous?.id, ...retired, work?.version, work?.parked?.version, ...this.theirs];
    for (const id of this.keys) this.expect(named.includes(id), `the document knows of the key of ${id}`);
  }

  expire(): void {
    for (const order of this.orders) if (order.status !== 'valid') order.status = 'invalid';
  }

  loseAccount(): void {
    this.account += 1;
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

export const requestOf = ({ issuer, identifiers }: StoredSpec) =>
  `${issuer.settings.directory} ${identifierSet(identifiers)}`;

/** Whether the document knows of a value. */
function journalOf(lineage: Lineage | undefined): (value: Value) => boolean {
  if (!lineage) return () => false;
  const all = [...owedBy(lineage), ...(lineage.tombstones ?? [])];
  return ({ type, identifier, token, by }) => {
    const isIt = (one: Presented) => one.type === type && one.identifier === identifier && one.token === token;
    return all.some((one) => isIt(one) && partOfPresented(lineage.spec, one).solver.name === by);
  };
}

/** Five specs of one name: as it is, with another solver, with other names, with another target, with two solvers. */
export function specsOf(names: readonly string[], others: readonly string[]): readonly StoredSpec[] {
  const of = (values: readonly string[], solver: 'web' | 'dns', deploy: readonly string[]): StoredSpec => ({
    ...withSolver(withNames(testSpec, values), { type: solver }, solver),
    targets: deploy.map((name) => ({ name, settings: { type: 'files' } })),
  });
  return [
    of(names, 'web', ['edge']),
    of(names, 'dns', ['edge']),
    of(others, 'web', ['edge']),
    of(names, 'web', ['edge', 'other']),
    withTwoSolvers(of(names, 'web', ['edge'])),
  ];
}

/** The last name has another solver than the others. */
function withTwoSolvers(one: StoredSpec): StoredSpec {
  const { name, identifiers } = one;
  const last = identifiers.at(-1)?.value ?? '';
  const named = solversFor(identifiers, { solver: 'web', solvers: { [last]: 'dns' } });
  const solvers = namedAdapters({ web: { type: 'web' }, dns: { type: 'dns' } });
  return { ...one, parts: partsFrom({ name, identifiers, ...named }, solvers) };
}
