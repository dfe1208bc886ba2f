import { type CaaRecord, pinningRecords } from '../../core/ca/caa.ts';
import { fail, isFailure, reasonOf } from '../../core/errors/errors.ts';
import { baseName, isWildcard } from '../../core/names/identifier.ts';
import type { StoredSpec } from '../../core/spec/spec.ts';
import type { CaaFinding, Engine } from '../engine.ts';
import { storedAccount } from '../ledger/account.ts';
import { connectParts } from '../run/run.ts';
import { askDirectory } from './ca.ts';

/** The CAA records of a certificate's names: those that pin them to its account, and those that exist in the DNS. */
export interface CaaReport {
  readonly certificate: string;
  readonly issuer: string;
  /** undefined if there is no account yet; in that case, the records name only the CA and the challenges. */
  readonly accountUrl: string | undefined;
  readonly names: readonly {
    readonly name: string;
    readonly records: readonly CaaRecord[];
    /** Whether today's records allow an order of this certificate. */
    readonly today: CaaFinding;
  }[];
}

/** How long the lookups may take. */
const lookMs = 15_000;

/** Asks the CA for its name in CAA records, and the DNS for the existing records. Changes nothing. */
export async function reportCaa(engine: Engine, wanted: StoredSpec, signal: AbortSignal): Promise<CaaReport> {
  const issuer = engine.connect.issuer(wanted.issuer.name, wanted.issuer.settings);
  const { caaIdentities } = await askDirectory({ engine, issuer, signal });
  const [identity] = caaIdentities;
  if (identity === undefined) throw fail('acme/no-caa-identity', { issuer: wanted.issuer.name });
  const accountUrl = (await storedAccount(engine, wanted, signal))?.url;
  const parts = await connectParts(engine, wanted);
  const pinned = parts.flatMap(({ spec: part, solver }) =>
    part.identifiers.map((identifier) => ({ identifier, methods: solver.answers })),
  );
  const looks = engine.connect.looks(wanted.preflight);
  const deadline = engine.clock.deadline(lookMs, signal);
  try {
    const names = [...pinningRecords(pinned, { identity, accountUrl })].map(async ([name, records]) => {
      const found = pinned
        .filter(({ identifier }) => baseName(identifier) === name)
        .map(({ identifier, methods }) => {
          const wildcard = isWildcard(identifier);
          const question = { name, wildcard, caaIdentities, accountUrl, challengeTypes: methods };
          return looks.caa(question, deadline.signal).catch((error: unknown): CaaFinding => {
            if (isFailure(error, 'bug/')) throw error;
            return { verdict: 'cannot-tell', finding: reasonOf(error) };
          });
        });
      return { name, records, today: worst(await Promise.all(found)) };
    });
    const all = await Promise.all(names);
    signal.throwIfAborted();
    return { certificate: wanted.name, issuer: wanted.issuer.name, accountUrl, names: all };
  } finally {
    deadline.done();
  }
}

/** Returns the worst finding of a name and its wildcard. */
const worst = (findings: readonly CaaFinding[]): CaaFinding =>
  findings.find(({ verdict }) => verdict === 'no') ??
  findings.find(({ verdict }) => verdict === 'cannot-tell') ??
  (findings[0] as CaaFinding);
