import { type ChallengeType, staysAfterOrder } from '../ca/challenge-type.ts';
import { canonical } from '../spec/same-spec.ts';
import type { Presenter, StoredSpec } from '../spec/spec.ts';
import { type PartSpec, partFor, partsOf } from '../spec/spec-parts.ts';
import { makesRule, mayPrepare } from '../spec/traits.ts';
import type { Json } from '../text/json.ts';
import { present } from '../text/present.ts';
import { encodeDocument, type Lineage, type Tombstone, type Work } from './lineage.ts';
import { isFromTheFuture } from './stored-time.ts';

/** What a solver presented, with everything it needs to remove it. */
export interface Presented {
  readonly type: ChallengeType;
  readonly identifier: string;
  readonly token?: string | undefined;
  readonly thumbprint: string;
  /** For dns-account-01. */
  readonly accountUrl?: string | undefined;
  readonly receipt?: Json | undefined;
  /** Not a challenge, but what the solver prepared (a probe, a forward rule); its identifier is the lineage's name. */
  readonly probe?: true | undefined;
  /** The solver that presented it; undefined means the spec's solver for the identifier. */
  readonly by?: Presenter | undefined;
}

/** Reports whether a spec's solvers prepare a forward rule rather than a probe. */
export const ruleStays = ({ parts }: Pick<StoredSpec, 'parts'>): boolean =>
  parts.some(({ solver }) => makesRule(solver));

/** Returns the intent of a probe or a forward rule, if a solver of the spec may create one. */
export const probeIntent = ({ parts }: Pick<StoredSpec, 'parts'>): 'ours' | undefined =>
  parts.some(({ solver }) => mayPrepare(solver)) ? 'ours' : undefined;

/** Describes what a solver of this spec presented. */
export const nameOfPresented = (presented: Presented, spec: StoredSpec): string =>
  presented.probe
    ? isRule(presented, spec)
      ? 'the forward rule'
      : 'the probe'
    : `the ${presented.type} challenge of ${presented.identifier}`;

/** Reports whether this is a forward rule that a solver prepared. */
export const isRule = (presented: Presented, spec: StoredSpec): boolean =>
  presented.probe === true && ruleStays({ parts: [partOfPresented(spec, presented)] });

export const presentedIn = (work: Work): readonly Presented[] =>
  work.challenges.map((challenge) => ({
    ...challenge,
    thumbprint: work.thumbprint ?? '',
    ...present({ accountUrl: work.accountUrl }),
  }));

/** Reports whether the work may have left something in the outside world. */
export const owesCleanup = (work: Work | undefined): work is Work =>
  work !== undefined && (work.probe !== undefined || work.challenges.some(({ type }) => !staysAfterOrder(type)));

/** Returns everything that the work may have left in the outside world. */
export function owedBy({ name, work, spec }: Pick<Lineage, 'name' | 'work' | 'spec'>): readonly Presented[] {
  if (!work) return [];
  const presented = presentedIn(work).filter(({ type }) => !staysAfterOrder(type));
  return work.probe ? [...probesOf({ name, spec }), ...presented] : presented;
}

function probesOf({ name, spec }: Pick<Lineage, 'name' | 'spec'>): readonly Presented[] {
  const probe = { type: 'http-01', identifier: name, token: '', thumbprint: '', probe: true } as const;
  const parts = partsOf(spec);
  return parts
    .filter(({ solver }) => mayPrepare(solver))
    .map((part) => (parts.length > 1 ? { ...probe, by: presenterOf(part) } : probe));
}

const presenterOf = ({ solver, preflight }: PartSpec): Presenter => ({ solver, preflight });

/** @param looked 0: check again in an hour; -1: its removal failed, so check at the next sweep */
export function tombstoneOf(
  spec: StoredSpec,
  presented: Presented,
  now: Date,
  looked: Tombstone['looked'] = 0,
): Tombstone {
  const { type, identifier, token, thumbprint, accountUrl, receipt, probe } = presented;
  return {
    type,
    identifier,
    token,
    thumbprint,
    accountUrl: type === 'dns-account-01' ? accountUrl : undefined,
    receipt,
    probe,
    by: presenterOf(partOfPresented(spec, presented)),
    closedAt: now.toISOString(),
    looked,
  };
}

/** Returns the certificate as seen by the solver that presented the challenge. */
export const partOfPresented = (
  spec: StoredSpec,
  { by, identifier }: Pick<Presented, 'by' | 'identifier'>,
): PartSpec => (by ? { ...by, name: spec.name, identifiers: spec.identifiers } : partFor(spec, identifier));

/** Groups what is to be removed by the solver that presented it. */
export function bySolver<T extends Presented>(
  spec: StoredSpec,
  owed: readonly T[],
): readonly (readonly [PartSpec, readonly T[]])[] {
  const groups = new Map<string, readonly [PartSpec, T[]]>();
  for (const presented of owed) {
    const one = partOfPresented(spec, presented);
    const key = canonical(presenterOf(one));
    const group = groups.get(key) ?? ([one, []] as const);
    group[1].push(presented);
    groups.set(key, group);
  }
  return [...groups.values()];
}

