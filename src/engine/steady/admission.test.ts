import { expect, it } from 'vitest';
import { fakeProcesses } from '../../../test/support/fake-processes.ts';
import { randomOf, seeded } from '../../../test/support/seeded.ts';
import { fail } from '../../core/errors/errors.ts';
import { createMemoryStore } from '../../stores/memory.ts';
import { fakeClock } from '../../testing/fake-clock.ts';
import type { EngineProcess } from '../engine.ts';
import { createSessions } from '../locks/sessions.ts';
import { createAdmission } from './admission.ts';
import { createVitals } from './vitals.ts';

it('lets nothing begin while the store takes no sign of life, and then tries again what has failed meanwhile', async () => {
  const { signal } = new AbortController();
  const clock = fakeClock();
  const memory = createMemoryStore();
  const broken = fail('store/unusable', { path: '/s', reason: 'EIO', advice: '' });
  let isBroken = false;
  const put: typeof memory.put = (...args) => (isBroken ? Promise.reject(broken) : memory.put(...args));
  const ports = {
    ...{ store: { ...memory, put }, clock, random: randomOf(seeded('admission')), processes: fakeProcesses() },
    limits: { leaseTtlMs: 60_000 },
  };
  const events: string[] = [];
  const reporter = { report: ({ message }: { readonly message: string }) => void events.push(message) };
  const engine = { ...ports, reporter, sessions: createSessions(ports) } as unknown as EngineProcess;
  const vitals = createVitals(clock);
  const admission = createAdmission(engine, vitals);
  expect(await admission.begin(signal)).toEqual(new Set());

  // A pass has failed, but the store takes signs of life, as a full one does.
  await clock.advance(5_000);
  admission.passEnded([{ certificate: 'a', result: 'failed', message: '', error: broken }]);
  expect(admission.isInDoubt).toBe(true);
  expect(await admission.begin(signal)).toEqual(new Set());
  expect(admission.isInDoubt).toBe(false);

  isBroken = true;
  await clock.advance(5_000);
  admission.failed(['b']);
  expect(await admission.begin(signal)).toBeUndefined();
  admission.failed(['c']);
  expect(await admission.begin(signal)).toBeUndefined();
  expect([vitals.cannotWrite, events]).toEqual([broken.message, [broken.message]]);
  isBroken = false;
  expect(await admission.begin(signal)).toEqual(new Set(['b', 'c']));
  expect(await admission.begin(signal)).toEqual(new Set());
});
