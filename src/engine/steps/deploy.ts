import type { EndpointVerdict } from '../../core/endpoint.ts';
import { type ErrorCode, errorTable } from '../../core/error-table.ts';
import { CertfleetError, fail, isFailure, reasonOf } from '../../core/errors.ts';
import type { Deployment, Lineage, Version } from '../../core/lineage.ts';
import { breakAgainMs, settingsOf, targetsToDeploy, targetsToTry } from '../../core/plan.ts';
import type { StoredSpec } from '../../core/spec.ts';
import type { Deployer, VersionBundle } from '../../ports/deployer.ts';
import { type EngineContext, report } from '../engine.ts';
import type { Holding } from '../leases/lease.ts';
import { lookAtEndpoint } from '../looks/endpoint.ts';
import { together, waitFor } from '../wait.ts';
import { readBundle } from './versions.ts';

/** How long an endpoint is watched within a run: a reload takes milliseconds; what takes longer is pending. */
const watchBudgetMs = 5_000;

export interface DeployRun {
  readonly context: EngineContext;
  readonly holding: Holding;
  readonly wanted: StoredSpec;
  /** A target that broke and was taken back waits for its time. */
  readonly obeyBackoff: boolean;
  /** Also what is known to have it already gets it again. */
  readonly redeploy?: boolean;
  readonly signal: AbortSignal;
}

export interface Deployed {
  /** What is still pending. */
  readonly errors: readonly CertfleetError[];
  readonly deployments: Readonly<Record<string, Deployment>>;
}

/** The deployments to write before any target is touched (step 11): every target that is not known to have it. */
export function intendDeployments(
  lineage: Lineage,
  wanted: StoredSpec,
  version: string,
  now: string,
): Readonly<Record<string, Deployment>> {
  return Object.fromEntries(
    wanted.spec.deploy.concat(wanted.spec.endpoints).map((target) => {
      const before = lineage.deployments[target];
      if (before?.version === version && before.state !== 'intended') return [target, before];
      return [target, { version, state: 'intended', since: now } satisfies Deployment];
    }),
  );
}

/**
 * Step 12: carries the current version to each target that is to be tried now, looks at what the endpoints serve, and
 * goes back only where one is worse than before. Targets that have it, or wait, are not touched. What it answers is
 * written with the close of the work: a crash before it finds every target again by its `look`.
 */
export async function deploy(run: DeployRun, fresh?: VersionBundle): Promise<Deployed> {
  const { context, holding, wanted, signal } = run;
  const version = holding.lineage.current;
  if (!version || (wanted.spec.deploy.length === 0 && wanted.spec.endpoints.length === 0))
    return { errors: [], deployments: holding.lineage.deployments };
  const bundle = fresh ?? (await readBundle(context, wanted.spec.name, version, signal));
  const previous = holding.lineage.previous;
  const toTry = run.redeploy
    ? [...wanted.spec.deploy, ...wanted.spec.endpoints]
    : targetsToTry(wanted, holding.lineage, context.clock.now(), run.obeyBackoff);
  const waiting = targetsToDeploy(wanted, holding.lineage).filter((target) => !toTry.includes(target));
  const targets = wanted.spec.deploy.filter((target) => toTry.includes(target));
  const before = await lookAtAll(run, version, previous);

  const results = new Map<string, CertfleetError | undefined>();
  await together(
    targets.map(async (target) => {
      results.set(target, await deployTo(run, target, bundle));
    }),
  );
  const deployed = [...results.values()].every((error) => error === undefined);
  const seen = await watch(run, version, previous, deployed ? waiting : undefined);
  // Of a run that was killed or stopped nobody knows what it had seen before, nor whether it is what broke it. If not,
  // going back is in vain; the version is then delivered by the try a day later, which sees for itself.
  const wasInterrupted = (endpoint: string): boolean => {
    const intended = holding.lineage.deployments[endpoint];
    return !fresh && intended?.state === 'intended' && intended.version === version.id;
  };
  const wasBroken = (endpoint: string): boolean =>
    !wasInterrupted(endpoint) && before.some((b) => b.endpoint === endpoint && b.state === 'handshake-failed');
  const broken = seen.filter((verdict) => verdict.state === 'handshake-failed' && !wasBroken(verdict.endpoint));
  for (const verdict of seen) {
    if (waiting.includes(verdict.endpoint)) continue;
    const stays = wasBroken(verdict.endpoint)
      ? 'It did not before this deployment either'
      : previous
        ? undefined
        : 'There is no version before this one to put back';
    results.set(verdict.endpoint, judgeEndpoint(wanted.spec.name, verdict, stays));
  }
  const wentBack = broken.length > 0 && previous !== undefined;
  if (wentBack) await goBack(run, targets, previous, results, broken);

  const now = context.clock.now();
  const errors = waiting.map((target) => stillWaits(holding.lineage.deployments[target]));
  const deployments: Record<string, Deployment> = { ...holding.lineage.deployments };
  for (const [target, error] of results) {
    const old = holding.lineage.deployments[target];
    if (error) errors.push(error);
    const settings = settingsOf(wanted, target);
    const deployment: Deployment = error
      ? pending(run, target, error, version.id, old, now, wentBack)
      : {
          version: version.id,
          state: 'current',
          since: old?.state === 'current' && old.version === version.id ? old.since : now.toISOString(),
        };
    deployments[target] = { ...deployment, ...(settings === undefined ? {} : { settings }) };
  }
  if (errors.length === 0) {
    report(context, 'info', 'certificate.deployed', wanted.spec.name, `deployed to ${[...results.keys()].join(', ')}`, {
      targets: [...results.keys()],
    });
    await retire(run, previous);
  }
  return { errors, deployments };
}

