import { systemClock } from '../../src/lib/clock.ts';
import { createWorld } from '../../src/lib/world.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { Files } from '../../src/ports/files.ts';
import type { World } from '../../src/ports/world.ts';

/** The machine's clock, so many times as fast from now on. */
export function fastClock(times: number): Clock {
  const [startMs, monotonicMs] = [systemClock.now().getTime(), systemClock.monotonicMs()];
  const passedMs = () => (systemClock.monotonicMs() - monotonicMs) * times;
  return {
    now: () => new Date(startMs + passedMs()),
    monotonicMs: () => monotonicMs + passedMs(),
    sleep: (ms, signal) => systemClock.sleep(ms / times, signal),
    deadline: (ms, parent) => systemClock.deadline(ms / times, parent),
  };
}

const writing = ['replace', 'makeFolders', 'draft', 'link'] as const satisfies readonly (keyof Files)[];

/** The machine with another clock, and a disk below `folder` that is full while `isFull` says so. */
export function worldWith(
  context: Parameters<typeof createWorld>[0],
  { clock, folder, isFull }: { readonly clock: Clock; readonly folder: string; readonly isFull: () => boolean },
): World {
  const world = createWorld(context);
  const full =
    (name: (typeof writing)[number]) =>
    async (...args: readonly unknown[]) => {
      if (isFull() && String(args[0]).startsWith(folder))
        throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
      return (world.files[name] as (...args: readonly unknown[]) => unknown)(...args);
    };
  const files = { ...world.files, ...Object.fromEntries(writing.map((name) => [name, full(name)])) } as Files;
  return { ...world, clock, files };
}
