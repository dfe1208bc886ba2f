import { type CertfleetError, fail, isFailure } from '../../../core/errors/errors.ts';
import { dataOf } from '../../../core/errors/stored-error.ts';
import {
  type DeliveryResult,
  deploymentAfter,
  hasCurrent,
  hasOtherSettings,
  isWorthReload,
  settingsOf,
  storedFailure,
  targetsToDeploy,
  targetsToTry,
  whyPending,
} from '../../../core/lineage/deployments.ts';
import type { Deployment, Version } from '../../../core/lineage/lineage.ts';
import { withCount } from '../../../core/lineage/places.ts';
import { whyUnusable } from '../../../core/lineage/revocation.ts';
import { type EndpointVerdict, judgeServed, servesValid } from '../../../core/names/endpoint.ts';
import { deployHookTarget } from '../../../core/spec/hooks.ts';
import { targetNames, targetOf, targetsAndEndpoints } from '../../../core/spec/spec-parts.ts';
import { nodeTargets } from '../../../core/spec/traits.ts';
import { present } from '../../../core/text/present.ts';
import type { Deployer, VersionBundle } from '../../../ports/deployer.ts';
import { turnOf } from '../../delivery/calls-to-target.ts';
import { carry, targetError } from '../../delivery/deliver-to-target.ts';
import { hasVersion, isCommand } from '../../delivery/node-targets.ts';
import { driftedTargets } from '../../delivery/places-of-idle.ts';
import { retire } from '../../delivery/retire.ts';
import { report } from '../../engine.ts';
import { driftError, endpointError, lookAtAll, type Watched, watch } from '../../looks/endpoints.ts';
import { readBundle } from '../../run/bundles.ts';
import type { Job } from '../../run/job.ts';
import { nameOf, type Run } from '../../run/run.ts';
import { together } from '../../run/wait.ts';

export interface Deployed {
  /** Why targets and endpoints are pending: one error for each. */
  readonly errors: readonly CertfleetError[];
  /** Why targets and endpoints do not have it yet although nothing has failed. */
  readonly settling: readonly CertfleetError[];
  readonly deployments: Readonly<Record<string, Deployment>>;
}

/** What one run delivers. */
interface Delivery {
  readonly run: Run;
  readonly version: Version;
  readonly bundle: VersionBundle;
  /** Deliver even to targets that already have the version. */
  readonly again: boolean;
  /** Do not wait for other certificates, to share a reload with them. */
  readonly alone: boolean;
  readonly results: Map<string, DeliveryResult>;
}

/**
 * Step 12: delivers the current version to the targets that are due, checks what the endpoints serve, and restores the
 * previous version if an endpoint got worse. The result is stored when the work is closed; after a crash before that,
 * the next run finds out by `look` which version each target has.
 *
 * @param fresh the version, if this run has just issued it
 */