/** What made a target wait, told again by a pass that leaves it alone. */
function stillWaits(waiting: Deployment | undefined): CertfleetError {
  const { code = '', message = 'a target has the version before again' } = waiting ?? {};
  const known = code in errorTable ? (code as ErrorCode) : 'deploy/handshake-failed';
  return new CertfleetError(known, message, `\`certfleet renew\` tries it again from ${waiting?.retryAt}.`, {});
}

/** A target that waits; it becomes an alarm once, when it has waited longer than `deployTimeout`. */
function pending(
  run: DeployRun,
  target: string,
  error: CertfleetError,
  version: string,
  old: Deployment | undefined,
  now: Date,
  wentBack: boolean,
): Deployment {
  const since = old && old.version === version ? old.since : now.toISOString();
  const late = wentBack || now.getTime() - Date.parse(since) >= run.context.limits.deployTimeoutMs;
  const name = run.wanted.spec.name;
  report(run.context, 'warn', 'certificate.pending', name, error.message, { target, code: error.code });
  if (late && !old?.alarmed)
    report(
      run.context,
      'alarm',
      'deploy.alarm',
      name,
      `${target} has not taken the new certificate since ${since}: ${error.message}`,
      {
        target,
        since,
        code: error.code,
      },
    );
  return {
    version,
    state: 'pending',
    since,
    message: error.message,
    code: error.code,
    ...(wentBack ? { retryAt: new Date(now.getTime() + breakAgainMs).toISOString() } : {}),
    ...(late || old?.alarmed ? { alarmed: true } : {}),
  };
}

// The turns of the targets of this process that take one deployment at a time.
const queues = new WeakMap<Deployer, Promise<unknown>>();

async function inTurn<T>(deployer: Deployer, work: () => Promise<T>): Promise<T> {
  if (deployer.concurrent) return work();
  const result = (queues.get(deployer) ?? Promise.resolve()).then(work);
  queues.set(
    deployer,
    result.catch(() => undefined),
  );
  return result;
}

async function deployTo(run: DeployRun, target: string, bundle: VersionBundle): Promise<CertfleetError | undefined> {
  const { context, holding, wanted, signal } = run;
  try {
    const deployer = await context.connect.deployer(wanted, target);
    await inTurn(deployer, async () => {
      const look = await deployer.look(bundle, signal);
      if (look.state === 'current' && !run.redeploy) return;
      // A deployer's checkpoints add nothing here: every target is found again by `look`, and each call is repeatable.
      const note = async () => undefined;
      const staged = await holding.effect(signal, () => deployer.stage(bundle, note, signal));
      await holding.effect(signal, () => deployer.activate(bundle, staged, note, signal));
    });
    return undefined;
  } catch (error) {
    signal.throwIfAborted();
    if (isFailure(error, 'store/lease-lost')) throw error;
    if (isFailure(error, 'deploy/')) return error;
    return fail(
      'deploy/target-failed',
      { target, certificate: wanted.spec.name, reason: reasonOf(error) },
      { cause: error },
    );
  }
}

