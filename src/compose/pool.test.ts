import { describe, expect, it } from 'vitest';
import { fakeClock } from '../testing/fake-clock.ts';
import { createPool } from './pool.ts';

/** A pool, and what happened to its connections. */
function bench() {
  const clock = fakeClock();
  let hold = false;
  const happened: string[] = [];
  const pool = createPool<string>(clock, 3_600_000);
  const use = (stamp: string, place = 'p', more: { readonly keepMs?: number } = {}) =>
    pool.use(place, {
      stamp,
      connect() {
        happened.push(`connect ${stamp}`);
        return {
          ...more,
          value: stamp,
          async close(signal) {
            if (hold && signal && !signal.aborted)
              await new Promise<void>((left) => signal.addEventListener('abort', () => left(), { once: true }));
            happened.push(`close ${stamp}`);
          },
        };
      },
    });
  return { pool, happened, use, wait: clock.advance, stay: () => (hold = true) };
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

  it('replaces an old one, although something always uses it', async () => {
    const { pool, happened, use, wait } = bench();
    const one = use('a');
    await wait(3_599_999);
    const same = use('a');
    expect(happened).toEqual(['connect a']);
    await wait(1);
    const [next, other] = [use('a'), use('a')];
    one.end();
    expect(happened).toEqual(['connect a', 'connect a']);
    same.end();
    expect(happened).toEqual(['connect a', 'connect a', 'close a']);
    next.end();
    other.end();
    await pool.close(undefined);
    expect(happened).toEqual(['connect a', 'connect a', 'close a', 'close a']);
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
    await wait(60_000);
    use('new', 'new').end();
    await pool.closeUnused(60_000);
    expect(happened.filter((one) => one.startsWith('close'))).toEqual(['close old']);
  });

  it('closes one that others need soon after its last user, and connects it again for the next', async () => {
    const { pool, happened, use, wait } = bench();
    const port = () => use('port', 'port', { keepMs: 10_000 });
    use('other', 'other').end();
    const [one, other] = [port(), port()];
    one.end();
    await wait(20_000);
    other.end();
    await wait(9_000);
    port().end();
    await wait(9_999);
    expect(happened, 'the wait begins anew with each user').toEqual(['connect other', 'connect port']);
    await wait(1);
    expect(happened.at(-1)).toBe('close port');
    port().end();
    await pool.close(undefined);
    expect(happened.slice(3)).toEqual(['connect port', 'close other', 'close port']);
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
