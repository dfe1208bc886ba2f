import type { World } from '../ports/world.ts';
import type { FakeApi } from '../testing/fake-api.ts';
import { type FakeClock, fakeClock } from '../testing/fake-clock.ts';

/** A world on a fake clock in which a provider reaches its fake, and of which every log line is kept. */
export interface TestWorld {
  readonly world: World;
  readonly clock: FakeClock;
  readonly lines: readonly string[];
}

/** @param fakeOf makes the fake on the world's clock */
export function testWorld<Fake extends { readonly api: FakeApi }>(
  fakeOf: (clock: FakeClock) => Fake,
): TestWorld & { readonly fake: Fake } {
  const clock = fakeClock(undefined, { auto: true });
  const fake = fakeOf(clock);
  const lines: string[] = [];
  const log = (line: string) => void lines.push(line);
  let drawn = 0;
  const world = {
    clock,
    random: { bytes: (length: number) => new Uint8Array(length).fill(++drawn), number: () => 0 },
    log: { debug: log, info: log, warn: log },
    http: () => fake.api.http,
  };
  return { world: world as unknown as World, clock, lines, fake };
}