export async function deploy(run: Run, fresh: VersionBundle | undefined): Promise<Deployed | undefined> {
  const { engine, job, holding, signal } = run;
  const { wanted } = job;
  const { lineage } = holding;
  const { current: version, previous } = lineage;
  const rules = { ...job, node: engine.node };
  const lacking = job.redeploy ? targetsAndEndpoints(wanted) : targetsToDeploy(wanted, lineage, rules);
  if (!version || lacking.length === 0) return undefined;
  const bundle = fresh ?? (await readBundle(engine, { lineage: lineage.name, id: version.id }, signal));
  const now = engine.clock.now();
  const isLeft = leftTo(job, lacking);
  const due = job.redeploy ? lacking : targetsToTry(wanted, lineage, now, rules);
  const toTry = due.filter((target) => !isLeft(target));
  const watched = { wanted, current: version.facts.fingerprint, previous: previous?.facts.fingerprint };
  const before = await lookAtAll(engine, watched, signal);

  const hasDrifted = ({ endpoint, state }: EndpointVerdict) =>
    toTry.includes(endpoint) && isDrifted(run, endpoint) && state !== 'current' && state !== 'cannot-tell';
  const lost = before.some(hasDrifted) ? await targetsThatLost(run, version) : [];
  // If every target has the version, but an endpoint does not serve it, activate the targets again, unless the version is
  // to be taken back.
  const isStuck = ({ endpoint, state }: EndpointVerdict) =>
    toTry.includes(endpoint) &&
    targetNames(wanted).every((target) => hasCurrent(lineage, target)) &&
    lineage.deployments[endpoint]?.state === 'pending' &&
    lineage.deployments[endpoint].version === version.id &&
    lineage.deployments[endpoint].code !== 'deploy/settling' &&
    !(lineage.deployments[endpoint].broke && state === 'handshake-failed') &&
    state !== 'current' &&
    state !== 'cannot-tell';
  const isToReload = (verdict: EndpointVerdict) =>
    isDrifted(run, verdict.endpoint)
      ? lost.length === 0 && mayReload(lineage.deployments[verdict.endpoint]!, verdict)
      : true;
  const again = job.redeploy || before.some((verdict) => isStuck(verdict) && isToReload(verdict));
  const all = await withCommands(
    run,
    targetNames(wanted).filter((target) => again || toTry.includes(target) || lost.includes(target)),
  );
  const chosen = all.filter((target) => !isLeft(target));
  const targets = await withLost(run, bundle, version, chosen);
  const paused = lacking.filter((target) => !toTry.includes(target) && !targets.includes(target));
  const delivery: Delivery = { run, version, bundle, again, alone: false, results: new Map() };
  const turns = targets.map((target) => turnOf(engine, wanted, target));
  engine.pass.reloads.expect(wanted.name, turns);
  await deliver(delivery, targets);
  const wayBack = wanted.endpoints.length > 0 ? await wayBackOf(run) : undefined;
  const rollOut = rollOutOf(delivery);
  const isFresh = fresh !== undefined;
  const broken = await watchEndpoints(delivery, { watched, before, paused, isFresh, wayBack, rollOut });
  if (broken.length === 0 || typeof wayBack !== 'object') return await conclude(delivery, paused, undefined);
  const toTakeBack = targetsToTakeBack(delivery, { tried: targets, broken, isLeft });
  return await conclude(delivery, paused, await goBack(delivery, wayBack, toTakeBack, broken));
}

/** Reports whether an endpoint has served the current version, and was seen without it. */
function isDrifted({ holding: { lineage } }: Run, endpoint: string): boolean {
  const { drifted, version } = lineage.deployments[endpoint] ?? {};
  return drifted === true && version === lineage.current?.id;
}

/**
 * Returns the targets that should have the version, and of which a look shows that they do not: those alone are
 * delivered to. What a command has done cannot be looked at.
 */
function targetsThatLost({ engine, job, holding: { lineage }, signal }: Run, { id }: Version) {
  const isOfThis = (name: string) => hasCurrent(lineage, name) && lineage.deployments[name]?.version === id;
  const targets = job.wanted.targets.filter((target) => isOfThis(target.name) && !isCommand(target));
  return driftedTargets(engine, { wanted: job.wanted, lineage, targets: targets.map(({ name }) => name) }, signal);
}

/** Reports whether activating the targets again may help, and does not overwrite what somebody may want there. */
function mayReload(deployment: Deployment, verdict: EndpointVerdict): boolean {
  const { state } = judgeServed(verdict);
  return (state === 'old' || state === 'other') && !servesValid(verdict) && isWorthReload(deployment);
}

/**
 * Returns a function that reports whether a target is left to another process. As long as one of these targets lacks the
 * version, the endpoints are left to that process, too.
 */
function leftTo({ only, wanted }: Job, lacking: readonly string[]): (target: string) => boolean {
  const isOthers = only && targetNames(wanted).some((target) => lacking.includes(target) && !only.includes(target));
  return (target) => isOthers === true && !only.includes(target);
}

/**
 * Returns the targets to try, and the commands listed after them, which must run if one of these targets gets the
 * version.
 */
async function withCommands({ engine, job, holding }: Run, targets: readonly string[]): Promise<readonly string[]> {
  const { wanted } = job;
  const deploy = targetNames(wanted);
  const isIncluded = async (target: string, index: number): Promise<boolean> => {
    if (targets.includes(target)) return true;
    const { retryAt } = holding.lineage.deployments[target] ?? {};
    if (retryAt !== undefined || !deploy.slice(0, index).some((other) => targets.includes(other))) return false;
    const deployer = await engine.connect.deployer(wanted, target).catch(() => undefined);
    return deployer?.runsAfter ?? false;
  };
  const included = await Promise.all(deploy.map(isIncluded));
  return deploy.filter((_target, index) => included[index]);
}

