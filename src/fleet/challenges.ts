import type { NamedAdapter, Settings, StoredSpec } from '../core/spec/spec.ts';
import { type StatelessAnswer, statelessParts } from '../core/spec/stateless.ts';
import type { BalancerTrialReport } from '../engine/acts/balancer-trial.ts';
import type { TrialReport } from '../engine/acts/dns-trial.ts';
import type { CaaReport } from '../engine/looks/caa-report.ts';
import type { DrawnPath } from '../engine/looks/doctor.ts';
import type { DrawnTarget } from '../engine/looks/targets.ts';
import type { BalancerTrialOf, DnsTrialRequest, Drawn, StatelessRequest } from '../fleet.ts';
import type { OpenFleet } from './opened.ts';
import { forStaging } from './staging.ts';
import { readAll } from './stored.ts';
import { allWanted, specsOf } from './wanted.ts';

export async function drawNamed(fleet: OpenFleet, names: readonly string[], signal: AbortSignal): Promise<Drawn> {
  const { drawPaths } = await import('../engine/looks/doctor.ts');
  const { drawTargets } = await import('../engine/looks/targets.ts');
  const paths: DrawnPath[] = [];
  const targets: DrawnTarget[] = [];
  // Includes certificates that are no longer renewed: their names may still lead somewhere.
  for (const spec of await specsOf(fleet, names, signal)) {
    paths.push(...(await drawPaths(fleet.engine, spec, signal)));
    targets.push(...(await drawTargets(fleet.engine, spec, signal)));
  }
  return { paths, targets };
}

export async function reportCaaOf(
  fleet: OpenFleet,
  names: readonly string[],
  signal: AbortSignal,
): Promise<readonly CaaReport[]> {
  const { reportCaa } = await import('../engine/looks/caa-report.ts');
  const reports: CaaReport[] = [];
  for (const spec of await specsOf(fleet, names, signal)) reports.push(await reportCaa(fleet.engine, spec, signal));
  return reports;
}

export async function statelessOf(
  fleet: OpenFleet,
  { names, adHoc, staging }: StatelessRequest,
  signal: AbortSignal,
): Promise<readonly StatelessAnswer[]> {
  const found = adHoc
    ? [adHoc]
    : names.length > 0
      ? await specsOf(fleet, names, signal)
      : allWanted(fleet, await readAll(fleet, signal)).map(({ wanted }) => wanted);
  // Only these: another certificate's CA may have no test directory.
  const users = found.filter((spec) => statelessParts(spec).length > 0);
  const specs = staging ? users.map((spec) => forStaging(spec)) : users;
  const { statelessAnswers } = await import('../engine/accounts/stateless.ts');
  return statelessAnswers(fleet.engine, specs, signal);
}

export async function tryProvider(
  { settings, composed, engine }: OpenFleet,
  { solver, ...request }: DnsTrialRequest,
  signal: AbortSignal,
): Promise<TrialReport> {
  const { tryDns } = await import('../engine/acts/dns-trial.ts');
  const spec = trialSpec(solver, settings);
  return tryDns(engine, await composed.dns01({ ...spec, solver }), { ...request, spec }, signal);
}

export async function tryRule(
  { settings, composed, engine }: OpenFleet,
  { solver: { settings: options, ...named }, ...request }: BalancerTrialOf,
  signal: AbortSignal,
): Promise<BalancerTrialReport> {
  const { tryBalancer } = await import('../engine/acts/balancer-trial.ts');
  // A sweep must remove the rule.
  const solver = await composed.withTraits('solver', { ...named, settings: { ...options, keep: false } });
  const spec = trialSpec(solver, settings);
  return tryBalancer(engine, await composed.forwardRule({ ...spec, solver }), { ...request, spec }, signal);
}

/** Returns the spec of a trial, which is for no certificate. */
const trialSpec = (solver: NamedAdapter, { preflight }: Pick<Settings, 'preflight'>): StoredSpec => ({
  ...{ name: solver.name, identifiers: [], targets: [], endpoints: [] },
  issuer: { name: '', settings: { directory: '', email: [], agreeToTerms: false, test: false } },
  parts: [{ solver }],
  preflight,
});