/** What every endpoint serves now. */
async function lookAtAll(
  run: DeployRun,
  version: Version,
  previous: Version | undefined,
): Promise<readonly EndpointVerdict[]> {
  const { context, wanted, signal } = run;
  const looks = context.connect.looks(wanted.preflight);
  const serverName = wanted.spec.identifiers.find((i) => i.type === 'dns')?.value.replace(/^\*\./, 'any.');
  return Promise.all(
    wanted.spec.endpoints.map((endpoint) =>
      lookAtEndpoint(
        {
          endpoint,
          expectFingerprint: version.facts.fingerprint,
          ...(previous ? { previousFingerprint: previous.facts.fingerprint } : {}),
          ...(serverName === undefined ? {} : { serverName }),
          vantage: context.vantage,
          pki: context.pki,
          resolve: async (host, s) => {
            if (!looks.asTheCa) return context.lookup(host, s);
            const found = await looks.addresses(host, s);
            return found.verdict === 'found' ? [...found.ipv4, ...found.ipv6] : context.lookup(host, s);
          },
        },
        signal,
      ),
    ),
  );
}

/**
 * Looks until every endpoint serves the version, or the time of a reload has passed.
 *
 * @param waiting endpoints that are not expected to; undefined: none is worth waiting for
 */
async function watch(
  run: DeployRun,
  version: Version,
  previous: Version | undefined,
  waiting: readonly string[] | undefined,
): Promise<readonly EndpointVerdict[]> {
  let seen: readonly EndpointVerdict[] = [];
  await waitFor<true>(
    run.context.clock,
    {
      budgetMs: waiting ? Math.min(watchBudgetMs, run.context.limits.deployTimeoutMs) : 0,
      firstMs: 20,
      mostMs: 500,
      signal: run.signal,
    },
    async () => {
      seen = await lookAtAll(run, version, previous);
      const expected = seen.filter(({ endpoint }) => !waiting?.includes(endpoint));
      const late = expected.find((verdict) => judgeEndpoint(run.wanted.spec.name, verdict));
      return late ? { reason: late.words } : { done: true };
    },
  );
  return seen;
}

/** @param stays why nothing is put back where the handshake is broken; undefined: the version before is */
function judgeEndpoint(certificate: string, verdict: EndpointVerdict, stays?: string): CertfleetError | undefined {
  const { endpoint, state, words } = verdict;
  if (state === 'current' || state === 'cannot-tell') return undefined;
  if (state === 'handshake-failed') {
    if (stays !== undefined) return fail('deploy/no-handshake', { endpoint, reason: words, why: stays });
    return fail('deploy/handshake-failed', { endpoint, reason: words });
  }
  if (state === 'unreachable') return fail('deploy/no-answer', { endpoint, reason: words });
  return fail('deploy/still-old', { endpoint, certificate, served: words });
}

/** A handshake that worked before this deployment fails after it: what it has touched gets the version before back. */
async function goBack(
  run: DeployRun,
  targets: readonly string[],
  previous: Version,
  results: Map<string, CertfleetError | undefined>,
  broken: readonly EndpointVerdict[],
): Promise<void> {
  const { context, wanted, signal } = run;
  const bundle = await readBundle(context, wanted.spec.name, previous, signal);
  const reason = broken.map((verdict) => `${verdict.endpoint} (${verdict.words})`).join(', ');
  await together(
    targets.map(async (target) => {
      const failed = await deployTo(run, target, bundle);
      results.set(
        target,
        failed ??
          fail('deploy/handshake-failed', { endpoint: reason, reason: `${target} has the version before again` }),
      );
    }),
  );
}

async function retire(run: DeployRun, previous: Version | undefined): Promise<void> {
  if (!previous) return;
  for (const target of run.wanted.spec.deploy) {
    try {
      const deployer = await run.context.connect.deployer(run.wanted, target);
      await deployer.retire?.({ lineage: run.wanted.spec.name, id: previous.id }, run.signal);
    } catch (error) {
      run.signal.throwIfAborted();
      // Tidying up after a success: the next renewal tries again.
      report(
        run.context,
        'warn',
        'log',
        run.wanted.spec.name,
        `${target}: older versions could not be removed: ${reasonOf(error)}`,
      );
    }
  }
}