/**
 * Adds the targets of this node that have lost the version since it was delivered, if a command among these acts on
 * them. Otherwise, the command would run now, and again after this run has found that out.
 */
async function withLost(
  { engine, job: { wanted }, holding: { lineage }, signal }: Run,
  bundle: VersionBundle,
  version: Version,
  targets: readonly string[],
): Promise<readonly string[]> {
  const all = nodeTargets(wanted);
  const last = all.findLastIndex((target) => isCommand(target) && targets.includes(target.name));
  const before = all.slice(0, Math.max(last, 0)).filter((target) => !isCommand(target));
  const lost = await together(
    before.map(async ({ name }) => {
      const { node } = lineage.deployments[name] ?? {};
      if (targets.includes(name) || node !== engine.node || !hasCurrent(lineage, name)) return [];
      const of = { lineage: lineage.name, version };
      const has = async () => hasVersion(await engine.connect.deployer(wanted, name), of, async () => bundle, signal);
      // The look at this node's own targets, after this, says why one cannot be looked at.
      const isThere = await has().catch(() => true);
      signal.throwIfAborted();
      return isThere ? [] : [name];
    }),
  );
  const wanting = new Set([...targets, ...lost.flat()]);
  return targetNames(wanted).filter((target) => wanting.has(target));
}

/**
 * Delivers at the same time to all targets that are not commands. A command runs after the targets listed before it
 * were tried, if one of them got this version since the command last succeeded. It is pending until all have it.
 */
async function deliver(delivery: Delivery, targets: readonly string[]): Promise<void> {
  const { run, results } = delivery;
  const { engine, job } = run;
  const connected = new Map<string, Deployer>();
  const done = (target: string) =>
    engine.pass.reloads.expectNoMore(job.wanted.name, turnOf(engine, job.wanted, target));
  await together(
    targets.map(async (target) => {
      try {
        connected.set(target, await engine.connect.deployer(job.wanted, target));
      } catch (error) {
        results.set(target, { error: targetError(run, target, error) });
        done(target);
      }
    }),
  );
  const all = [...connected];
  const carriers = all.filter(([, deployer]) => !deployer.runsAfter);
  await together(
    carriers.map(async ([target, deployer]) => {
      await deliverTo(delivery, target, deployer);
      done(target);
    }),
  );
  for (const [target, deployer] of all) {
    if (!deployer.runsAfter) continue;
    await runAfter(delivery, target, deployer);
    done(target);
  }
}

async function deliverTo(delivery: Delivery, target: string, deployer: Deployer): Promise<void> {
  const { run, version, bundle, alone } = delivery;
  const before = run.holding.lineage.deployments[target];
  // The last delivery of this version did not succeed: stage and activate it again.
  const isPending = before?.state === 'pending' && before.version === version.id;
  const again = delivery.again || isPending || isOtherCommand(run, target, deployer);
  delivery.results.set(target, await carry(run, bundle, { target, deployer, again, alone, before }));
}

/**
 * Reports whether a command is new or was changed: `look` finds the version in its folder, but not that another command
 * ran.
 */
function isOtherCommand({ job, holding }: Run, target: string, { runsAfter }: Deployer): boolean {
  const before = holding.lineage.deployments[target];
  return runsAfter === true && (before === undefined || hasOtherSettings(job.wanted, target, before));
}

/** Runs a command, after the targets listed before it. */
async function runAfter(delivery: Delivery, target: string, deployer: Deployer): Promise<void> {
  const { run, version, results } = delivery;
  const deploy = targetNames(run.job.wanted);
  const { lineage } = run.holding;
  const listedBefore = deploy.slice(0, deploy.indexOf(target));
  if (listedBefore.length === 0) return deliverTo(delivery, target, deployer);
  const has = (other: string): boolean => {
    const result = results.get(other);
    return result ? !result.error && !result.waitsFor && !result.settling : hasCurrent(lineage, other);
  };
  const [having, waitsFor] = [listedBefore.filter(has), listedBefore.filter((other) => !has(other))];
  const before = lineage.deployments[target];
  const isOther = isOtherCommand(run, target, deployer);
  const hasNews = isOther || having.some((other) => results.has(other) || before?.took?.[other] !== version.id);
  let took = before?.took;
  if (hasNews || (delivery.again && having.length > 0)) {
    const { alone, bundle } = delivery;
    const { error } = await carry(run, bundle, { target, deployer, again: true, alone, before });
    if (error) {
      // Drop the stored versions, so that the command runs again in any case.
      results.set(target, { error });
      return;
    }
    took = { ...took, ...Object.fromEntries(having.map((other) => [other, version.id])) };
  }
  results.set(target, present({ took, waitsFor: waitsFor.length > 0 ? waitsFor : undefined }));
}

