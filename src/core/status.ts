import type { CertfleetError } from './errors.ts';
import type { Lineage } from './lineage.ts';
import { failureThatCounts, targetsToDeploy } from './plan.ts';
import type { CertificateSpec, StoredSpec } from './spec.ts';

/** What there is to know of one certificate, for `status` and `show`. */
export interface LineageStatus {
  readonly name: string;
  readonly origin: 'command-line' | 'configuration';
  readonly identifiers: readonly string[];
  readonly issuer: string;
  /** `valid`, `due` (renewal time passed), `expired`, `missing` (none issued yet), `failing`, `working`, `pending` (deployment), `corrupt`. */
  readonly state: 'valid' | 'due' | 'expired' | 'missing' | 'failing' | 'working' | 'pending' | 'corrupt';
  readonly notBefore?: string;
  readonly notAfter?: string;
  readonly serial?: string;
  readonly issuerName?: string;
  /** When `renew` will act, and why then. */
  readonly renewAt?: string;
  readonly renewalSource?: 'ari' | 'lifetime';
  readonly explanationUrl?: string;
  readonly deployments: readonly {
    readonly target: string;
    readonly state: 'current' | 'pending' | 'intended';
    readonly version: string;
  }[];
  readonly failure?: {
    readonly count: number;
    readonly message: string;
    readonly hint: string;
    readonly retryAt: string;
  };
  readonly work?: { readonly step: string; readonly holder: string };
  readonly spec?: CertificateSpec;
}

/** One certificate as it is now. */
export function describeLineage(
  name: string,
  {
    wanted,
    lineage,
    corrupt,
    now,
    isWorking,
  }: {
    readonly wanted: { readonly spec: StoredSpec; readonly origin: Lineage['origin'] } | undefined;
    readonly lineage: Lineage | undefined;
    /** Why the document cannot be read, where it cannot. */
    readonly corrupt: CertfleetError | undefined;
    readonly now: Date;
    /** Whether the holder of the lease may still live. */
    readonly isWorking: boolean;
  },
): LineageStatus {
  const spec = wanted?.spec ?? lineage?.spec;
  const facts = lineage?.current?.facts;
  const failure = spec && failureThatCounts(spec, lineage, undefined);
  const renewal = lineage?.renewal;
  return {
    name,
    origin: wanted?.origin ?? lineage?.origin ?? 'configuration',
    identifiers: (spec?.spec.identifiers ?? []).map((identifier) => identifier.value),
    issuer: spec?.spec.issuer ?? '',
    state: corrupt ? 'corrupt' : stateOf(spec, lineage, now, isWorking),
    ...(facts
      ? { notBefore: facts.notBefore, notAfter: facts.notAfter, serial: facts.serial, issuerName: facts.issuerName }
      : {}),
    ...(renewal ? { renewAt: renewal.at, renewalSource: renewal.source } : {}),
    ...(renewal?.explanationUrl === undefined ? {} : { explanationUrl: renewal.explanationUrl }),
    deployments: Object.entries(lineage?.deployments ?? {}).map(([target, { state, version }]) => ({
      target,
      state,
      version,
    })),
    ...(failure
      ? { failure: { count: failure.count, message: failure.message, hint: failure.hint, retryAt: failure.retryAt } }
      : corrupt
        ? { failure: { count: 1, message: corrupt.message, hint: corrupt.hint, retryAt: now.toISOString() } }
        : {}),
    ...(lineage?.work?.lease
      ? { work: { step: lineage.work.step, holder: `process ${lineage.work.lease.holder.pid}` } }
      : {}),
    ...(spec ? { spec: spec.spec } : {}),
  };
}

function stateOf(
  spec: StoredSpec | undefined,
  lineage: Lineage | undefined,
  now: Date,
  isWorking: boolean,
): LineageStatus['state'] {
  if (isWorking) return 'working';
  if (spec && failureThatCounts(spec, lineage, undefined)) return 'failing';
  if (!lineage?.current) return 'missing';
  if (Date.parse(lineage.current.facts.notAfter) <= now.getTime()) return 'expired';
  if (spec && targetsToDeploy(spec, lineage).length > 0) return 'pending';
  if (lineage.renewal && Date.parse(lineage.renewal.at) <= now.getTime()) return 'due';
  return 'valid';
}
