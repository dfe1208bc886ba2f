import { untilAny } from '../../core/async/on-abort.ts';
import { parsePersistRecord } from '../../core/ca/persist-record.ts';
import { fail } from '../../core/errors/errors.ts';
import { keptIn } from '../../core/lineage/kept-records.ts';
import type { KeptRecord, Lineage } from '../../core/lineage/lineage.ts';
import { type Claim, leased } from '../../core/lineage/work/lease.ts';
import { recordsKept } from '../../core/lineage/work/order.ts';
import { partFor } from '../../core/spec/spec-parts.ts';
import type { PersistTerms } from '../../ports/solver.ts';
import type { Engine } from '../engine.ts';
import { firstSight, giveBack, type Holding, isBusy, takeLease } from '../leases/lease.ts';
import { solverChallenge } from '../run/solver-challenge.ts';
import { waitFor } from '../run/wait.ts';
import type { AccountChange, Dependent } from './dependents.ts';

/**
 * Returns the dns-persist-01 records that depend on an account. All of them become useless when the account is closed.
 * With another key, the records with a hash (from draft 02 on) change, because the key is part of it, so they are
 * rewritten first. The earlier records stay until the next order has used the later ones.
 */
export function recordsOfAccount(
  engine: Engine,
  lineages: readonly Lineage[],
  change: Omit<AccountChange, 'newThumbprint'>,
): readonly Dependent[] {
  return lineages.flatMap((lineage) => {
    const records = (lineage.kept ?? []).filter(
      ({ account, directory, value }) =>
        account === change.url &&
        directory === change.account.directory &&
        (change.what === 'deactivate' || hashPrefixOf(value, change.url) !== undefined),
    );
    if (records.length === 0) return [];
    const { name } = lineage;
    const at = [...new Set(records.map((one) => one.name))].join(', ');
    if (change.what === 'deactivate')
      return [{ certificate: name, what: `${name}: the TXT record at ${at} no longer lets it be renewed` }];
    return [
      {
        certificate: name,
        what: `${name}: the TXT record at ${at} depends on the key, and is written anew before the change`,
        prepare: (now, signal) => republish(engine, { name, records }, now, signal),
      },
    ];
  });
}

/** Returns the prefix of the account's hash, or undefined if the record has the account's URL. */
function hashPrefixOf(value: string, url: string): string | undefined {
  const uri = parsePersistRecord(value)?.accountUri;
  return uri === undefined || uri === url ? undefined : /^(.*)sha-256\/[\w-]{43}$/.exec(uri)?.[1];
}

/** Writes a lineage's records for the new key, and waits until every server has them. */
async function republish(
  engine: Engine,
  { name, records }: { readonly name: string; readonly records: readonly KeptRecord[] },
  change: AccountChange,
  signal: AbortSignal,
): Promise<void> {
  const holding = await hold(engine, name, signal);
  if (!holding) return; // it was deleted meanwhile
  try {
    await untilAny([signal, holding.lost], async (over) => {
      for (const record of records) await writeAnew(engine, holding, { record, change }, over);
    });
  } finally {
    await giveBack(engine, holding);
  }
}

async function hold(engine: Engine, name: string, signal: AbortSignal): Promise<Holding | undefined> {
  let sight = firstSight(engine, name);
  const waited = await waitFor<Holding | undefined>(
    engine.clock,
    { budgetMs: Number.POSITIVE_INFINITY, firstMs: 50, mostMs: 1_000, signal },
    async () => {
      const begin = (lineage: Lineage | undefined, claim: Claim) => lineage && leased(claim);
      const taken = await takeLease(engine, sight, begin, signal);
      if (isBusy(taken)) return { reason: 'another process is working on it', retryAfterMs: taken.pauseMs };
      // Another process has worked on the lineage, but not on its records.
      if (taken && 'finished' in taken) {
        sight = firstSight(engine, name);
        return { reason: 'it has just been worked on' };
      }
      return { done: taken?.holding };
    },
  );
  return 'value' in waited ? waited.value : undefined;
}

async function writeAnew(
  engine: Engine,
  holding: Holding,
  { record, change }: { readonly record: KeptRecord; readonly change: AccountChange },
  signal: AbortSignal,
): Promise<void> {
  const { spec } = holding.lineage;
  const part = partFor(spec, record.identifier);
  const solver = await engine.connect.solver(part);
  // The name may be gone, and the solver may have changed.
  const isUsed = spec.identifiers.some(({ value }) => value === record.identifier);
  const persist = termsFor(record, change, holding.lineage);
  if (!persist || !isUsed || !solver.answers.includes('dns-persist-01')) return;
  const presented = { type: 'dns-persist-01', identifier: record.identifier, thumbprint: '' } as const;
  const challenge = { ...solverChallenge(part, presented), persist };
  const { identifier } = record;
  const keep = (one: KeptRecord) => holding.apply(recordsKept([one]), signal);
  const present = () => solver.present(challenge, (receipt) => keep(keptIn(receipt)), signal);
  const receipt = await holding.effect(signal, present);
  await keep(keptIn(receipt));
  const budgetMs = solver.readyBudgetMs ?? readyBudgetMs;
  const waited = await waitFor<true>(engine.clock, { budgetMs, firstMs: 50, mostMs: 2_000, signal }, async () => {
    const now = await solver.ready(challenge, receipt, signal);
    return now.ready ? { done: true } : { reason: now.reason, retryAfterMs: now.retryAfterMs };
  });
  if (!('timedOut' in waited)) return;
  const seconds = budgetMs / 1_000;
  throw fail('solver/not-ready', { solver: solver.type, identifier, seconds, reason: waited.timedOut });
}

/** How long the servers may take, unless the solver says otherwise. */
const readyBudgetMs = 10 * 60_000;

/** Returns the terms of the existing record, with the account's new key. */
function termsFor(
  { value, directory }: KeptRecord,
  { url, newThumbprint: thumbprint }: AccountChange,
  { kept = [] }: Lineage,
): PersistTerms | undefined {
  const [record, hashPrefix] = [parsePersistRecord(value), hashPrefixOf(value, url)];
  if (!record || hashPrefix === undefined || thumbprint === undefined) return undefined;
  const { issuer, wildcard } = record;
  return { issuers: [issuer], directory, account: { url, thumbprint, hashPrefix }, wildcard, kept };
}