/** Until when the targets may be rolling the version out, if they may. RFC 3339. */
function rollOutOf({ run, version, results }: Delivery): string | undefined {
  const { engine, job, holding } = run;
  const ends = targetNames(job.wanted).flatMap((target) => {
    const stored = holding.lineage.deployments[target];
    const end = results.has(target)
      ? results.get(target)?.settlesUntil
      : stored?.version === version.id
        ? stored.settlesUntil
        : undefined;
    return end !== undefined && Date.parse(end) > engine.clock.now().getTime() ? [end] : [];
  });
  return ends.toSorted((a, b) => Date.parse(a) - Date.parse(b)).at(-1);
}

/** Watches the endpoints, and stores each result. Resolves with those for which the previous version is put back. */
async function watchEndpoints(
  { run, version, results }: Delivery,
  facts: {
    readonly watched: Watched;
    readonly before: readonly EndpointVerdict[];
    readonly paused: readonly string[];
    readonly isFresh: boolean;
    readonly wayBack: WayBack | string | undefined;
    readonly rollOut: string | undefined;
  },
): Promise<readonly EndpointVerdict[]> {
  const { engine, job, holding, signal } = run;
  const { deployments, rolledBack } = holding.lineage;
  const { endpoints } = job.wanted;
  const hasTried = results.size > 0;
  const isUnfinished = [...results.values()].some(
    ({ error, settling }) => error !== undefined || settling !== undefined,
  );
  const expected = isUnfinished ? [] : endpoints.filter((endpoint) => !facts.paused.includes(endpoint));
  const { seen, mixed } = await watch(engine, facts.watched, expected, signal);
  // No rollback while some servers still have the old version: it might put that back on a healthy target, and break
  // the roll-out that mends the endpoint.
  const isRollingOut = (endpoint: string): boolean => {
    if (facts.rollOut !== undefined) return true;
    const { version: known, since } = deployments[endpoint] ?? {};
    const began = known === version.id && since !== undefined ? Date.parse(since) : engine.clock.now().getTime();
    return mixed.has(endpoint) && engine.clock.now().getTime() < began + engine.limits.deployTimeoutMs;
  };
  const wasBroken = (endpoint: string): boolean =>
    facts.before.some((one) => one.endpoint === endpoint && one.state === 'handshake-failed');
  /** Reports whether this version broke the handshake. */
  const isOurs = (endpoint: string): boolean => {
    const { version: known, state } = deployments[endpoint] ?? {};
    // After an interrupted run, that is unknown; assume that it did. If not, going back does not help, which the next
    // try, a day later, will notice. A person who rolled back does not want the other version.
    const wasInterrupted = state === 'intended' && !facts.isFresh && !rolledBack;
    if ((known === version.id && wasInterrupted) || mayBreakLater(deployments[endpoint], version)) return true;
    return (hasTried || isRollingOut(endpoint)) && !wasBroken(endpoint);
  };
  /** Returns why the previous version is not put back after a failed handshake, as a sentence; undefined if it is. */
  const whyStays = (endpoint: string): string | undefined => {
    if (!isOurs(endpoint))
      return wasBroken(endpoint)
        ? 'It did not before this deployment either'
        : 'This run delivered nothing that could have broken it';
    if (isRollingOut(endpoint))
      return 'The new version is still being rolled out, so the previous one was not put back';
    return typeof facts.wayBack === 'string' ? facts.wayBack : undefined;
  };
  for (const verdict of seen) {
    // A paused endpoint that now serves the version has been repaired.
    if (facts.paused.includes(verdict.endpoint) && verdict.state !== 'current') continue;
    const isPutOff = verdict.state === 'handshake-failed' && isOurs(verdict.endpoint) && isRollingOut(verdict.endpoint);
    if (verdict.state === 'cannot-tell') {
      const message = `could not check ${verdict.endpoint} from this machine: ${verdict.words}`;
      report(engine, { level: 'warn', event: 'log', certificate: nameOf(run), message });
    }
    const judge = isDrifted(run, verdict.endpoint) ? driftError : endpointError;
    const error = judge(job.wanted, verdict, whyStays(verdict.endpoint));
    const isSettling = error?.code === 'deploy/still-old' && facts.rollOut !== undefined;
    results.set(
      verdict.endpoint,
      isSettling
        ? { settling: settlingAt(run, verdict, facts.rollOut) }
        : present({ error, broke: isPutOff ? (true as const) : undefined }),
    );
  }
  return seen.filter(({ endpoint, state }) => state === 'handshake-failed' && whyStays(endpoint) === undefined);
}

