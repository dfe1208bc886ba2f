import type { CertfleetError, RefusedName, ShownParams } from '../errors/errors.ts';
import { partsOf } from '../errors/stored-error.ts';
import { type Said, type StoredError, say } from '../errors/wording.ts';
import { targetsToDeploy } from '../lineage/deployments.ts';
import { failureThatCounts, heldUntil, type LimitWait, lastFailure, laterOf, waitOf } from '../lineage/failure.ts';
import { endingRecords } from '../lineage/kept-records.ts';
import {
  type Deployment,
  type ExportRecord,
  type GivenBack,
  type Lineage,
  unfinishedWork,
} from '../lineage/lineage.ts';
import { keyTypeOfVersion } from '../lineage/next-key.ts';
import type { Pause } from '../lineage/pause.ts';
import type { KeptPlaces } from '../lineage/places.ts';
import { processText } from '../lineage/process-identity.ts';
import { isHeldBack, isStopped, type RevocationIntent, type RevocationRecord } from '../lineage/revocation.ts';
import { holdsBack, type Rollover } from '../lineage/rollover.ts';
import { isStagingName } from '../names/identifiers.ts';
import { lacksOf, type NodeLack } from '../node/node-status.ts';
import type { Replica } from '../node/replica.ts';
import { accountOf, defaultAccount } from '../spec/account.ts';
import { isByHand, isWrittenByHand } from '../spec/by-hand.ts';
import type { KeyType } from '../spec/key-type.ts';
import type { CertificateSpec, StoredSpec } from '../spec/spec.ts';
import { declaredAs, targetsAndEndpoints } from '../spec/spec-parts.ts';
import { needsSweep } from '../spec/traits.ts';
import { present } from '../text/present.ts';
import { isRetried, nextTry, whyDue } from './due.ts';
import type { LeftOutside } from './left-outside.ts';
import { leftOf } from './outcome.ts';

/** The states of a certificate; `LineageStatus.state` says what each means. */
export const lineageStates = [
  ...(['valid', 'due', 'expired', 'missing', 'failing', 'working', 'interrupted', 'pending'] as const),
  ...(['paused', 'revoked', 'undeclared', 'test', 'corrupt'] as const),
] as const;

