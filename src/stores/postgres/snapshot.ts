/** `xmin:xmax:xip,xip`, as PostgreSQL writes a snapshot: which transactions it sees. */
export interface Snapshot {
  /** Sees all before it. */
  readonly xmin: bigint;
  /** Sees none from it on. */
  readonly xmax: bigint;
  /** Those between that were still running. */
  readonly running: ReadonlySet<bigint>;
}

export function parseSnapshot(text: string): Snapshot {
  const [xmin = '0', xmax = '0', running = ''] = text.split(':');
  const ids = running === '' ? [] : running.split(',').map(BigInt);
  return { xmin: BigInt(xmin), xmax: BigInt(xmax), running: new Set(ids) };
}

export const sees = ({ xmin, xmax, running }: Snapshot, transaction: bigint): boolean =>
  transaction < xmin || (transaction < xmax && !running.has(transaction));

/** Reports whether the first snapshot of one server was taken before the second. */
export const isBefore = (one: Snapshot, other: Snapshot): boolean =>
  one.xmax === other.xmax ? one.running.size > other.running.size : one.xmax < other.xmax;
