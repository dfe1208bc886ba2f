import { Secret } from '../../src/core/secret.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { createHttp } from '../../src/lib/http.ts';
import { systemRandom } from '../../src/lib/random.ts';
import type { World } from '../../src/ports/world.ts';
import type { AwsCloud } from './aws-cloud.ts';

/** The parts of the real world that the adapters of AWS use. */
export function createAwsWorld(): { readonly world: World; readonly lines: readonly string[] } {
  const lines: string[] = [];
  const note = (message: string) => void lines.push(message);
  const world = {
    // Pauses are shorter, because the test cloud is near.
    clock: { ...systemClock, sleep: (ms: number, signal: AbortSignal) => systemClock.sleep(ms / 10, signal) },
    random: systemRandom,
    log: { debug: note, info: note, warn: note },
    http: () => createHttp({ env: {} }),
  } as unknown as World;
  return { world, lines };
}

/** The options that name the cloud and the keys. */
export const cloudOptions = (cloud: AwsCloud) => ({
  region: cloud.region,
  endpoint: cloud.endpoint,
  accessKeyId: new Secret(cloud.keys[0]!.id),
  secretAccessKey: new Secret(cloud.keys[0]!.secret),
});
