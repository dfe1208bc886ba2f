import type { Chance } from './chance.ts';
import type { Fault, What } from './faults.ts';

const minuteMs = 60_000;
const dayMs = 1_440 * minuteMs;

/** What a person asks for, beside the processes that keep running. */
export type Ask =
  | {
      readonly ask: 'renew --force' | 'renew --redeploy' | 'rollback' | 'pause' | 'resume';
      readonly certificate: string;
    }
  | {
      readonly ask: 'revoke';
      readonly certificate: string;
      readonly reason: 'keyCompromise' | 'superseded' | 'cessationOfOperation';
    }
  /** Most often, it was removed from the configuration before. */
  | { readonly ask: 'delete'; readonly certificate: string; readonly isDeclared: boolean }
  /** Another client had got a certificate of the same names some time before. */
  | { readonly ask: 'import'; readonly certificate: string; readonly agoMs: number }
  | { readonly ask: 'account rollover' | 'account rollover --abort' | 'sweep' | 'node forget' };

/** A command, which a process of its own carries out on the machine of a replica. */
export interface Command {
  readonly asked: Ask;
  readonly node: string;
  /** How often the person tries until it has succeeded. */
  readonly tries: number;
  /** When the person loses patience, and stops it. */
  readonly patienceMs: number | undefined;
}

/** The name of all processes of persons, as faults name it. */
export const person = 'person';

const weights: Readonly<Record<Exclude<Ask['ask'], 'pause' | 'resume'>, number>> = {
  'renew --force': 3,
  'renew --redeploy': 1,
  rollback: 4,
  revoke: 4,
  delete: 3,
  import: 3,
  'account rollover': 4,
  'account rollover --abort': 1,
  sweep: 1,
  'node forget': 1,
};

/** What a fault of a person's process strikes. */
const calls: Readonly<Record<string, number>> = {
  'store.put lineage': 4,
  'store.put account': 3,
  'store.put': 1,
  'store.delete': 2,
  'ca.openAccount': 1,
  'ca.rollover': 4,
  'ca.revoke': 4,
  'ca.newOrder': 1,
  'ca.finalize': 1,
  deployer: 2,
  solver: 1,
  '': 3,
};

const whats: Readonly<Record<What, number>> = {
  ...{ slow: 1, fail: 2, lose: 4, hang: 1 },
  ...{ 'freeze-before': 2, 'freeze-after': 1, 'freeze-and-kill': 3, 'kill-before': 3, 'kill-after': 4 },
};

/** Draws some commands, and the faults that strike their processes. */
export function drawCommands(
  chance: Chance,
  world: {
    readonly certificates: readonly string[];
    readonly nodes: readonly string[];
    readonly spanMs: number;
    readonly lifetimeMs: number;
  },
): {
  readonly commands: readonly { readonly atMs: number; readonly command: Command }[];
  readonly faults: readonly Fault[];
} {
  const { certificates, nodes, spanMs, lifetimeMs } = world;
  const commands: { readonly atMs: number; readonly command: Command }[] = [];
  const faults: Fault[] = [];
  const add = (asked: Ask, atMs: number) => {
    const patienceMs = chance() < 0.1 ? chance.whole(100, 60_000) : undefined;
    const tries = asked.ask === 'delete' ? 20 : chance.whole(1, 4);
    const command = { asked, node: chance.one(nodes), tries, patienceMs };
    commands.push({ atMs: Math.floor(Math.max(0, Math.min(atMs, spanMs))), command });
    for (let left = chance.whole(0, 2); left > 0; left -= 1) {
      const forMs = Math.floor(chance.one([5_000, 75_000, 600_000, 7_200_000]) * chance.between(0.8, 1.2));
      faults.push({ atMs, replica: person, call: chance.weighed(calls), what: chance.weighed(whats), forMs });
    }
  };
  // Commands for one certificate meet each other.
  const favourite = chance.one(certificates);
  let lastMs = 0;
  for (let left = chance.whole(1, 4); left > 0; left -= 1) {
    const certificate = chance() < 0.5 ? favourite : chance.one(certificates);
    const anyMs = chance.between(0.05, 0.95) * spanMs;
    // When replicas renew, or another command runs, it meets them.
    const everyMs = lifetimeMs * (lifetimeMs < 10 * dayMs ? 1 / 2 : 2 / 3);
    const renewalMs = Math.ceil(anyMs / everyMs) * everyMs + chance.between(-0.04, 0.01) * lifetimeMs;
    const atMs = Math.floor(chance.one([anyMs, anyMs, renewalMs, lastMs + chance.between(0, 10 * minuteMs)]));
    const asked = drawAsk(chance, certificate, lifetimeMs);
    // Later, the previous version has expired.
    if (asked.ask === 'rollback' && chance() < 0.7)
      add({ ask: 'renew --force', certificate }, atMs - chance.between(0, chance.one([minuteMs, dayMs])));
    add(asked, atMs);
    lastMs = atMs;
  }
  return { commands, faults };
}

function drawAsk(chance: Chance, certificate: string, lifetimeMs: number): Ask {
  const ask = chance.weighed(weights);
  switch (ask) {
    case 'revoke':
      return {
        ask,
        certificate,
        reason: chance.one(['keyCompromise', 'keyCompromise', 'superseded', 'cessationOfOperation']),
      };
    case 'delete':
      return { ask, certificate, isDeclared: chance() < 0.3 };
    case 'import':
      return { ask, certificate, agoMs: Math.floor(chance.between(0, chance.one([0.1, 0.9])) * lifetimeMs) };
    case 'renew --force':
    case 'renew --redeploy':
    case 'rollback':
      return { ask, certificate };
    default:
      return { ask };
  }
}

/** Draws when a person pauses certificates: often around a renewal, and when another command runs. */
export function drawPauses(
  chance: Chance,
  world: Parameters<typeof drawCommands>[1],
  commands: ReturnType<typeof drawCommands>['commands'],
): ReturnType<typeof drawCommands> {
  const { certificates, nodes, spanMs, lifetimeMs } = world;
  const faults: Fault[] = [];
  const everyMs = lifetimeMs * (lifetimeMs < 10 * dayMs ? 1 / 2 : 2 / 3);
  const drawn = Array.from({ length: chance.whole(1, 3) }, () => {
    const anyMs = chance.between(0, 0.9) * spanMs;
    const renewalMs = Math.round(anyMs / everyMs) * everyMs + chance.between(-10, 10) * minuteMs;
    const met = commands.length > 0 ? chance.one(commands).atMs + chance.between(-5, 10) * minuteMs : anyMs;
    const atMs = Math.floor(Math.max(0, Math.min(chance.one([anyMs, renewalMs, met]), 0.95 * spanMs)));
    const asked = { ask: 'pause', certificate: chance.one(certificates) } as const;
    if (chance() < 0.3)
      faults.push({ atMs, replica: person, call: 'store.put lineage', what: chance.weighed(whats), forMs: 75_000 });
    return { atMs, command: { asked, node: chance.one(nodes), tries: chance.whole(1, 4), patienceMs: undefined } };
  });
  return { commands: drawn, faults };
}
