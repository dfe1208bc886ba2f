import { canonical } from '../../core/spec/same-spec.ts';
import type { StoredSpec } from '../../core/spec/spec.ts';
import type { Directory } from '../../ports/issuer.ts';
import type { Engine } from '../engine.ts';
import { readAccount, storedAccount } from '../ledger/account.ts';
import type { Job } from '../run/job.ts';
import { connectParts } from '../run/run.ts';
import { together } from '../run/wait.ts';
import { askDirectory, checkMayRegister, checkProfile } from './ca.ts';
import { preflightBeforeOrder, verdictOn, whyUnusable } from './preflight.ts';

/**
 * Checks a certificate's changed settings before they are stored, as far as possible without an order: what changed
 * about the CA and about the solver. A new certificate is refused for the same reasons.
 */
export async function checkChange(engine: Engine, job: Job, before: StoredSpec, signal: AbortSignal): Promise<void> {
  const { wanted } = job;
  const ofCa = ({ issuer, profile }: StoredSpec) => canonical([issuer.settings, profile]);
  const ofSolver = ({ identifiers, parts, preflight, issuer }: StoredSpec) =>
    canonical([identifiers, parts, preflight, issuer.settings.directory]);
  const directory = ofCa(before) === ofCa(wanted) ? undefined : await checkCa(engine, wanted, signal);
  if (ofSolver(before) !== ofSolver(wanted)) await checkSolver(engine, job, directory, signal);
}

/** Checks that the CA responds, offers the profile, and has an account for us or would open one. */
async function checkCa(engine: Engine, spec: StoredSpec, signal: AbortSignal): Promise<Directory> {
  const { name, settings } = spec.issuer;
  const issuer = engine.connect.issuer(name, settings);
  const directory = await askDirectory({ engine, issuer, signal });
  checkProfile(spec, directory.profiles);
  const account = await readAccount(engine, settings, signal);
  if (account?.document.url === undefined) checkMayRegister(issuer, settings, directory);
  return directory;
}

async function checkSolver(
  engine: Engine,
  { wanted, insists = false }: Job,
  directory: Directory | undefined,
  signal: AbortSignal,
): Promise<void> {
  const account = await storedAccount(engine, wanted, signal);
  const parts = await connectParts(engine, wanted);
  const looked = parts.map(({ spec, solver }) => {
    const subject = {
      identifiers: spec.identifiers,
      solver,
      settings: spec.preflight,
      caaIdentities: directory?.caaIdentities ?? [],
      account,
    };
    // Without a probe, which is an effect and requires the lease.
    return preflightBeforeOrder(engine, subject, {}, signal);
  });
  const found = await together(looked);
  const unusable = found.map(whyUnusable).find((error) => error !== undefined);
  if (unusable && !insists) throw unusable;
  const findings = found.flat();
  const history = { renewalAt: undefined, overruledAt: undefined, validations: {} };
  const { error } = verdictOn(findings, { ...history, now: engine.clock.now() });
  if (error && (!insists || error.code !== 'preflight/no')) throw error;
}
