import balancer from '../../src/balancers/alibaba-clb.ts';
import { Secret } from '../../src/core/errors/secret.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { createHttp } from '../../src/lib/http/http.ts';
import { systemRandom } from '../../src/lib/random.ts';
import type { Balancer } from '../../src/ports/balancer.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { Http } from '../../src/ports/http.ts';
import type { World } from '../../src/ports/world.ts';
import type { EffectWatch } from '../../src/testing/balancer-contract.ts';
import { root } from './alibaba-account.ts';
import type { AlibabaClb, PolicyStatement } from './alibaba-clb.ts';

// certfleet's own objects at the fake of Alibaba CLB, in a world whose waits are short.

/** How much faster the clock of these tests runs: 1 s of waiting takes 10 ms. */
export const speed = 100;

/** Wall-clock time is the real one, because every call is signed with it. */
const quickClock = (factor: number): Clock => ({
  now: () => systemClock.now(),
  monotonicMs: () => systemClock.monotonicMs() * factor,
  sleep: (ms, signal) => systemClock.sleep(ms / factor, signal),
  deadline: (ms, parent) => systemClock.deadline(ms, parent),
});

export interface QuickWorld {
  readonly world: World;
  readonly lines: readonly string[];
}

/** @param watch called around each call that changes something */
export function quickWorld(watch?: EffectWatch, factor: number = speed): QuickWorld {
  const lines: string[] = [];
  const note = (line: string) => void lines.push(line);
  const http = (): Http => {
    const real = createHttp({ env: {}, userAgent: 'certfleet-test' }, systemClock);
    return {
      async request(request) {
        const action = request.headers?.['x-acs-action'] ?? '';
        const changes = action !== '' && !/^(Describe|List)/.test(action);
        if (changes) watch?.('before');
        const response = await real.request(request);
        if (changes) watch?.('after');
        return response;
      },
      close: () => real.close(),
    };
  };
  const log = { debug: note, info: note, warn: note };
  const world = { clock: quickClock(factor), random: systemRandom, log, http };
  return { world: world as unknown as World, lines };
}

export const keysOf = ({ id, secret }: { readonly id: string; readonly secret: string }) => ({
  accessKeyId: new Secret(id),
  accessKeySecret: new Secret(secret),
});

export interface EdgeOptions {
  readonly loadBalancer: string;
  readonly watch?: EffectWatch | undefined;
  readonly options?: Record<string, unknown>;
  readonly lines?: string[];
  /** Instead of {@link speed}. */
  readonly factor?: number;
}

/** A balancer object of certfleet, as in a process of its own. */
export function connectBalancer(
  clb: Pick<AlibabaClb, 'endpoint'>,
  { loadBalancer, watch, options = {}, lines, factor }: EdgeOptions,
): Balancer {
  const made = quickWorld(watch, factor);
  if (lines) made.world.log.debug = (line) => void lines.push(line);
  const all = { region: 'cn-hangzhou', loadBalancer, endpoint: clb.endpoint, ...keysOf(root), ...options };
  return balancer.connect({ name: 'slb', world: made.world, options: balancer.options.parse(all) });
}

/** The policy in the notes of an adapter, which users copy. */
export function policyIn(notes: string | undefined): readonly PolicyStatement[] {
  const json = /```json\n([^`]+)```/.exec(notes ?? '')?.[1] ?? '';
  return (JSON.parse(json) as { readonly Statement: readonly PolicyStatement[] }).Statement;
}
