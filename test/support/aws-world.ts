import { Secret } from '../../src/core/errors/secret.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { createHttp } from '../../src/lib/http/http.ts';
import { systemRandom } from '../../src/lib/random.ts';
import type { Http } from '../../src/ports/http.ts';
import type { World } from '../../src/ports/world.ts';
import type { EffectWatch } from '../../src/testing/balancer-contract.ts';
import type { AwsCloud } from './aws-cloud.ts';

/** The parts of the real world that the adapters of AWS use. */
export function createAwsWorld(watch?: EffectWatch): { readonly world: World; readonly lines: readonly string[] } {
  const lines: string[] = [];
  const note = (message: string) => void lines.push(message);
  const world = {
    // Pauses are shorter, because the test cloud is near.
    clock: { ...systemClock, sleep: (ms: number, signal: AbortSignal) => systemClock.sleep(ms / 10, signal) },
    random: systemRandom,
    log: { debug: note, info: note, warn: note },
    http: () => watched(createHttp({ env: {} }), watch),
  } as unknown as World;
  return { world, lines };
}

const watched = (http: Http, watch: EffectWatch | undefined): Http => ({
  async request(request) {
    const changes = !/^Action=(Describe|List|Get)/.test(String(request.body));
    if (changes) watch?.('before');
    const response = await http.request(request);
    if (changes) watch?.('after');
    return response;
  },
  close: () => http.close(),
});

/** The options that name the cloud and the keys. */
export const cloudOptions = (cloud: AwsCloud) => ({
  region: cloud.region,
  endpoint: cloud.endpoint,
  accessKeyId: new Secret(cloud.keys[0]!.id),
  secretAccessKey: new Secret(cloud.keys[0]!.secret),
});