/** Everything that `status` and `show` report about one certificate. */
export interface LineageStatus {
  readonly name: string;
  readonly origin: 'command-line' | 'configuration';
  readonly identifiers: readonly string[];
  readonly issuer: string;
  /** The name of the account, unless it is the default one. */
  readonly account?: string;
  /**
   * `valid`, `due` (past its renewal time), `expired`, `missing` (none issued yet), `failing`, `working`, `interrupted`
   * (the next `renew` continues), `pending` (not yet on every target), `paused` (by a person, until it is resumed),
   * `revoked`, `undeclared` (no longer declared, so never renewed), `test` (issued with --staging, never renewed), `corrupt` (one of its documents is damaged or
   * missing).
   */
  readonly state: (typeof lineageStates)[number];
  readonly notBefore?: string;
  readonly notAfter?: string;
  readonly serial?: string;
  readonly issuerName?: string;
  readonly keyType?: KeyType;
  /** Names that it lacks because they were refused. The next renewal requests them again. */
  readonly dropped?: readonly RefusedName[];
  /** The common names of the issuers in its chain, starting with the leaf's issuer. */
  readonly chain?: readonly string[];
  /** When and why its current certificate was revoked, and whether `renew` replaces it. */
  readonly revoked?: RevocationRecord & { readonly isReplaced: boolean };
  /** Unfinished revocations of its versions. The next `renew` asks the CA again. */
  readonly revoking?: readonly RevocationIntent[];
  /** When a person rolled back to the previous version. Set as long as `renew` leaves that version alone. */
  readonly rolledBack?: { readonly at: string; readonly until: string };
  /** Who has paused it. Nothing is done for it until it is resumed, whatever its state. */
  readonly paused?: Pause;
  /** If it is undeclared: when `import --undo` gave it back to the client in this folder. */
  readonly givenBack?: GivenBack;
  /** If it is undeclared: its document was lost and rebuilt, so how it is renewed is unknown. */
  readonly settingsLost?: true;
  /** The last exports of its private key. */
  readonly exports?: readonly ExportRecord[];
  /** When `renew` will renew it; undefined if it never does. */
  readonly renewAt?: string;
  readonly renewalSource?: 'ari' | 'lifetime';
  readonly explanationUrl?: string;
  readonly deployments: readonly {
    readonly target: string;
    readonly state: 'current' | 'pending' | 'intended';
    readonly version: string;
    /** The node whose target it is, if each node has its own. `lackingAt` has what the others lack. */
    readonly node?: string;
    /** Why the target does not have the current version yet: in English, and what that is made of. */
    readonly message?: string;
    readonly code?: string;
    readonly params?: ShownParams;
    readonly cause?: StoredError;
    /** It is rolling the version out, and nothing has failed. */
    readonly settling?: true;
    /** The settings no longer have this target, so what it has stays there and is not renewed. */
    readonly noLongerWanted?: true;
    /** How many places the target has and how many of them lack the version, with at most 20 of these. */
    readonly places?: KeptPlaces;
  }[];
  /** Known nodes whose own targets lack the current version. Without a message, they get it at their next run. */
  readonly lackingAt?: readonly (Omit<NodeLack, 'certificate'> & {
    readonly node: string;
    /** It is this node. */
    readonly here?: true;
  })[];
  /** Until when its CA asked us to wait, if it is due or was forced; `--force` does not override that. */
  readonly heldUntil?: string;
  /** It is due, but the CA would refuse its order until then. What the limit allows is in words. */
  readonly rateLimit?: LimitWait;
  /** The key rollover of its account that is in progress. Nothing is ordered until it ends. */
  readonly rollover?: Rollover;
  readonly failure?: {
    readonly count: number;
    /** In English; code, parameters and cause say it in another language. */
    readonly message: string;
    readonly hint: string;
    readonly code?: string;
    readonly params?: ShownParams;
    readonly cause?: StoredError;
    readonly retryAt: string;
    /** The certificate is valid and not due, so `renew` does not try again before its renewal time. */
    readonly notDue?: true;
  };
  /** The account with which it was issued is missing from the store. */
  readonly accountMissing?: StoredError & Said;
  readonly work?: { readonly step: string; readonly holder: string };
  /** A killed run would leave a forward rule until the next `renew` or `sweep`. */
  readonly needsSweep?: true;
  /** Its TXT records that outlive the order (dns-persist-01). */
  readonly records?: readonly {
    readonly name: string;
    readonly value: string;
    /** When the record expires. */
    readonly until?: string;
    /** It ends within 30 days: the next renewal writes its successor (`renewal`), or a `person` must. */
    readonly ends?: 'renewal' | 'person';
  }[];
  /** A person must add its TXT records, so `renew` does not renew it. */
  readonly byHand?: true;
  /** What it has left outside because the removal was refused. */
  readonly left?: readonly LeftOutside[];
  readonly spec?: CertificateSpec;
}