const settlingAt = (run: Run, { endpoint, words }: EndpointVerdict, until: string): CertfleetError =>
  fail('deploy/settling', { target: endpoint, certificate: nameOf(run), detail: `it serves ${words}`, until });

/**
 * Reports whether the targets of an earlier run may break an endpoint after it: this version broke it, and going back was
 * put off or failed, or it served the version before while this one was rolled out.
 */
const mayBreakLater = (endpoint: Deployment | undefined, { id }: Version): boolean =>
  endpoint?.version === id && (endpoint.broke === true || endpoint.code === 'deploy/settling');

/** The previous version, to be restored on the targets. */
interface WayBack {
  readonly version: Version;
  readonly bundle: VersionBundle;
}

/** Returns the version to go back to, or why there is none, as a sentence. */
async function wayBackOf({ engine, holding: { lineage }, signal }: Run): Promise<WayBack | string> {
  const { name, previous: version } = lineage;
  if (!version) return 'There is no previous version to put back';
  const why = whyUnusable(lineage, version, engine.clock.now());
  if (why !== undefined) return `There is no previous version to put back: the last one ${why}`;
  try {
    return { version, bundle: await readBundle(engine, { lineage: name, id: version.id }, signal) };
  } catch (error) {
    if (!isFailure(error, 'store/corrupt') && !isFailure(error, 'store/part-missing')) throw error;
    return `The previous version cannot be put back: ${error.message}`;
  }
}

/**
 * Returns the targets on which to restore the previous version: those that this run tried or, if those of an earlier run
 * may have broken the handshake, all that may have the version.
 */
function targetsToTakeBack(
  { run: { engine, job, holding }, version }: Delivery,
  {
    tried,
    broken,
    isLeft,
  }: {
    readonly tried: readonly string[];
    readonly broken: readonly EndpointVerdict[];
    readonly isLeft: (target: string) => boolean;
  },
): readonly string[] {
  const { deployments } = holding.lineage;
  if (!broken.some(({ endpoint }) => mayBreakLater(deployments[endpoint], version))) return tried;
  const mayHaveIt = (target: string): boolean => {
    const { version: known, node = engine.node, code } = deployments[target] ?? {};
    return known === version.id && node === engine.node && code !== 'deploy/handshake-failed' && !isLeft(target);
  };
  return targetNames(job.wanted).filter((target) => tried.includes(target) || mayHaveIt(target));
}

/**
 * Restores the previous version on targets, because this version broke a handshake. Reports whether that was done on any
 * of them. If it failed on one, the endpoints keep the right to it.
 */
async function goBack(
  delivery: Delivery,
  wayBack: WayBack,
  targets: readonly string[],
  broken: readonly EndpointVerdict[],
): Promise<'done' | 'failed'> {
  const back: Delivery = { ...delivery, ...wayBack, again: true, alone: true, results: new Map() };
  await deliver(back, targets);
  const endpoint = broken.map((verdict) => `${verdict.endpoint} (${verdict.words})`).join(', ');
  for (const target of targets) {
    const reason = `${target} went back to the previous version`;
    const error = back.results.get(target)?.error ?? fail('deploy/handshake-failed', { endpoint, reason });
    delivery.results.set(target, { ...back.results.get(target), error });
  }
  const stay = targets.filter((target) => back.results.get(target)?.error);
  const wentBack = stay.length < targets.length ? 'done' : 'failed';
  if (wentBack === 'done' && stay.length === 0) return wentBack;
  const why = `The previous version could not be put back${stay.length > 0 ? ` on ${stay.join(', ')}` : ''}`;
  for (const { endpoint: one, words: reason } of broken)
    delivery.results.set(one, { error: fail('deploy/no-handshake', { endpoint: one, reason, why }), broke: true });
  return wentBack;
}

