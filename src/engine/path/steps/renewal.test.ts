import { describe, expect, it } from 'vitest';
import { fail } from '../../../core/errors/errors.ts';
import type { Failure, Lineage } from '../../../core/lineage/lineage.ts';
import { testLineage, testSpec } from '../../../core/lineage/test-lineages.ts';
import type { Event } from '../../../core/plan/event.ts';
import type { RenewalInfo } from '../../../ports/issuer.ts';
import { createMemoryStore } from '../../../stores/memory.ts';
import { fakeClock } from '../../../testing/fake-clock.ts';
import type { Engine } from '../../engine.ts';
import { createMemory, type Memory } from '../../memory/memory.ts';
import { newPass } from '../../memory/pass.ts';
import { askRenewalInfo } from './renewal.ts';

const now = new Date('2026-03-02T00:00:00.000Z');
const { signal } = new AbortController();
const minute = 60_000;
const later = (minutes: number) => new Date(now.getTime() + minutes * minute).toISOString();
const clock = fakeClock(now);
const ask = (
  lineage: Lineage,
  answer: () => Promise<RenewalInfo | undefined>,
  memory: Memory = createMemory(clock),
) => {
  let asked = 0;
  const reported: Event[] = [];
  const engine = {
    store: createMemoryStore(),
    clock,
    ...{ memory, pass: newPass('test', clock, memory) },
    random: { number: () => 0 },
    reporter: { report: (event: Event) => void reported.push(event) },
    connect: {
      issuer: () => ({
        directoryUrl: testSpec.issuer.settings.directory,
        directory: async () => ({ clockSkewMs: 120_000 }),
        renewalInfo: () => {
          asked += 1;
          return answer();
        },
      }),
    },
  } as unknown as Engine;
  const renewal = askRenewalInfo({ engine, job: { wanted: testSpec }, lineage, signal } as unknown as Parameters<
    typeof askRenewalInfo
  >[0]);
  return renewal.then((kept) => ({ kept, asked, reported: reported.map(({ level, message }) => [level, message]) }));
};

const { current } = testLineage;
const lineage: Lineage = { ...testLineage, current: { ...current, facts: { ...current.facts, ariId: 'a.b' } } };
const window = (start: string, end: string) => async () => ({
  start,
  end,
  explanationUrl: undefined,
  retryAfterMs: 360 * minute,
});
const revoked = window('2026-02-28T00:00:00.000Z', '2026-03-01T00:00:00.000Z');

describe('the question for the renewal window', () => {
  const held = (code: string, holdUntil: string): Lineage => {
    const failure: Failure = { count: 1, at: later(-1), code, message: '', hint: '', retryAt: holdUntil, holdUntil };
    return { ...lineage, failure };
  };

  it('is asked although a limit holds orders: the window may have been moved because of a revocation', async () => {
    const memory = createMemory(clock);
    const { kept, asked } = await ask(held('acme/rate-limited', later(10_000)), revoked, memory);
    expect(asked).toBe(1);
    expect(kept).toMatchObject({ source: 'ari', at: '2026-02-28T00:00:00.000Z' });
    // Its answer tells the CA's time, too.
    expect([...memory.skews.values()]).toEqual([120_000]);
  });

  it.each([
    [60, 60],
    [10_000, 360],
  ])('waits while the CA has asked for a pause of %i minutes: asks in %i', async (minutes, expected) => {
    const { kept, asked } = await ask(held('acme/busy', later(minutes)), revoked);
    expect(asked).toBe(0);
    expect(kept).toEqual({ ...lineage.renewal, checkAfter: later(expected) });
  });

  it('is not asked before the CA wants to be asked', async () => {
    const renewal = { ...lineage.renewal!, checkAfter: later(1) };
    expect(await ask({ ...lineage, renewal }, revoked)).toMatchObject({ asked: 0, kept: renewal });
    // A clock that was far ahead has stored it.
    expect(await ask({ ...lineage, renewal: { ...renewal, checkAfter: later(20_000) } }, revoked)).toMatchObject({
      asked: 1,
    });
  });

  it('is asked again when a busy CA says', async () => {
    const busy = fail('acme/busy', { issuer: 'CA', status: 'HTTP 503', what: 'it' }, { retryAt: new Date(later(2)) });
    const { kept } = await ask(lineage, () => Promise.reject(busy));
    expect(kept).toEqual({ ...lineage.renewal, checkAfter: later(2) });
  });

  it('reports and ignores an answer that is too late for the certificate', async () => {
    const { kept, reported } = await ask(lineage, window('2026-05-11T00:00:00.000Z', '2026-05-12T00:00:00.000Z'));
    expect(kept).toMatchObject({ source: 'lifetime', checkAfter: later(360) });
    expect(Date.parse(kept?.at ?? '')).toBeLessThan(Date.parse(current.facts.notAfter));
    const said = 'cannot be right for a certificate valid from';
    expect(reported).toEqual([['warn', expect.stringContaining(said)]]);
  });

  it('warns with the page on which the CA explains its window, once', async () => {
    const explained = async () => ({ ...(await revoked()), explanationUrl: 'https://ca.test/why' });
    const first = await ask(lineage, explained);
    const { name } = testSpec.issuer;
    const message = `will be renewed at 2026-02-28T00:00:00.000Z, in the window that ${name} suggests`;
    expect(first.reported).toEqual([['warn', `${message}; ${name} explains why at https://ca.test/why`]]);
    expect((await ask(lineage, revoked)).reported).toEqual([['info', message]]);
    const { checkAfter: _over, ...kept } = first.kept ?? { at: '', source: 'ari' as const };
    expect((await ask({ ...lineage, renewal: kept }, explained)).reported).toEqual([]);
    // Explained only later, for the same window.
    const { explanationUrl: _none, ...unexplained } = kept;
    expect((await ask({ ...lineage, renewal: unexplained }, explained)).reported).toHaveLength(1);
    // One incident concerns many certificates.
    const memory = createMemory(clock);
    const levels = [];
    for (const name of ['one', 'two', 'three'])
      levels.push(...(await ask({ ...lineage, name }, explained, memory)).reported.map(([level]) => level));
    expect(levels).toEqual(['warn', 'info', 'info']);
  });
});
