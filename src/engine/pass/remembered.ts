import { version as certfleetVersion } from '../../core/errors/version.ts';
import type { Lineage } from '../../core/lineage/lineage.ts';
import { type UsedAccount, usedAccount } from '../../core/lineage/store-parts.ts';
import { type Idle, idleOf, outcomeOfIdle } from '../../core/plan/idle.ts';
import type { Outcome } from '../../core/plan/outcome.ts';
import type { NamedAdapter } from '../../core/spec/spec.ts';
import { nodeTargets } from '../../core/spec/traits.ts';
import { ownTargets } from '../delivery/node-targets.ts';
import type { ThisNode } from '../delivery/this-node.ts';
import type { Engine } from '../engine.ts';
import type { Job } from '../run/job.ts';

/** A certificate that is not due. `wanted` is the digest of what the configuration declares, empty without it. */
interface Row extends Idle {
  readonly stamp: string;
  readonly wanted: string;
  readonly account: UsedAccount | undefined;
  /** The digest of its targets on this node; empty if it has none. */
  readonly targets: string;
}

/** What was remembered of a certificate that the scan left out. */
export interface Known {
  readonly name: string;
  readonly account: UsedAccount | undefined;
}

/**
 * What a pass over all certificates remembers for the next one of this node: of those that are not due, the stamp of
 * the document, and how long nothing is due. The next pass leaves such documents unread. It reads all others, and acts
 * on none of what it remembers: to do something for a certificate, it reads the document (decision 0040).
 */
export interface Remembered {
  /** For the scan. Collects in `known` what it leaves out. */
  isKnown(name: string, stamp: string): boolean;
  readonly known: readonly Known[];
  /** Returns the result for a known certificate, or undefined if its document must be read after all. */
  outcomeOf(name: string, here: ThisNode, signal: AbortSignal): Promise<Outcome | undefined>;
  /** Takes note of a document that was read. */
  learn(stamp: string | undefined, job: Job, lineage: Lineage, outcome: Outcome | undefined): void;
  /** Writes what the next pass may use. */
  save(): Promise<void>;
}

/** @param pass.hasParts reports whether the store has the key and the chain of a version */
export async function remember(
  engine: Engine,
  pass: {
    readonly jobs: readonly Job[];
    readonly nextRunMs?: number | undefined;
    hasParts(name: string, version: { readonly id: string }): boolean;
  },
  signal: AbortSignal,
): Promise<Remembered | undefined> {
  const { cache, clock, connect, node, store } = engine;
  if (!cache) return undefined;
  const declared = new Map(pass.jobs.map(({ wanted }) => [wanted.name, wanted]));
  const about = JSON.stringify([1, certfleetVersion, store.location, node, pass.nextRunMs ?? null]);
  const file = connect.digest([store.location, node]);
  const rows = decode(await cache.read(file), about);
  // What they are may show a fault, and they may lead to other targets.
  const credentials = await store.list('credential', signal);
  const kept = new Map<string, Row>();
  const known: (Known & { readonly row: Row })[] = [];
  const byName = new Map<string, Row>();
  /** The targets of this node that documents of this pass had, by digest. */
  const targets = new Map<string, { readonly job: Job; readonly targets: readonly NamedAdapter[] }>();
  const digests = new Map<string, string>();
  let isChanged = false;

  function digestOf(settings: object): string {
    const text = JSON.stringify(settings);
    const digest = digests.get(text) ?? connect.digest(settings);
    digests.set(text, digest);
    return digest;
  }
  const wantedOf = (name: string): string => {
    const wanted = declared.get(name);
    return wanted ? connect.digest(wanted) : '';
  };

  return {
    known,
    isKnown(name, stamp) {
      const row = rows.get(name);
      if (!row || row.stamp !== stamp || credentials.has(name)) return false;
      const now = clock.now().getTime();
      if (now < row.fromMs || now >= row.untilMs || row.wanted !== wantedOf(name)) return false;
      if (!pass.hasParts(name, { id: row.version })) return false;
      known.push({ name, account: row.account, row });
      byName.set(name, row);
      return true;
    },
    async outcomeOf(name, here, signal) {
      const row = byName.get(name)!;
      kept.set(name, row);
      const own = row.targets === '' ? undefined : targets.get(row.targets);
      if (row.targets !== '' && !own) return undefined;
      const version = { lineage: name, id: row.version, fingerprint: row.fingerprint };
      if (own && !(await here.stillHas(version, { wanted: own.job.wanted, targets: own.targets }, signal)))
        return undefined;
      return outcomeOfIdle(name, row);
    },
    learn(stamp, job, lineage, outcome) {
      const { name } = lineage;
      const own = nodeTargets(job.wanted).length === 0 ? undefined : ownTargets(engine, job.wanted, lineage);
      const digest = own ? digestOf(own) : '';
      if (own && !targets.has(digest)) targets.set(digest, { job, targets: own });
      if (stamp === undefined || !outcome || kept.has(name)) return;
      // The outcome of hooks needs their programs.
      if (job.hooks ?? job.wanted.hooks) return;
      const idle = idleOf(lineage, { outcome, now: clock.now(), nextRunMs: pass.nextRunMs });
      if (!idle) return;
      kept.set(name, { ...idle, stamp, wanted: wantedOf(name), account: usedAccount(lineage), targets: digest });
      isChanged = true;
    },
    async save() {
      if (isChanged) await cache.write(file, encode(kept, about));
    },
  };
}

