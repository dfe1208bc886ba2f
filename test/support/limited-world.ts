import type { Event } from '../../src/core/plan/event.ts';
import type { Engine } from '../../src/engine/engine.ts';
import type { Issuer } from '../../src/ports/issuer.ts';
import { type CaModel, createCaModel } from '../simulation/world/ca-model/ca-model.ts';
import { createFakePki } from '../simulation/world/pki.ts';
import { createSimulatedWorld, type ReplicaOptions } from './simulated-world.ts';

const { signal } = new AbortController();
export const limitedDirectory = 'https://acme-v02.api.letsencrypt.org/directory';

/** A simulated world at the model of a CA with Boulder's limits, which signs and checks nothing. */
export async function createLimitedWorld(
  chance: () => number,
  settings: Partial<Parameters<typeof createCaModel>[0]['settings']> = {},
) {
  const warnings: string[] = [];
  const reporter = { report: ({ level, message }: Event) => void (level === 'warn' && warnings.push(message)) };
  const world = await createSimulatedWorld({ reporter });
  const { clock } = world;
  /** The names that the CA cannot validate. */
  const bad = new Set<string>();
  const ca: CaModel = createCaModel({
    nowMs: () => clock.now().getTime(),
    random: chance,
    later: (ms, run) => void clock.sleep(ms, signal).then(run),
    settings: {
      directoryUrl: limitedDirectory,
      validate: ({ value }, _challenge, keyAuthorization) =>
        world.txt.has(keyAuthorization) && !bad.has(value) ? undefined : { type: 'dns', detail: 'no such value' },
      ...settings,
    },
  });
  /** A process on a machine whose clock may be ahead. `through` changes its way to the CA. */
  function replica(
    pid: number,
    node: string,
    { aheadMs = 0, through = (issuer) => issuer, ...own }: LimitedReplica = {},
  ): Engine {
    const issuer = through(ca.issuer(node, () => clock.now().getTime() + aheadMs));
    return world.replica(pid, { node, issuer, pki: createFakePki(chance), aheadMs: () => aheadMs, ...own });
  }
  const newOrders = () => ca.log.filter(({ kind }) => kind === 'newOrder');
  const refused = () => newOrders().filter(({ verdict }) => verdict === 'rateLimited');
  return { world, clock, ca, bad, warnings, replica, newOrders, refused };
}

interface LimitedReplica extends Omit<ReplicaOptions, 'node' | 'issuer' | 'pki' | 'aheadMs'> {
  readonly aheadMs?: number;
  readonly through?: (issuer: Issuer) => Issuer;
}
