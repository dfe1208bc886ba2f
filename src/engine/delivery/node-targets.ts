import { asFailure, type CertfleetError, isFailure } from '../../core/errors/errors.ts';
import { hasBroken, storedFailure } from '../../core/lineage/deployments.ts';
import type { Deployment, Lineage, Version } from '../../core/lineage/lineage.ts';
import { revocationOf } from '../../core/lineage/revocation.ts';
import type { Lack } from '../../core/node/replica.ts';
import type { NamedAdapter, StoredSpec } from '../../core/spec/spec.ts';
import { nodeTargets } from '../../core/spec/traits.ts';
import type { Deployer, VersionBundle } from '../../ports/deployer.ts';
import type { Engine } from '../engine.ts';
import { readBundle } from '../run/bundles.ts';
import { together } from '../run/wait.ts';
import { type Courier, turnOf } from './calls-to-target.ts';
import { carry } from './deliver-to-target.ts';

/**
 * Returns the targets that this node finds out about itself. Those whose delivery by this node is in the lineage are
 * planned with it, and no node takes a version that broke a handshake.
 */
export function ownTargets({ node }: Engine, wanted: StoredSpec, lineage: Lineage): readonly NamedAdapter[] {
  const { current, deployments } = lineage;
  if (!current || current.compromised || revocationOf(lineage, current) !== undefined) return [];
  const isOfCurrent = ({ version }: Deployment) => version === current.id;
  if (hasBroken(wanted, lineage)) return [];
  return nodeTargets(wanted).filter((target) => {
    const deployment = deployments[target.name];
    if (!deployment || !isOfCurrent(deployment)) return true;
    // A command that has run here, or before an import, leaves nothing that could be looked at.
    if (deployment.state === 'current') return !isCommand(target) || deployment.node !== node;
    return deployment.node !== undefined && deployment.node !== node;
  });
}

/** Reports whether a target has a version. `bundle` reads it with its key. */
export async function hasVersion(
  deployer: Deployer,
  { lineage, version }: { readonly lineage: string; readonly version: Version },
  bundle: () => Promise<VersionBundle>,
  signal: AbortSignal,
): Promise<boolean> {
  const { id, facts } = version;
  if (deployer.has) return deployer.has({ lineage, id, fingerprint: facts.fingerprint }, signal);
  return (await deployer.look(await bundle(), signal)).state === 'current';
}

/**
 * Reports whether a target of this node lacks the current version, as far as a cheap look shows. A program that is down
 * now may still have it, and what a command has done cannot be looked at.
 */
export async function lacksHere(
  engine: Engine,
  wanted: StoredSpec,
  lineage: Lineage,
  signal: AbortSignal,
): Promise<boolean> {
  const { name, current } = lineage;
  if (!current) return false;
  const bundle = () => readBundle(engine, { lineage: name, id: current.id }, signal);
  const lacks = async (target: string): Promise<boolean> => {
    try {
      const deployer = await engine.connect.deployer(wanted, target);
      return !(await hasVersion(deployer, { lineage: name, version: current }, bundle, signal));
    } catch (error) {
      signal.throwIfAborted();
      return isFailure(error, 'deploy/unsafe-folder');
    }
  };
  const targets = ownTargets(engine, wanted, lineage).filter((target) => !isCommand(target));
  const found = await together(targets.map((target) => lacks(target.name)));
  return found.includes(true);
}

export const isCommand = ({ traits }: NamedAdapter): boolean => traits?.ofNode === 'command';

/** What one certificate's delivery on this node needs. */
export interface NodeDelivery {
  readonly wanted: StoredSpec;
  /** The targets that lack the version. */
  readonly targets: readonly NamedAdapter[];
  /** Those of them that are not tried yet. */
  readonly paused: ReadonlyMap<string, Lack>;
  before(target: string): Lack | undefined;
  bundle(): Promise<VersionBundle>;
  connect(target: NamedAdapter): Promise<Deployer>;
}

/** How the delivery to a target ended. Without an error, a command waits for a target before it. */
export type End = 'delivered' | CertfleetError | { readonly message: string; readonly code?: undefined };

/**
 * Delivers a version to all targets that are not commands at once, then to the commands in their order. A command runs
 * if a target before it got the version now, and stays lacking until all of them have it.
 */
export async function deliverToNode(courier: Courier, delivery: NodeDelivery): Promise<ReadonlyMap<string, End>> {
  const { engine, signal } = courier;
  const { wanted, targets, paused } = delivery;
  const { reloads } = engine.pass;
  const ends = new Map<string, End>();
  const all = nodeTargets(wanted);
  const turnAt = ({ name }: NamedAdapter) => turnOf(engine, wanted, name);
  const leave = (target: NamedAdapter) => reloads.expectNoMore(wanted.name, turnAt(target));
  reloads.expect(wanted.name, all.filter((target) => isCommand(target) || targets.includes(target)).map(turnAt));
  const bring = async (target: NamedAdapter, isNews: boolean): Promise<End> => {
    const { name } = target;
    const lack = paused.get(name);
    try {
      if (lack && !isNews) return waitingError(lack);
      const bundle = await delivery.bundle();
      // The last delivery of this version did not succeed: stage and activate it again.
      const again = isNews || delivery.before(name)?.version === bundle.id;
      const facts = { target: name, deployer: await delivery.connect(target), again, alone: false, before: undefined };
      const { error } = await carry(courier, bundle, facts);
      return error ?? 'delivered';
    } catch (error) {
      signal.throwIfAborted();
      return asFailure(error, wanted.name);
    } finally {
      leave(target);
    }
  };
  const carriers = targets.filter((target) => !isCommand(target));
  await together(carriers.map(async (target) => void ends.set(target.name, await bring(target, false))));
  for (const command of all.filter(isCommand)) {
    const before = all.slice(0, all.indexOf(command)).filter((target) => !isCommand(target));
    const missing = before.filter(({ name }) => ends.has(name) && ends.get(name) !== 'delivered');
    const isNews = before.some(({ name }) => ends.get(name) === 'delivered');
    if (!isNews && !targets.includes(command)) {
      leave(command);
      continue;
    }
    const hasSome = before.length === 0 || missing.length < before.length;
    const end = hasSome ? await bring(command, isNews) : 'delivered';
    const waits = { message: `waiting for ${missing.map(({ name }) => name).join(', ')}` };
    ends.set(command.name, end === 'delivered' && missing.length > 0 ? waits : end);
  }
  return ends;
}

/** Returns why a target is not tried yet. */
export const waitingError = (lack: Lack): CertfleetError => storedFailure(lack, 'deploy/target-failed');
