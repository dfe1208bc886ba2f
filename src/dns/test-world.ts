import { resolveOptions, type WithOptions } from '../config/options/options.ts';
import { Secret } from '../core/errors/secret.ts';
import { present } from '../core/text/present.ts';
import type { World } from '../ports/world.ts';
import { fakeWorld } from '../testing/dns-api-bench.ts';
import type { FakeApi } from '../testing/fake-api.ts';
import { type FakeClock, fakeClock } from '../testing/fake-clock.ts';

/** A world on a fake clock in which a provider reaches its fake, and which keeps every log line. */
export interface TestWorld {
  readonly world: World;
  readonly clock: FakeClock;
  readonly lines: readonly string[];
}

/** @param fakeOf creates the fake on the world's clock */
export function testWorld<Fake extends { readonly api: FakeApi }>(
  fakeOf: (clock: FakeClock) => Fake,
): TestWorld & { readonly fake: Fake } {
  const clock = fakeClock(undefined, { auto: true });
  const fake = fakeOf(clock);
  const lines: string[] = [];
  return { world: fakeWorld(clock, lines)(fake.api.http), clock, lines, fake };
}

/** Returns a provider's parsed options, as they come from a credentials file or from the environment. */
export async function optionsFrom(
  definition: WithOptions,
  from: { readonly file: string } | { readonly env: Readonly<Record<string, string>> },
): Promise<Readonly<Record<string, unknown>>> {
  const text = 'file' in from ? from.file : undefined;
  const { options } = await resolveOptions(
    definition,
    { type: definition.id, ...present({ credentials: text === undefined ? undefined : '/credentials' }) } as never,
    {
      env: 'env' in from ? from.env : {},
      files: {
        read: async () => new TextEncoder().encode(text),
        stat: async () => ({
          ...{ kind: 'file', size: 1, links: 1, mode: 0o600, uid: 0, gid: 0, modifiedMs: 0, changedMs: 0 },
        }),
      },
    },
  );
  const { credentials: _, ...others } = options as Record<string, unknown>;
  return Object.fromEntries(
    Object.entries(others).map(([name, value]) => [name, value instanceof Secret ? value.reveal() : value]),
  );
}
