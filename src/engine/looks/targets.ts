import { type CertfleetError, fail, isFailure, reasonOf } from '../../core/errors/errors.ts';
import { failedAt, type Hop } from '../../core/request-path/hop.ts';
import { rightsHop } from '../../core/request-path/rights.ts';
import type { StoredSpec } from '../../core/spec/spec.ts';
import { targetNames } from '../../core/spec/spec-parts.ts';
import { present } from '../../core/text/present.ts';
import type { Deployer, WantedRoom } from '../../ports/deployer.ts';
import type { Engine } from '../engine.ts';

/** How long one target may take to say whether it exists and has room. */
const checkMs = 10_000;

/** What a target of a certificate needs, as `certfleet doctor` shows it. */
export interface DrawnTarget {
  readonly certificate: string;
  readonly target: string;
  readonly hops: readonly Hop[];
}

const wantedIn = ({ name: lineage, identifiers, keyType }: StoredSpec): WantedRoom => ({
  lineage,
  names: identifiers.map(({ value }) => value),
  ...present({ keyType }),
});

/** Asks one target whether it exists and has room for the certificate. */
async function ask(
  { clock }: Pick<Engine, 'clock'>,
  deployer: Deployer,
  spec: StoredSpec,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (!deployer.check) return undefined;
  const deadline = clock.deadline(checkMs, signal);
  try {
    return await deployer.check(wantedIn(spec), deadline.signal);
  } catch (error) {
    signal.throwIfAborted();
    throw deadline.expired && !isFailure(error) ? new Error(`no answer within ${checkMs / 1_000} s`) : error;
  } finally {
    deadline.done();
  }
}

/** Returns why an order would be useless: for each target that has no room for the certificate or does not exist. */
export async function vainTargets(
  engine: Engine,
  spec: StoredSpec,
  signal: AbortSignal,
): Promise<readonly CertfleetError[]> {
  const asked = targetNames(spec).map(async (target) => {
    try {
      await ask(engine, await engine.connect.deployer(spec, target), spec, signal);
      return [];
    } catch (error) {
      signal.throwIfAborted();
      if (isFailure(error, 'balancer/no-room')) return [error];
      const cause = isFailure(error, 'deploy/') ? error.cause : error;
      if (!isFailure(cause, 'balancer/not-found')) return [];
      return [fail('balancer/no-target', { target, certificate: spec.name, reason: cause.message }, { cause })];
    }
  });
  return (await Promise.all(asked)).flat();
}

/** Describes the targets that can say before an order whether they exist and have room. */
export async function drawTargets(
  engine: Engine,
  spec: StoredSpec,
  signal: AbortSignal,
): Promise<readonly DrawnTarget[]> {
  const drawn = await Promise.all(
    targetNames(spec).map(async (target) => {
      try {
        const deployer = await engine.connect.deployer(spec, target);
        const hops = await hopsOf(engine, deployer, spec, signal);
        return hops.length === 0 ? [] : [{ certificate: spec.name, target, hops }];
      } catch (error) {
        signal.throwIfAborted();
        return [{ certificate: spec.name, target, hops: [brokenAt('target', error)] }];
      }
    }),
  );
  return drawn.flat();
}

async function hopsOf(
  engine: Engine,
  deployer: Deployer,
  spec: StoredSpec,
  signal: AbortSignal,
): Promise<readonly Hop[]> {
  return [...(await rightsOf(engine, deployer, signal)), ...(await roomOf(engine, deployer, spec, signal))];
}

async function rightsOf({ clock }: Engine, deployer: Deployer, signal: AbortSignal): Promise<readonly Hop[]> {
  if (!deployer.rights) return [];
  const deadline = clock.deadline(checkMs, signal);
  try {
    return [rightsHop(await deployer.rights(deadline.signal))];
  } catch (error) {
    signal.throwIfAborted();
    return [isFailure(error) ? brokenAt('rights', error) : unanswered('rights')];
  } finally {
    deadline.done();
  }
}

/** As {@link failedAt}, without what is true of an order or a delivery only. */
function brokenAt(at: Hop['at'], error: unknown): Hop {
  const { advice = '', ...hop } = failedAt(at, error);
  if (isFailure(error, 'deploy/target-failed') && error.cause)
    return { ...hop, finding: reasonOf(error.cause), advice: 'Correct it; `certfleet doctor` looks again.' };
  return { ...hop, advice: advice.replace(/^Nothing was (ordered|changed)\. /, '') };
}

const unanswered = (at: Hop['at']): Hop => ({
  at,
  state: 'cannot-tell',
  finding: `no answer within ${checkMs / 1_000} s`,
});

async function roomOf(
  engine: Engine,
  deployer: Deployer,
  spec: StoredSpec,
  signal: AbortSignal,
): Promise<readonly Hop[]> {
  if (!deployer.check) return [];
  try {
    const finding = await ask(engine, deployer, spec, signal);
    return [{ at: 'room', state: 'well', finding: finding ?? '' }];
  } catch (error) {
    signal.throwIfAborted();
    if (isFailure(error, 'balancer/no-room')) return [{ ...brokenAt('room', error), reason: 'no-room' }];
    return isFailure(error)
      ? [brokenAt('room', error)]
      : [{ at: 'room', state: 'cannot-tell', finding: reasonOf(error) }];
  }
}