/**
 * Keeps the latest tombstone for each value: every try of a kept order gets the same tokens, and the same values unless
 * the account's key has changed. A dns-persist-01 record has no token, so its receipt identifies it.
 */
export function oneForEach(stones: readonly Tombstone[]): readonly Tombstone[] {
  const latest = new Map<string, Tombstone>();
  for (const stone of stones) {
    const { type, identifier, token, thumbprint, receipt, by } = stone;
    const key = canonical([type, identifier, token ?? receipt ?? null, thumbprint, by ?? null]);
    const before = latest.get(key);
    latest.set(key, before ? leftAgain(before, stone) : stone);
  }
  return [...latest.values()];
}

/** Returns a tombstone whose removal failed (again). It must still be checked for a late effect. */
export const leftAgain = ({ refused, looked, late }: Tombstone, stone: Tombstone): Tombstone => ({
  refused,
  ...stone,
  ...present({ late: stone.looked === -1 && (looked !== -1 || late) ? true : undefined }),
});

/** How much of a document tombstones may take: enough for two hundred names of maximum length. */
const mostStonesBytes = 144 * 1024;

/**
 * Reports whether the document has room for the challenges of another order, even if none of these, and nothing that is
 * already journalled, can be removed.
 */
export function hasRoomForOrder(
  lineage: Pick<Lineage, 'name' | 'work' | 'spec' | 'tombstones'>,
  wanted: StoredSpec,
  now: Date,
): boolean {
  const { tombstones = [], spec } = lineage;
  const unknown = { type: 'http-01', token: '.'.repeat(43), thumbprint: '.'.repeat(43) } as const;
  const fresh = wanted.identifiers.map(({ value }) => ({ ...unknown, identifier: value, receipt: unknown }));
  const stones = [
    // A large document drops the reasons first.
    ...tombstones.map(({ refused: _reason, ...stone }) => stone),
    ...owedBy(lineage).map((presented) => tombstoneOf(spec, presented, now)),
    ...fresh.map((presented) => tombstoneOf(wanted, presented, now)),
  ];
  return encodeDocument(stones).length <= mostStonesBytes;
}

/**
 * Returns how many challenges of earlier orders leave no room for another one: 0 if there would be no room even without
 * them. Returns undefined if there is room.
 */
export function leftInTheWay(
  lineage: Pick<Lineage, 'name' | 'work' | 'spec' | 'tombstones'>,
  wanted: StoredSpec,
  now: Date,
): number | undefined {
  if (hasRoomForOrder(lineage, wanted, now)) return undefined;
  if (!canBeOrdered(wanted, now)) return 0;
  return (lineage.tombstones ?? []).length + owedBy(lineage).length;
}

/** Returns the longest settings among the solvers of a spec that cannot be ordered, in words for a person. */
export function longestSolver({ parts, identifiers }: StoredSpec): {
  readonly solver: string;
  readonly size: number;
  readonly count: number;
} {
  const sizes = parts.map(({ solver }) => ({ solver: solver.name, size: encodeDocument(solver).length }));
  return { ...sizes.reduce((a, b) => (b.size > a.size ? b : a)), count: identifiers.length };
}

/** Reports whether a document without any challenges has room for the probes and the challenges of an order. */
export function canBeOrdered(wanted: StoredSpec, now: Date): boolean {
  const lineage = { name: wanted.name, spec: wanted, work: undefined };
  const tombstones = probesOf(lineage).map((presented) => tombstoneOf(wanted, presented, now));
  return hasRoomForOrder({ ...lineage, tombstones }, wanted, now);
}

/** When a tombstone is checked at the latest: 1 h and 24 h after the close. */
const looksAfterMs = [3_600_000, 24 * 3_600_000] as const;

export const dueAt = ({ looked, closedAt, listedAt }: Tombstone): number =>
  looked === -1
    ? Number.NEGATIVE_INFINITY
    : Math.min(Date.parse(closedAt) + looksAfterMs[looked], listedAt === undefined ? Infinity : Date.parse(listedAt));

export const isDue = (stone: Tombstone, now: Date): boolean =>
  now.getTime() >= dueAt(stone) || isFromTheFuture(stone.closedAt, now);

/**
 * Returns the tombstone of a value that a removal may have missed, because the service lists it only after this many
 * ms.
 */
export const missedFor = (stone: Tombstone, ms: number): Tombstone => ({
  ...stone,
  listedAt: new Date(Date.parse(stone.closedAt) + ms).toISOString(),
});

/**
 * Returns what is left of a tombstone after a check that found no value or removed it. The check at 1 h is followed by
 * the one at 24 h. An earlier check, made when the service lists the value, replaces neither. Nor does the first one
 * after a close at an unknown time, because the clock was wrong.
 */
export function afterLook(
  { late, refused: _refused, listedAt: _listed, ...stone }: Tombstone,
  now: Date,
): readonly Tombstone[] {
  if (stone.looked === -1) return late ? [{ ...stone, looked: 0 }] : [];
  if (isFromTheFuture(stone.closedAt, now)) return [{ ...stone, closedAt: now.toISOString() }];
  if (!isDue(stone, now)) return [stone];
  return stone.looked === 0 ? [{ ...stone, looked: 1 }] : [];
}
