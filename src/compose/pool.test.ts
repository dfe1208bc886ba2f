import { describe, expect, it } from 'vitest';
import { createPool } from './pool.ts';

/** A pool, and what happened to its connections. */
function bench() {
  let [nowMs, hold] = [0, false];
  const happened: string[] = [];
  const pool = createPool<string>(() => nowMs);
  const use = (stamp: string, place = 'p') =>
    pool.use(place, {
      stamp,
      connect() {
        happened.push(`connect ${stamp}`);
        return {
          value: stamp,
          async close(signal) {
            if (hold && signal && !signal.aborted)
              await new Promise<void>((left) => signal.addEventListener('abort', () => left(), { once: true }));
            happened.push(`close ${stamp}`);
          },
        };
      },
    });
  return { pool, happened, use, wait: (ms: number) => (nowMs += ms), stay: () => (hold = true) };
}

describe('a pool of connections', () => {
  it('shares one between its users, and keeps it for the next', async () => {
    const { pool, happened, use } = bench();
    const [one, other] = [use('a'), use('a')];
    one.end();
    other.end();
    expect(use('a').value).toBe('a');
    await pool.close(undefined);
    expect(happened).toEqual(['connect a', 'close a']);
  });

  it('replaces one while it is in use, and closes it once its last user is done', async () => {
    const { pool, happened, use } = bench();
    const [one, other] = [use('a'), use('a')];
    const next = use('b');
    expect([one.value, next.value]).toEqual(['a', 'b']);
    one.end();
    one.end();
    expect(happened, 'a user that ends twice counts once').toEqual(['connect a', 'connect b']);
    other.end();
    await pool.closeUnused(60_000);
    expect(happened).toEqual(['connect a', 'connect b', 'close a']);
    next.end();
    await pool.close(undefined);
    expect(happened.at(-1)).toBe('close b');
  });

  it('closes one without users at once when it is replaced', async () => {
    const { pool, happened, use } = bench();
    use('a').end();
    use('b');
    use('a', 'another place');
    await pool.closeUnused(60_000);
    expect(happened).toEqual(['connect a', 'connect b', 'close a', 'connect a']);
  });

  it('goes back to one that is still in use, if its secrets come back', async () => {
    const { pool, happened, use } = bench();
    const first = use('a');
    use('b').end();
    expect(use('a').value).toBe('a');
    first.end();
    await pool.closeUnused(60_000);
    expect(happened).toEqual(['connect a', 'connect b', 'close b']);
  });

  it('closes what has had no user for some time', async () => {
    const { pool, happened, use, wait } = bench();
    use('used');
    use('old', 'old').end();
    wait(60_000);
    use('new', 'new').end();
    await pool.closeUnused(60_000);
    expect(happened.filter((one) => one.startsWith('close'))).toEqual(['close old']);
  });

  it('lets what is being closed wait for others, until the process must end', async () => {
    const { pool, happened, use, stay } = bench();
    stay();
    use('a').end();
    use('b');
    const stop = new AbortController();
    const closing = pool.close(stop.signal);
    await Promise.resolve();
    expect(happened).toEqual(['connect a', 'connect b']);
    stop.abort();
    await closing;
    expect(happened.slice(2).sort()).toEqual(['close a', 'close b']);
  });
});
