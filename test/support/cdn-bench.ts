import type { HolderOf } from '../../src/core/lineage/holder.ts';
import type { DeployerDefinition, z } from '../../src/define.ts';
import type { Deployer } from '../../src/ports/deployer.ts';
import type { World } from '../../src/ports/world.ts';
import type { FakeApi } from '../../src/testing/fake-api.ts';
import { type FakeClock, fakeClock } from '../../src/testing/fake-clock.ts';

export interface Connecting {
  readonly holderOf?: HolderOf;
  /** Replace those of the bench. */
  readonly options?: object;
}

/** The mark of all uploads of a bench. */
export const owner = 'aaaaaaaaaaaa';

/** Connects a deployer to the fake of its cloud, in virtual time. */
export function cdnBench<Shape extends z.ZodObject, Cloud extends { readonly api: FakeApi }>(
  definition: DeployerDefinition<Shape>,
  options: object,
  start: (clock: FakeClock) => Cloud,
) {
  const clock = fakeClock(undefined, { auto: true });
  const cloud = start(clock);
  const lines: string[] = [];
  const note = (line: string) => void lines.push(line);
  let nonces = 0;
  const world = {
    clock,
    random: {
      bytes: (length: number) => Buffer.from(String(++nonces).padStart(length, '0')).subarray(0, length),
      number: () => 0,
    },
    log: { debug: note, info: note, warn: note },
    http: () => cloud.api.http,
  } as unknown as World;
  /** Returns a new deployer, as another process has. */
  const connect = ({ holderOf, options: again }: Connecting = {}): Deployer =>
    definition.connect({
      ...{ name: 'cdn', world, owner, holderOf },
      options: definition.options.parse({ ...options, ...again }),
    });
  return { cloud, clock, connect, deployer: connect(), lines };
}
