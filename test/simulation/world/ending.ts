import type { Lineage } from '../../../src/core/lineage/lineage.ts';
import { isFromTheFuture } from '../../../src/core/lineage/stored-time.ts';
import type { StoredSpec } from '../../../src/core/spec/spec.ts';
import { leftOutside, type Outside } from './outside.ts';
import { isStopped } from './promises.ts';

/** Returns what is there at the end that must not be. */
export function leftAtTheEnd(world: {
  readonly lineages: readonly Lineage[];
  readonly wanted: ReadonlyMap<string, StoredSpec>;
  readonly outside: Outside;
  readonly nodes: readonly string[];
  readonly isDead: (pid: number) => boolean;
  readonly now: Date;
}): readonly string[] {
  const { lineages, wanted, outside, nodes } = world;
  const found: string[] = [];
  const names = new Set(lineages.map(({ name }) => name));
  for (const name of wanted.keys()) if (!names.has(name)) found.push(`${name} has no document`);
  for (const { name, work, current, tombstones, failure, paused } of lineages) {
    if (paused) found.push(`${name} is still paused`);
    // An order of a certificate that was removed meanwhile just ends. If a process died then, its lease stays until
    // `delete` takes it over: nothing else waits for it.
    const isOrdering = work && work.step !== 'close' && work.step !== 'deploy';
    const isHeld = work?.lease && !(isOrdering && world.isDead(work.lease.holder.pid));
    const owes = work && (wanted.has(name) || isHeld || work.probe || work.challenges.length > 0);
    if (owes) found.push(`${name} has work at step ${work.step}${work.lease ? ', and a lease' : ''}`);
    if (tombstones) found.push(`${name} has ${tombstones.length} tombstones`);
    // What a wrong clock has stored does not count.
    const isFailing = failure && !failure.forced && !isFromTheFuture(failure.at, world.now);
    if (isFailing && wanted.has(name)) found.push(`${name} fails: ${failure.message}`);
    if (!current && wanted.has(name)) found.push(`${name} has no certificate`);
  }
  const certificates = lineages.map((lineage) => ({
    name: lineage.name,
    isWanted: wanted.has(lineage.name) && !isStopped(lineage),
    current: lineage.current?.id ?? '',
    previous: lineage.previous?.id,
    targets: lineage.spec.targets,
  }));
  return [...found, ...leftOutside(outside, { nodes, certificates })];
}
