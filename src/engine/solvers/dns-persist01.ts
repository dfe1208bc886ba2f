import { createSingleFlight } from '../../core/async/single-flight.ts';
import { noteRemoval } from '../../core/async/writes.ts';
import {
  accountUriOf,
  type PersistWanted,
  parsePersistRecord,
  permits,
  persistLabel,
  printPersistRecord,
} from '../../core/ca/persist-record.ts';
import { isFailure, reasonOf } from '../../core/errors/errors.ts';
import { endingMs, keptIn, receiptOfKept } from '../../core/lineage/kept-records.ts';
import type { KeptRecord } from '../../core/lineage/lineage.ts';
import { baseName } from '../../core/names/identifier.ts';
import { present } from '../../core/text/present.ts';
import type { Clock } from '../../ports/clock.ts';
import type { DnsValue } from '../../ports/dns-provider.ts';
import type { Log } from '../../ports/log.ts';
import type { PersistTerms, Solver, SolverChallenge } from '../../ports/solver.ts';
import type { Zones } from '../zones/zone.ts';
import type { Visibility } from './visibility.ts';
import type { ZoneChecks } from './zone-checks.ts';
import { type Hands, unlessElsewhere } from './zone-holders.ts';

export interface PersistParts extends ZoneChecks {
  readonly zones: Zones;
  readonly hands: Hands;
  readonly visibility: Visibility;
  readonly clock: Clock;
  readonly log: Log;
  readonly sha256: (data: Uint8Array) => Uint8Array;
  /** How long a new record is valid. The default is for ever. */
  readonly persistMs?: number | undefined;
}

export type PersistSolver = Required<Pick<Solver, 'preflight' | 'present' | 'ready' | 'cleanup'>>;

type Target = { readonly zone: string; readonly name: string };

/** How long a record must still be valid when the CA is about to look for it. */
const leastLeftMs = 3_600_000;
const dayMs = 86_400_000;

/**
 * Creates the solver for dns-persist-01 (draft-ietf-acme-dns-persist): for as long as it exists, one TXT record permits
 * the account to get certificates for a name. So it is written once, and an existing record is used as it is.
 */