/** Most certificates have the same account and targets, so each of them is written once. */
interface Written {
  readonly about: string;
  readonly accounts: readonly UsedAccount[];
  readonly targets: readonly string[];
  /** Name, stamp, from, until, version, fingerprint, notAfter, next, wanted, number of account, number of targets. */
  readonly rows: readonly (readonly [
    ...[string, string, number, number, string, string, string, string, string],
    ...[number, number],
  ])[];
}

function encode(rows: ReadonlyMap<string, Row>, about: string): Uint8Array {
  const accounts = numbered<UsedAccount>((one) => `${one.account} ${one.url}`);
  const targets = numbered<string>((one) => one);
  const written: Written = {
    about,
    accounts: accounts.all,
    targets: targets.all,
    rows: [...rows].map(([name, row]) => [
      ...([name, row.stamp, row.fromMs, row.untilMs, row.version, row.fingerprint, row.notAfter] as const),
      ...([row.next, row.wanted, row.account ? accounts.of(row.account) : -1, targets.of(row.targets)] as const),
    ]),
  };
  return Buffer.from(JSON.stringify(written));
}

function numbered<T>(keyOf: (one: T) => string) {
  const numbers = new Map<string, number>();
  const all: T[] = [];
  const of = (one: T): number => {
    const known = numbers.get(keyOf(one));
    if (known !== undefined) return known;
    numbers.set(keyOf(one), all.length);
    return all.push(one) - 1;
  };
  return { all, of };
}

/** Returns nothing if it was written by another version, for another store or node, or for another interval. */
function decode(bytes: Uint8Array | undefined, about: string): ReadonlyMap<string, Row> {
  const rows = new Map<string, Row>();
  if (!bytes) return rows;
  try {
    const written = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString()) as Written;
    if (written.about !== about) return rows;
    for (const [
      name,
      stamp,
      fromMs,
      untilMs,
      version,
      fingerprint,
      notAfter,
      next,
      wanted,
      account,
      own,
    ] of written.rows)
      rows.set(name, {
        stamp,
        fromMs,
        untilMs,
        version,
        fingerprint,
        notAfter,
        next,
        wanted,
        account: written.accounts[account],
        targets: written.targets[own]!,
      });
    return rows;
  } catch {
    return new Map();
  }
}
