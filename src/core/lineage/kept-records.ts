import { staysAfterOrder } from '../ca/challenge-type.ts';
import type { StoredSpec } from '../spec/spec.ts';
import type { Json } from '../text/json.ts';
import type { JournalledChallenge, KeptRecord, Lineage, Tombstone, Work } from './lineage.ts';
import { type Presented, tombstoneOf } from './tombstones.ts';

/** Returns the dns-persist-01 record that a solver's receipt holds. */
export const keptIn = (receipt: Json): KeptRecord => receipt as unknown as KeptRecord;

/** Returns the record as a receipt. */
export const receiptOfKept = (record: KeptRecord): Json => record as unknown as Json;

type Keeping = Pick<Lineage, 'kept'>;

/** Adds these records as the latest. A record that certfleet wrote remains its own if it is found again. */
export function withKept({ kept = [] }: Keeping, records: readonly KeptRecord[]): Keeping {
  const all = new Map(kept.map((one) => [keyOf(one), one]));
  for (const record of records) {
    const { found, ...own } = record;
    const before = all.get(keyOf(record));
    all.delete(keyOf(record));
    all.set(keyOf(record), found && before?.found !== undefined ? record : before ? own : record);
  }
  return all.size > 0 ? { kept: [...all.values()] } : {};
}

const keyOf = ({ name, value }: KeptRecord): string => `${name} ${value}`;

/** Removes the records that were noted for these challenges and then refused, so that they do not exist. */
export function withoutRefused({ kept = [] }: Keeping, refused: readonly JournalledChallenge[]): Keeping {
  const noted = new Set(recordsOf(refused).map(keyOf));
  const left = kept.filter((one) => !(one.intended && noted.has(keyOf(one))));
  return left.length > 0 ? { kept: left } : {};
}

/** Returns the records of those challenges that have one. */
export const recordsOf = (challenges: readonly JournalledChallenge[]): readonly KeptRecord[] =>
  challenges.flatMap(({ type, receipt }) =>
    staysAfterOrder(type) && receipt !== undefined && receipt !== null ? [keptIn(receipt)] : [],
  );

/** How long before it ends a record is reported, and replaced by the next order. */
export const endingMs = 30 * 86_400_000;

/** Returns the records that the certificate's names need and that end within 30 days. */
export const endingRecords = ({ kept = [], spec }: Pick<Lineage, 'kept' | 'spec'>, now: Date): readonly KeptRecord[] =>
  kept.filter(
    ({ until, directory, identifier }) =>
      until !== undefined &&
      Date.parse(until) - now.getTime() < endingMs &&
      directory === spec.issuer.settings.directory &&
      spec.identifiers.some(({ value }) => value === identifier),
  );

/**
 * After an order, earlier records at the same names for the same CA are no longer needed. Those that certfleet wrote
 * become tombstones, which a sweep removes.
 */
export function afterOrder(
  { kept = [] }: Keeping,
  { work, spec, now }: { readonly work: Work; readonly spec: StoredSpec; readonly now: Date },
): { readonly kept: readonly KeptRecord[]; readonly stones: readonly Tombstone[] } {
  const used = recordsOf(work.challenges);
  const inUse = new Set(used.map(keyOf));
  const isOver = (one: KeptRecord) =>
    !inUse.has(keyOf(one)) && used.some(({ name, directory }) => name === one.name && directory === one.directory);
  const stones = kept
    .filter((one) => isOver(one) && !one.found)
    .map((one) => tombstoneOf(spec, presentedKept(one), now, -1));
  return { kept: kept.filter((one) => !isOver(one)), stones };
}

/** Returns the record in the form that a solver's removal expects. */
const presentedKept = (record: KeptRecord): Presented => ({
  type: 'dns-persist-01',
  identifier: record.identifier,
  thumbprint: '',
  receipt: receiptOfKept(record),
});