/** Describes one certificate as it is now. */
export function describeLineage(
  name: string,
  {
    wanted,
    lineage,
    corrupt,
    now,
    isWorking,
    caHold,
    rollover,
    limit,
    accountMissing,
    nodes,
  }: {
    readonly wanted: { readonly spec: StoredSpec; readonly origin: Lineage['origin'] } | undefined;
    readonly lineage: Lineage | undefined;
    /** Why the document cannot be read, or which document of the certificate is missing. */
    readonly corrupt: CertfleetError | undefined;
    readonly accountMissing?: CertfleetError | undefined;
    readonly now: Date;
    /** Whether the holder of the lease may be alive. */
    readonly isWorking: boolean;
    /** Until when the CA asked us to wait with every certificate. */
    readonly caHold?: string | undefined;
    readonly rollover?: Rollover | undefined;
    /** The rate limit that an order would exceed. */
    readonly limit?: LimitWait | undefined;
    readonly nodes?: { readonly here: string; readonly known: readonly Replica[] } | undefined;
  },
): LineageStatus {
  const lacks = lacksOfNodes(wanted?.spec, lineage, nodes);
  const spec = wanted?.spec ?? lineage?.spec;
  const { facts, revoked } = lineage?.current ?? {};
  const failure = spec && failureToShow(spec, lineage, now);
  const state = corrupt
    ? 'corrupt'
    : stateOfLineage(wanted?.spec, withoutGone(lineage, nodes), { now, isWorking, lacks });
  const delivered = wanted && targetsAndEndpoints(wanted.spec);
  const isLeft = !isRenewed(state) || isStopped(lineage) || lineage?.paused !== undefined;
  const renewal = isLeft ? undefined : lineage?.renewal;
  const isHeld = wanted && !isLeft && (toObtain.has(state) || failure?.notDue);
  const next = wanted && waitOf(wanted.spec, lineage, { now, obeyBackoff: true, ...present({ caHold, limit }) });
  const rateLimit = next?.why === 'limit' && toObtain.has(state) && !isLeft ? limit : undefined;
  const held = isHeld && !rateLimit ? laterOf(heldUntil(wanted.spec, lineage, now), caHold) : undefined;
  return {
    name,
    origin: wanted?.origin ?? lineage?.origin ?? 'configuration',
    identifiers: (spec?.identifiers ?? []).map((identifier) => identifier.value),
    issuer: spec?.issuer.name ?? '',
    state,
    ...present({
      notBefore: facts?.notBefore,
      notAfter: facts?.notAfter,
      serial: facts?.serial,
      issuerName: facts?.issuerName,
      revoked: revoked && { ...revoked, isReplaced: !isLeft },
      revoking: lineage?.revoking,
      rolledBack: lineage && isHeldBack(lineage, now) ? lineage.rolledBack! : undefined,
      paused: lineage?.paused,
      givenBack: lineage?.givenBack && state === 'undeclared' ? lineage.givenBack : undefined,
      settingsLost: lineage?.settingsLost && state === 'undeclared' ? true : undefined,
      exports: lineage?.exports,
      dropped: lineage?.current?.dropped,
      chain: lineage?.current?.chain,
      keyType: lineage?.current && keyTypeOfVersion(lineage.current),
      renewAt: renewal?.at,
      renewalSource: renewal?.source,
      explanationUrl: renewal?.explanationUrl,
    }),
    deployments: Object.entries(lineage?.deployments ?? {}).map(([target, deployment]) => ({
      target,
      state: deployment.state,
      version: deployment.version,
      ...present({
        node: deployment.node,
        ...reasonTold(deployment),
        settling: deployment.code === 'deploy/settling' ? (true as const) : undefined,
        places: deployment.places,
        noLongerWanted: delivered?.includes(target) === false ? (true as const) : undefined,
      }),
    })),
    ...present({
      lackingAt: lacks.length > 0 ? lacks : undefined,
      heldUntil: held,
      rateLimit,
      rollover: rollover && isRenewed(state) && holdsBack(rollover, lineage, now) ? rollover : undefined,
      accountMissing: accountMissing && told(accountMissing),
    }),
    ...(corrupt
      ? { failure: { count: 1, ...told(corrupt), retryAt: now.toISOString() } }
      : failure
        ? { failure: { ...failure, retryAt: laterOf(failure.retryAt, rateLimit?.until ?? held) ?? failure.retryAt } }
        : {}),
    ...present({
      work: lineage?.work?.lease && {
        step: lineage.work.step,
        holder: `process ${processText(lineage.work.lease.holder)}`,
      },
      needsSweep: spec?.parts.some(({ solver }) => needsSweep(solver)) ? true : undefined,
      byHand: spec && isByHand(spec) ? true : undefined,
    }),
    ...keptRecords(lineage, now),
    ...leftOf(lineage),
    ...(spec && accountName(spec)),
    ...present({ spec: spec && declaredAs(spec) }),
  };
}

function lacksOfNodes(
  wanted: StoredSpec | undefined,
  lineage: Lineage | undefined,
  nodes: { readonly here: string; readonly known: readonly Replica[] } | undefined,
): NonNullable<LineageStatus['lackingAt']> {
  if (!wanted || !lineage || !nodes) return [];
  return nodes.known.flatMap((replica) =>
    lacksOf(replica, { wanted, lineage }).map(({ certificate: _own, ...lack }) => ({
      node: replica.node,
      ...lack,
      ...present({ here: replica.node === nodes.here ? (true as const) : undefined }),
    })),
  );
}

/** Returns the lineage without what it has of a node that was forgotten, which no longer needs the version. */
function withoutGone(
  lineage: Lineage | undefined,
  nodes: { readonly known: readonly Replica[] } | undefined,
): Lineage | undefined {
  if (!lineage || !nodes) return lineage;
  const isGone = (node: string | undefined) => node !== undefined && !nodes.known.some((one) => one.node === node);
  const deployments = Object.entries(lineage.deployments).map(([target, one]): [string, Deployment] => [
    target,
    isGone(one.node) && one.state === 'pending' ? { ...one, state: 'current' } : one,
  ]);
  return { ...lineage, deployments: Object.fromEntries(deployments) };
}

