import { fail } from '../../core/errors/errors.ts';
import type { Step } from '../../core/lineage/lineage.ts';
import type { LineageStatus } from '../../core/plan/status.ts';

/**
 * What is kept of a certificate. There may be a hundred thousand, so texts that many share are kept once, and times are
 * whole seconds since 1970, 0 if there is none, which take no memory of their own.
 */
export interface Kept {
  readonly name: string;
  /** Joined by spaces; empty if that is its name. */
  readonly identifiers: string;
  readonly issuer: string;
  /** Joined by line ends. */
  readonly targets: string;
  readonly delivered: number;
  /** As JSON, because most certificates have the same. */
  readonly served: string;
  readonly state: LineageStatus['state'];
  readonly notAfter: number;
  readonly renewAt: number;
  readonly isPaused: boolean;
  readonly failure: { readonly code: string; readonly retryAt: string } | undefined;
  readonly step: Step | undefined;
  readonly revision: string;
}

export const isSame = ({ failure, ...one }: Kept, { failure: otherFailure, ...other }: Kept): boolean =>
  failure?.code === otherFailure?.code &&
  failure?.retryAt === otherFailure?.retryAt &&
  (Object.keys(one) as (keyof typeof one)[]).every((field) => one[field] === other[field]);

export const secondsOf = (text: string | undefined): number =>
  text === undefined ? 0 : Math.floor(Date.parse(text) / 1_000) || 0;
export const msOf = (seconds: number): number => (seconds === 0 ? Number.NaN : seconds * 1_000);
export const textOf = (seconds: number): string | undefined =>
  seconds === 0 ? undefined : new Date(seconds * 1_000).toISOString();

/** The place of a row in an order, for the next page. */
export const cursorOf = (place: readonly [number, string]): string =>
  Buffer.from(JSON.stringify(place)).toString('base64url');

export function placeIn(cursor: string): readonly [number, string] {
  try {
    const [value, name] = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as readonly unknown[];
    if (typeof value === 'number' && typeof name === 'string') return [value, name];
  } catch {
    // It is refused below.
  }
  throw fail('usage/invalid-value', { typed: cursor, form: '`next` of the page before' });
}
