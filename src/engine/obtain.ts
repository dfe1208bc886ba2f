import { longestSkewMs } from '../core/clock-skew.ts';
import { fail } from '../core/errors.ts';
import { identifierSet } from '../core/identifier.ts';
import type { Version } from '../core/lineage.ts';
import { didYouMean } from '../core/nearest.ts';
import { orAborted } from '../core/on-abort.ts';
import { renewalByLifetime } from '../core/renewal.ts';
import type { StoredSpec } from '../core/spec.ts';
import type { VersionBundle } from '../ports/deployer.ts';
import type { Directory } from '../ports/issuer.ts';
import { type EngineContext, report } from './engine.ts';
import type { Holding } from './leases/lease.ts';
import { preflightBeforeOrder, saying } from './looks/preflight.ts';
import { weigh } from './looks/weigh.ts';
import { announce, lineageName, type Opened, patiently, type Run } from './run.ts';
import { isForgotten, openAccount, reopenAccount } from './steps/account.ts';
import { validate } from './steps/challenges.ts';
import { cleanJournalled } from './steps/clean-up.ts';
import { keepTombstones } from './steps/close.ts';
import { intendDeployments } from './steps/deploy.ts';
import { finalize, obtainOrder, updateWork } from './steps/order.ts';
import { bundleOf, obtainKey, readVersion, storeVersion } from './steps/versions.ts';
import { together } from './wait.ts';

/** Steps 2 and 4 to 11: from nothing, or from wherever an earlier run came, to the current version. */
export async function obtain(
  context: EngineContext,
  wanted: StoredSpec,
  holding: Holding,
  { isRenewal, insists, mayOpenAccount }: { readonly isRenewal: boolean } & Pick<Run, 'insists' | 'mayOpenAccount'>,
  signal: AbortSignal,
): Promise<VersionBundle | undefined> {
  const name = wanted.spec.name;
  const issuer = context.connect.issuer(wanted.spec.issuer, wanted.issuer);
  const { version } = holding.work;
  const stored = await readVersion(context, name, version, signal);
  if (stored) {
    await makeCurrent(context, wanted, holding, { id: version, ...stored }, signal);
    return undefined;
  }

  const [solver, directory] = (await together<unknown>([
    context.connect.solver(wanted),
    patiently({ context, signal }, () => issuer.directory(signal)),
  ])) as [Awaited<ReturnType<typeof context.connect.solver>>, Awaited<ReturnType<typeof issuer.directory>>];
  // A CA that cannot be reached at all, or whose clock is another one, leaves no key behind.
  checkClock(wanted, directory.clockSkewMs);
  if (holding.work.order?.url === undefined) checkProfile(wanted, directory.profiles);
  const [keyPem, account] = (await together<unknown>([
    obtainKey(context, name, version, signal),
    openAccount(context, issuer, wanted.issuer, signal),
  ])) as [Awaited<ReturnType<typeof obtainKey>>, Opened['account']];
  const run: Run = { context, holding, wanted, issuer, solver, signal, insists, mayOpenAccount };
  const opened: Opened = { account, overruled: false };
  const chainPem = await oneOrderAtATime(run, () => order(run, opened, keyPem, directory.caaIdentities));

  const chain = await checkChain(run, chainPem, keyPem);
  const { facts } = chain;
  const document = {
    chainPem,
    facts,
    directory: issuer.directoryUrl,
    accountUrl: opened.account.accountUrl,
    issuedAt: context.clock.now().toISOString(),
    ...(wanted.spec.profile === undefined ? {} : { profile: wanted.spec.profile }),
  };
  await holding.check(signal);
  await storeVersion(context, name, version, document, signal);
  report(
    context,
    'info',
    'certificate.issued',
    name,
    `${isRenewal ? 'renewed' : 'issued'}, valid until ${facts.notAfter}`,
    {
      serial: facts.serial,
      notAfter: facts.notAfter,
      version,
    },
  );
  await makeCurrent(context, wanted, holding, { id: version, ...document }, signal);
  return bundleOf(name, version, keyPem, chain);
}

async function order(
  run: Run,
  opened: Opened,
  keyPem: Awaited<ReturnType<typeof obtainKey>>,
  caaIdentities: readonly string[],
): Promise<string> {
  const { context, holding, wanted, issuer, signal } = run;
  let looked = false;
  /** Before a new order, and not before one that is there already. */
  const look = async () => {
    if (!looked) await preflight(run, opened, caaIdentities);
    looked = true;
  };
  const once = async () => {
    const placed = await obtainOrder(run, opened, look);
    await validate(run, opened, placed);
    return finalize(run, opened, placed, keyPem);
  };
  try {
    return await once();
  } catch (error) {
    if (!isForgotten(error)) throw error;
    // The account vanished between newOrder and here (a test CA was restarted): one new beginning with the same keys.
    opened.account = await reopenAccount(context, issuer, wanted.issuer, opened.account, signal);
    const left = await cleanJournalled(context, wanted, holding);
    await holding.update(
      (lineage) => ({
        ...lineage,
        tombstones: keepTombstones(context, lineage, left),
        work: { ...holding.work, challenges: [], order: {} },
      }),
      signal,
    );
    return once();
  }
}

