import { type CertfleetError, fail } from '../core/errors/errors.ts';
import { decodeLineage } from '../core/lineage/lineage.ts';
import { decodeLock } from '../core/lineage/lock.ts';
import { type ProcessIdentity, processText } from '../core/lineage/process-identity.ts';
import { absenceOf } from '../core/node/missing-nodes.ts';
import { decodeReplica } from '../core/node/replica.ts';
import { roles } from '../core/node/running.ts';
import { isHeld } from '../engine/locks/held-leases.ts';
import type { Clock } from '../ports/clock.ts';
import type { Processes } from '../ports/processes.ts';
import type { Entry, Kind, Store } from '../ports/store.ts';

interface Ports {
  readonly store: Store;
  readonly clock: Pick<Clock, 'now'>;
  readonly processes: Pick<Processes, 'look'>;
}

/** The kinds whose documents tell of processes. */
export const kindsOfWork = ['replica', 'lineage', 'lock'] as const satisfies readonly Kind[];

/**
 * Returns the error for a store on which a process works that may be alive, by one of its documents: `store/held`, or
 * `store/node-runs` for one that keeps running. Unlike a thief of a lease, it does not wait to see whether the process is.
 */
export async function workedOn(entry: Entry, ports: Ports, signal: AbortSignal): Promise<CertfleetError | undefined> {
  const { key, bytes } = entry;
  const { location } = ports.store;
  if (key.kind === 'replica') return runsOn(entry, ports);
  const lease =
    key.kind === 'lineage'
      ? decodeLineage(bytes, key.name, location).work?.lease
      : key.kind === 'lock'
        ? decodeLock(bytes, key.name, location).lease
        : undefined;
  if (!lease || !(await isHeld(lease, ports, signal))) return undefined;
  return fail('store/held', { holder: holderText(lease.holder), certificate: key.name });
}

const holderText = (holder: ProcessIdentity): string => `pid ${processText(holder)}`;

function runsOn({ key: { name: node }, bytes }: Entry, { store, clock, processes }: Ports): CertfleetError | undefined {
  const { location } = store;
  const document = decodeReplica(bytes, node, location);
  const absent = absenceOf({ node, document }, clock.now())?.what;
  for (const role of roles) {
    const lease = document.running?.[role]?.lease;
    if (role !== absent && lease && processes.look(lease.holder) !== 'dead')
      return fail('store/node-runs', { node, path: location, holder: holderText(lease.holder) });
  }
  return undefined;
}
