import { expect, it } from 'vitest';
import { fail } from '../core/errors/errors.ts';
import { Secret } from '../core/errors/secret.ts';
import { createVitals, type KnownCertificate } from '../engine/steady/vitals.ts';
import type { Http } from '../ports/http.ts';
import { fakeClock } from '../testing/fake-clock.ts';
import { healthOf } from './health.ts';
import { sendHeartbeats } from './heartbeat.ts';

it('is sent every minute while all is well, and says once why not', async () => {
  const clock = fakeClock();
  const vitals = createVitals(clock);
  const state = {
    heartbeat: undefined as { url: string; everyMs: number } | undefined,
    url: 'https://beat.test/secret-1',
  };
  let certificates: readonly KnownCertificate[] = [];
  vitals.know(() => certificates);
  const calls: string[] = [];
  let answer = async () => ({ status: 200, headers: {}, body: new Uint8Array() });
  const http: Http = {
    request: ({ url }) => {
      calls.push(url);
      return answer();
    },
    close: async () => {},
  };
  const lines: string[] = [];
  const stop = new AbortController();
  const running = sendHeartbeats(
    {
      world: { clock, http: () => http },
      reporter: { report: ({ level, message }) => void lines.push(`${level}: ${message}`) },
      composed: { readSecret: async () => new Secret(state.url) },
      settings: () => (state.heartbeat ? { heartbeat: state.heartbeat } : {}),
      health: () => healthOf(vitals, clock.monotonicMs(), false),
      vitals,
    },
    stop.signal,
  );
  /** Lets minutes pass in which the loop turns. */
  const pass = async (minutes: number) => {
    for (let minute = 0; minute < minutes; minute++) {
      vitals.turned(60_000);
      await clock.advance(60_000);
    }
    return [calls.splice(0).length, lines.splice(0)];
  };

  expect(await pass(3)).toEqual([0, []]);
  state.heartbeat = { url: 'file:/url', everyMs: 60_000 };
  expect(await pass(3)).toEqual([0, ['warn: no heartbeat: the certificates have not been read yet']]);
  vitals.ready();
  expect(await pass(5)).toEqual([5, ['info: the heartbeat is sent again']]);

  vitals.store('write', 'no space left');
  expect(await pass(60)).toEqual([0, ['warn: no heartbeat: the store cannot be written']]);
  vitals.store('write', undefined);
  await pass(1);

  const soon = clock.now().getTime() + 86_400_000;
  const one = { name: 'a', isUndeclared: false, renewMs: Number.NaN };
  certificates = [
    { ...one, notAfterMs: soon, overdueMs: soon - 2 * 86_400_000, isFailing: false, isPaused: false, isPending: false },
  ];
  expect(await pass(2)).toEqual([0, ['warn: no heartbeat: a certificate is overdue']]);
  certificates = [];
  expect(await pass(1)).toEqual([1, ['info: the heartbeat is sent again']]);

  answer = async () => ({ status: 503, headers: {}, body: new Uint8Array() });
  expect(await pass(2)).toEqual([2, ['warn: no heartbeat: its service answers with 503']]);
  answer = () => Promise.reject(fail('network/failed', { method: 'GET', url: 'https://beat.test', reason: 'refused' }));
  expect(await pass(2)).toEqual([2, ['warn: no heartbeat: GET https://beat.test: refused']]);
  state.url = 'not a URL';
  expect(await pass(1)).toEqual([0, ['warn: no heartbeat: `heartbeat` is no https:// or http:// URL']]);

  // The loop hangs.
  [state.url, answer] = [
    'https://beat.test/secret-2',
    async () => ({ status: 204, headers: {}, body: new Uint8Array() }),
  ];
  await pass(1);
  vitals.turns();
  await clock.advance(10 * 60_000);
  expect([calls.length <= 2, lines]).toEqual([true, ['warn: no heartbeat: the loop does not turn']]);

  state.heartbeat = { url: 'file:/url', everyMs: 86_400_000 };
  await pass(60);
  calls.length = 0;
  state.heartbeat = { url: 'file:/url', everyMs: 120_000 };
  expect((await pass(4))[0]).toBe(2);

  stop.abort();
  await running;
});
