import { describe, expect, it } from 'vitest';
import { createSingleFlight } from './single-flight.ts';

describe('createSingleFlight', () => {
  /** Runs that end when the test says so. */
  function bench() {
    const runs: { resolve(value: string): void; reject(error: unknown): void }[] = [];
    const share = createSingleFlight<string>();
    const call = (key = 'k', signal?: AbortSignal) => {
      const run = () =>
        new Promise<string>((resolve, reject) => {
          runs.push({ resolve, reject });
          signal?.addEventListener('abort', () => reject(signal.reason));
        });
      return share(key, run, signal);
    };
    return { runs, call };
  }

  it('shares a run and its outcome, by key, and begins anew afterwards', async () => {
    const { runs, call } = bench();
    const [first, second, other] = [call(), call(), call('other')];
    expect(runs).toHaveLength(2);
    runs[0]!.resolve('one');
    runs[1]!.resolve('two');
    expect(await Promise.all([first, second, other])).toEqual(['one', 'one', 'two']);
    const third = call();
    expect(runs).toHaveLength(3);
    runs[2]!.reject(new Error('broken'));
    await expect(third).rejects.toThrow('broken');
  });

  it('shares a failure too', async () => {
    const { runs, call } = bench();
    const both = Promise.allSettled([call(), call()]);
    runs[0]!.reject(new Error('broken'));
    expect(await both).toEqual(Array(2).fill({ status: 'rejected', reason: new Error('broken') }));
    expect(runs).toHaveLength(1);
  });

  it('lets a caller leave without ending the run', async () => {
    const { runs, call } = bench();
    const stop = new AbortController();
    const [first, second] = [call(), call('k', stop.signal)];
    stop.abort(new Error('stopped'));
    await expect(second).rejects.toThrow('stopped');
    runs[0]!.resolve('one');
    expect(await first).toBe('one');
  });

  it('starts one new run for the others when the call that started it is aborted', async () => {
    const { runs, call } = bench();
    const stop = new AbortController();
    const first = call('k', stop.signal);
    const others = [call(), call()];
    stop.abort(new Error('stopped'));
    await expect(first).rejects.toThrow('stopped');
    await new Promise((resolve) => setImmediate(resolve));
    expect(runs).toHaveLength(2);
    runs[1]!.resolve('two');
    expect(await Promise.all(others)).toEqual(['two', 'two']);
  });
});