function accountName({ issuer }: StoredSpec): Pick<LineageStatus, 'account'> {
  const { name } = accountOf(issuer.settings);
  return name === defaultAccount ? {} : { account: name };
}

function keptRecords(lineage: Lineage | undefined, now: Date): Pick<LineageStatus, 'records'> {
  if (!lineage?.kept) return {};
  const ending = endingRecords(lineage, now);
  const by = isWrittenByHand(lineage.spec) ? ('person' as const) : ('renewal' as const);
  const records = lineage.kept.map((record) => ({
    name: record.name,
    value: record.value,
    ...present({ until: record.until, ends: ending.includes(record) ? by : undefined }),
  }));
  return { records };
}

/** Returns the last failure, unless it was a forced try and the certificate has become due since. */
function failureToShow(spec: StoredSpec, lineage: Lineage | undefined, now: Date): LineageStatus['failure'] {
  const failure = lastFailure(spec, lineage, {}, now);
  if (!failure) return undefined;
  const { count, code, params, cause, forced } = failure;
  if (forced && whyDue(spec, lineage, now, { force: false })) return undefined;
  const notDue = forced || !isRetried(spec, lineage, failure, now) ? (true as const) : undefined;
  const words = { ...say(failure, 'en'), code, ...present({ params, cause }) };
  return { count, ...words, retryAt: nextTry(spec, lineage, failure), ...present({ notDue }) };
}

const told = (error: CertfleetError) => {
  const { code, message, hint } = error;
  const { params, cause } = partsOf(error);
  return { code, message, hint, ...present({ params, cause }) };
};

/** Returns why a target lacks its version, in English and what that is made of. */
function reasonTold(deployment: Deployment): Omit<StoredError, 'hint'> {
  const { code, params, cause, message } = deployment;
  return { code, params, cause, message: code === undefined ? message : say(deployment, 'en').message };
}

/** States in which the next step requires the CA. */
const toObtain: ReadonlySet<LineageStatus['state']> = new Set([
  ...(['due', 'expired', 'missing', 'failing', 'interrupted', 'revoked'] as const),
]);

/** States in which a person is asked for. The others pass by themselves, or are wanted. */
export const needsPerson: readonly LineageStatus['state'][] = ['expired', 'failing', 'corrupt', 'revoked', 'pending'];

/** Reports whether `renew` ever renews a certificate in this state. */
export const isRenewed = (state: LineageStatus['state']): boolean => state !== 'undeclared' && state !== 'test';

/** Returns the state of a certificate by its settings and its document. */
export function stateOfLineage(
  wanted: StoredSpec | undefined,
  lineage: Lineage | undefined,
  { now, isWorking, lacks }: { readonly now: Date; readonly isWorking: boolean; readonly lacks: readonly unknown[] },
): LineageStatus['state'] {
  if (isWorking) return 'working';
  if (!wanted) return lineage && isStagingName(lineage.name) ? 'test' : 'undeclared';
  if (lineage?.current?.revoked) return 'revoked';
  // What servers present comes first; `failure` says why there is no newer certificate.
  const isExpired = lineage?.current !== undefined && Date.parse(lineage.current.facts.notAfter) <= now.getTime();
  if (isExpired) return 'expired';
  if (lineage?.paused) return 'paused';
  const failure = failureThatCounts(wanted, lineage, {}, now);
  if (failure && isRetried(wanted, lineage, failure, now)) return 'failing';
  if (unfinishedWork(lineage) || lineage?.revoking) return 'interrupted';
  if (!lineage?.current) return 'missing';
  if (targetsToDeploy(wanted, lineage).length > 0 || lacks.length > 0) return 'pending';
  if (lineage.renewal && Date.parse(lineage.renewal.at) <= now.getTime()) return 'due';
  return 'valid';
}

/** States that end or begin only with a change of the document. */
const lasting: ReadonlySet<LineageStatus['state']> = new Set(['undeclared', 'test', 'revoked', 'corrupt'] as const);

/** Returns the state of a certificate now, by its state at an earlier time. Times are in ms since 1970, NaN if there is none. */
export function atNow(
  before: LineageStatus['state'],
  { notAfterMs, renewMs }: { readonly notAfterMs: number; readonly renewMs: number },
  now: Date,
): LineageStatus['state'] {
  if (lasting.has(before)) return before;
  if (notAfterMs <= now.getTime()) return 'expired';
  if (before !== 'valid' && before !== 'due') return before;
  return renewMs <= now.getTime() ? 'due' : 'valid';
}