export function createDnsPersist01(parts: PersistParts): PersistSolver {
  const { zones, hands, visibility, clock, log, persistMs } = parts;
  // A name and its wildcard have the same record, and so do several certificates.
  const presenting = createSingleFlight<KeptRecord>();

  /** Returns the values at the record's name, from the first of the zone's servers that answers. */
  async function servedAt({ zone, name }: Target, signal: AbortSignal): Promise<readonly string[]> {
    const { answer } = await zones.ask(zone, { name, type: 'TXT' }, signal);
    return answer.answers.flatMap((one) => (one.type === 'TXT' && one.name === name ? [one.value] : []));
  }

  /** Returns the record that permits what is wanted for the longest time. */
  function best(values: readonly string[], wanted: PersistWanted): string | undefined {
    const at = new Date(clock.now().getTime() + leastLeftMs);
    const endOf = (value: string) => parsePersistRecord(value)?.until?.getTime() ?? Number.POSITIVE_INFINITY;
    const good = values.filter((value) => permits(value, wanted, at));
    return good.toSorted((a, b) => endOf(b) - endOf(a))[0];
  }

  /** Reports whether a record is near its end, or has less than a third of its time left. */
  function isToReplace(value: string): boolean {
    const end = parsePersistRecord(value)?.until;
    const leftMs = end === undefined ? Number.POSITIVE_INFINITY : end.getTime() - clock.now().getTime();
    return leftMs < Math.min(endingMs, (persistMs ?? Number.POSITIVE_INFINITY) / 3);
  }

  function newValue({ issuers, accountUri, wildcard }: PersistWanted): string {
    // On whole days, so that certificates of one name write the same record.
    const until = persistMs === undefined ? undefined : Math.ceil((clock.now().getTime() + persistMs) / dayMs) * dayMs;
    const [issuer = ''] = issuers;
    return printPersistRecord({
      ...{ issuer, accountUri, wildcard },
      ...present({ until: until === undefined ? undefined : new Date(until) }),
    });
  }

  async function write(
    challenge: SolverChallenge,
    record: KeptRecord,
    { note, signal }: { readonly note: (record: KeptRecord) => Promise<void>; readonly signal: AbortSignal },
  ): Promise<KeptRecord> {
    await parts.refuseToHide(record, signal);
    const hand = hands.of(record.zone);
    // An absent person writes nothing, so there is nothing to journal.
    await parts.mayWrite(record.zone, signal).catch((error: unknown) => {
      if (isFailure(error, 'dns/needs-person')) throw error;
    });
    signal.throwIfAborted();
    await note(record);
    await unlessElsewhere(nameOf(challenge), record, hand, () => hand.writer.add(txtOf(record), signal));
    log.info(`added a TXT record at ${record.name}, which stays: ${record.value}`);
    return record;
  }

  const txtOf = ({ zone, name, value }: KeptRecord): DnsValue => ({
    ...{ zone, name, value, ttl: hands.of(zone).ttl },
    stays: true,
  });

  async function obtain(
    challenge: SolverChallenge,
    terms: PersistTerms,
    note: (record: KeptRecord) => Promise<void>,
    signal: AbortSignal,
  ): Promise<KeptRecord> {
    const { account, directory, issuers, wildcard } = terms;
    const name = baseName(challenge.identifier);
    const target = await zones.resolveChain(nameOf(challenge), signal);
    const wanted = { issuers, wildcard, accountUri: accountUriOf(account, name, parts.sha256) };
    const served = await servedAt(target, signal);
    const kept = terms.kept.filter((one) => one.name === target.name);
    const recordOf = (value: string): KeptRecord => {
      const until = parsePersistRecord(value)?.until;
      const facts = { identifier: challenge.identifier.value, ...target, value, directory, account: account.url };
      return { ...facts, ...present({ until: until?.toISOString() }) };
    };
    /** An existing record need not be written; certfleet may have written it before. */
    const use = async (value: string): Promise<KeptRecord> => {
      const known = kept.find((one) => one.value === value);
      if (!served.includes(value))
        return write(challenge, recordOf(value), { note: known ? async () => {} : note, signal });
      const isOwn = known !== undefined && !known.found;
      return isOwn ? recordOf(value) : { ...recordOf(value), found: true };
    };
    const found = best([...served, ...kept.filter((one) => !one.found).map(({ value }) => value)], wanted);
    if (found === undefined) return use(newValue(wanted));
    if (!isToReplace(found)) return use(found);
    try {
      return await use(newValue(wanted));
    } catch (error) {
      signal.throwIfAborted();
      const end = parsePersistRecord(found)?.until?.toISOString();
      log.warn(`could not replace the TXT record at ${target.name}, which ends at ${end}: ${reasonOf(error)}`);
      return use(found);
    }
  }

  return {
    async preflight(identifier, signal) {
      const name = nameOf({ identifier });
      const target = await zones.resolveChain(name, signal);
      // If there is a record, probably nothing will be written, and the provider's credentials may be gone.
      if ((await servedAt(target, signal)).some((value) => parsePersistRecord(value) !== undefined)) return;
      await parts.refuseToHide(target, signal);
      await unlessElsewhere(name, target, hands.of(target.zone), () => parts.mayWrite(target.zone, signal));
    },

    async present(challenge, note, signal) {
      const { persist } = challenge;
      if (!persist) throw new Error('a dns-persist-01 challenge needs the terms of its record');
      const intend = (record: KeptRecord) => note(receiptOfKept({ ...record, intended: true }));
      const key = JSON.stringify([baseName(challenge.identifier), persist.account, persist.wildcard]);
      const record = await presenting(key, () => obtain(challenge, persist, intend, signal), signal);
      return receiptOfKept({ ...record, identifier: challenge.identifier.value });
    },

    ready: (challenge, receipt, signal) => visibility.look(txtOf(keptIn(receipt)), nameOf(challenge), signal),

    async cleanup(_challenge, receipt, signal) {
      // Only a record that a receipt names is ever removed: a later one has replaced it.
      if (receipt === undefined || receipt === null) return;
      const value = txtOf(keptIn(receipt));
      visibility.forget(value);
      const removal = await hands.of(value.zone).writer.remove(value, undefined, signal);
      noteRemoval(removal, signal);
      const done = removal === 'absent' ? 'found no TXT record to remove' : 'removed a TXT record';
      log.debug(`${done} at ${value.name} in the zone ${value.zone}`);
    },
  };
}

const nameOf = ({ identifier }: Pick<SolverChallenge, 'identifier'>): string =>
  `${persistLabel}.${baseName(identifier)}`;