/** Returns the deployments to store, and the errors of the pending targets. */
async function conclude(
  delivery: Delivery,
  paused: readonly string[],
  wentBack: 'done' | 'failed' | undefined,
): Promise<Deployed> {
  const { run, results } = delivery;
  const { engine, holding } = run;
  const waiting = paused.filter((target) => !results.has(target));
  const errors = waiting.flatMap((target) => stillWaits(run, target) ?? []);
  const settling: CertfleetError[] = [];
  const deployments: Record<string, Deployment> = { ...holding.lineage.deployments };
  const ofNode = new Set(targetNames({ targets: nodeTargets(run.job.wanted) }));
  for (const [target, result] of results) {
    const old = holding.lineage.deployments[target];
    const deployment = deploymentAfter(result, {
      old,
      version: delivery.version.id,
      settings: settingsOf(run.job.wanted, target),
      node: ofNode.has(target) ? engine.node : undefined,
      now: engine.clock.now(),
      deployTimeoutMs: engine.limits.deployTimeoutMs,
      wentBack,
    });
    const { settings: _ofRun, ...withoutSettings } = deployment;
    // The declared hook has not changed just because this run had another one: the next run must not run it for that
    // reason.
    const isOfRun = run.job.replacesDeclaredHooks && target === deployHookTarget;
    deployments[target] = isOfRun ? withoutSettings : deployment;
    const { error = result.settling } = result;
    if (!error) continue;
    (result.error ? errors : settling).push(error);
    const isAlarm = result.error !== undefined && deployment.alarmed === true && !old?.alarmed;
    reportPending(run, error, { target, deployment, isAlarm });
  }
  if (errors.length === 0 && settling.length === 0) {
    const targets = [...results.keys()];
    const { wanted } = run.job;
    const places = Object.fromEntries(
      [...results].flatMap(([target, { places: kept }]) => (kept ? [[target, kept.total]] : [])),
    );
    const inWords = (target: string) => withCount(target, places[target]);
    const parts = [
      ['deployed to', targets.filter((target) => targetOf(wanted, target)).map(inWords)],
      ['served at', targets.filter((target) => wanted.endpoints.includes(target))],
    ] as const;
    const message = parts
      .flatMap(([words, names]) => (names.length > 0 ? `${words} ${names.join(', ')}` : []))
      .join('; ');
    report(engine, {
      level: 'info',
      event: 'certificate.deployed',
      certificate: nameOf(run),
      message,
      data: { targets, ...present({ places: Object.keys(places).length > 0 ? places : undefined }) },
    });
    return { errors, settling, deployments: await retire(run, wanted, deployments) };
  }
  const tried = Object.fromEntries([...results.keys()].map((target) => [target, deployments[target]!]));
  engine.pass.runs.delivered(nameOf(run), tried);
  return { errors, settling, deployments };
}

/** Returns why a target that was not tried is pending, as stored by an earlier run. */
function stillWaits({ job, holding }: Run, target: string): CertfleetError | undefined {
  const deployment = holding.lineage.deployments[target];
  if (deployment?.state === 'intended')
    return targetOf(job.wanted, target)
      ? fail('deploy/other-node', { target, certificate: job.wanted.name })
      : undefined; // an endpoint follows its targets
  return storedFailure({ ...whyPending(deployment ?? {}), retryAt: deployment?.retryAt }, 'deploy/handshake-failed');
}

/** Reports a pending target, with an alarm once it has been pending for longer than `deployTimeout`. */
function reportPending(
  run: Run,
  error: CertfleetError,
  {
    target,
    deployment,
    isAlarm,
  }: { readonly target: string; readonly deployment: Deployment; readonly isAlarm: boolean },
): void {
  const { code, message } = error;
  const { since, places } = deployment;
  const shown = places && {
    total: places.total,
    lacking: places.lacking,
    named: places.named.map((one) => ({ ...one })),
  };
  const data = { target, ...dataOf(error), ...present({ places: shown }) };
  const certificate = nameOf(run);
  const level = code === 'deploy/settling' ? 'info' : 'warn';
  report(run.engine, { certificate, data, level, event: 'certificate.pending', message });
  if (!isAlarm) return;
  const alarm = `${target} has been without the new certificate since ${since}: ${message}`;
  report(run.engine, { certificate, level: 'alarm', event: 'deploy.alarm', message: alarm, data: { ...data, since } });
}
