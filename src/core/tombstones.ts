import type { ChallengeType } from './challenge-type.ts';
import type { Json } from './json.ts';
import type { Presenter, Tombstone, Work } from './lineage.ts';
import { canonical } from './same-spec.ts';
import type { StoredSpec } from './spec.ts';

/** A presented challenge, with everything a solver needs to remove it. */
export interface Presented {
  readonly type: ChallengeType;
  readonly identifier: string;
  readonly token: string;
  readonly thumbprint: string;
  readonly receipt?: Json;
}

export const presentedIn = (work: Work): readonly Presented[] =>
  work.challenges.map((challenge) => ({ ...challenge, thumbprint: work.thumbprint ?? '' }));

/** Whether the work may have left something in the outside world. */
export const owesCleanup = (work: Work | undefined): work is Work =>
  work !== undefined && (work.challenges.length > 0 || work.probe !== undefined);

/** @param looked 0: check again in an hour; -1: its removal failed, so check at the next sweep */
export function tombstoneOf(
  { spec, solver, preflight }: StoredSpec,
  { type, identifier, token, thumbprint, receipt }: Presented,
  now: Date,
  looked: Tombstone['looked'] = 0,
): Tombstone {
  return {
    type,
    identifier,
    token,
    thumbprint,
    ...(receipt === undefined ? {} : { receipt }),
    by: { name: spec.solver, solver, preflight },
    closedAt: now.toISOString(),
    looked,
  };
}

/** The spec with the solver that presented the challenge. */
export const specOfPresenter = (spec: StoredSpec, by: Presenter | undefined): StoredSpec =>
  by ? { ...spec, spec: { ...spec.spec, solver: by.name }, solver: by.solver, preflight: by.preflight } : spec;

/** Keeps the latest tombstone for each challenge: every try of a kept order gets the same tokens. */
export const oneForEach = (stones: readonly Tombstone[]): readonly Tombstone[] => [
  ...new Map(stones.map((s) => [canonical([s.type, s.identifier, s.token, s.by ?? null]), s])).values(),
];

/** When a tombstone is checked: 1 h and 24 h after the close. */
const looksAfterMs = [3_600_000, 24 * 3_600_000] as const;

export const isDue = ({ looked, closedAt }: Tombstone, now: Date): boolean =>
  looked === -1 || now.getTime() - Date.parse(closedAt) >= looksAfterMs[looked];

/** A tombstone after a check that found or removed its value: after the first check, one more follows. */
export const afterLook = (stone: Tombstone): readonly Tombstone[] =>
  stone.looked === 0 ? [{ ...stone, looked: 1 }] : [];