// Whose turn it is for one certificate of one CA, in this process.
const queues = new WeakMap<EngineContext, Map<string, Promise<unknown>>>();

/**
 * A CA answers a second newOrder for the same names and profile with the order that is open (Boulder does), and two
 * lineages would finalize it with two keys. So there is one at a time (house.md §5). Another process is not seen here:
 * two lineages of the same names in two processes at the same moment can still meet, and one of them tries again.
 */
async function oneOrderAtATime<T>(run: Run, work: () => Promise<T>): Promise<T> {
  const { spec } = run.wanted;
  const key = `${run.issuer.directoryUrl} ${spec.profile ?? ''} ${identifierSet(spec.identifiers)}`;
  const turns = queues.get(run.context) ?? new Map<string, Promise<unknown>>();
  queues.set(run.context, turns);
  const turn = turns.get(key) ?? Promise.resolve();
  const mine = orAborted(turn, run.signal).then(work);
  // Whoever is behind one that gave up still waits for the one before it.
  const settled = Promise.allSettled([turn, mine]);
  turns.set(key, settled);
  try {
    return await mine;
  } finally {
    if (turns.get(key) === settled) turns.delete(key);
  }
}

/** The chain, read and compared with what was asked for. A wrong one ends its order: asking again brings the same. */
async function checkChain(run: Run, chainPem: string, keyPem: Awaited<ReturnType<typeof obtainKey>>) {
  const { context, issuer, wanted } = run;
  const refuse = async (reason: string, options?: ErrorOptions) => {
    await updateWork(run, ({ order: _refused, ...rest }) => rest);
    return fail('acme/wrong-certificate', { issuer: issuer.name, reason }, options);
  };
  let chain: ReturnType<typeof context.pki.readChain>;
  try {
    chain = context.pki.readChain(chainPem);
  } catch (cause) {
    throw await refuse('it cannot be read', { cause });
  }
  const leaf = chain.certificates[0] ?? '';
  const mismatch = context.pki.mismatch(leaf, keyPem, wanted.spec.identifiers, context.clock.now());
  if (mismatch !== undefined) throw await refuse(mismatch);
  return chain;
}

/** A profile that the CA does not list must not be asked for (draft-ietf-acme-profiles); one that lists none may have it. */
export function checkProfile({ spec }: StoredSpec, listed: Directory['profiles']): void {
  const profiles = Object.keys(listed);
  const { issuer, profile } = spec;
  if (profile === undefined || profiles.length === 0 || profiles.includes(profile)) return;
  const nearest = didYouMean(profile, profiles);
  throw fail('config/unknown-profile', { issuer, profile, nearest, profiles: profiles.join(', ') });
}

export function checkClock(wanted: StoredSpec, skewMs: number | undefined): void {
  if (skewMs === undefined || Math.abs(skewMs) <= longestSkewMs) return;
  throw fail('acme/clock-skew', { url: wanted.issuer.directory, minutes: Math.round(Math.abs(skewMs) / 60_000) });
}

/** Step 2, under the lease: a probe file is an effect, and effects are journalled first. */
async function preflight(run: Run, opened: Opened, caaIdentities: readonly string[]): Promise<void> {
  const { context, solver, wanted, signal } = run;
  announce(run, 'lease', 'looking at what the CA will look at');
  const probe = await solver.probe?.(wanted.spec.name, signal);
  const findings = await preflightBeforeOrder(
    context,
    {
      identifiers: wanted.spec.identifiers,
      solver,
      settings: wanted.preflight,
      caaIdentities,
      accountUrl: opened.account.accountUrl,
    },
    probe,
    signal,
  );
  await solver.unprobe?.(wanted.spec.name, signal);
  for (const finding of findings.filter((f) => f.verdict !== 'pass'))
    report(context, 'warn', 'preflight.finding', lineageName(run), saying(finding), {
      verdict: finding.verdict,
      identifier: finding.identifier,
    });
  await weigh(run, opened, findings);
}

/** Step 11: from here on this is the certificate of the lineage; every target's intent stands in the same write. */
async function makeCurrent(
  context: EngineContext,
  wanted: StoredSpec,
  holding: Holding,
  version: Version & { readonly chainPem?: string },
  signal: AbortSignal,
): Promise<void> {
  const now = context.clock.now().toISOString();
  const { chainPem: _stored, ...current } = version;
  await holding.update((lineage) => {
    const { order: _done, ...work } = holding.work;
    const isNew = lineage.current?.id !== version.id;
    return {
      ...lineage,
      ...(lineage.current && isNew ? { previous: lineage.current } : {}),
      ...(lineage.previous && isNew ? { retired: [...(lineage.retired ?? []), lineage.previous.id] } : {}),
      current,
      renewal: renewalByLifetime(version.facts),
      deployments: intendDeployments(lineage, wanted, version.id, now),
      work: { ...work, step: 'deploy' },
    };
  }, signal);
  announce({ context, wanted }, 'deploy', 'it is the current certificate');
}
