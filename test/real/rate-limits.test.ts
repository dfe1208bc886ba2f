import { join } from 'node:path';
import { expect, it } from 'vitest';
import { knownIssuers } from '../../src/core/ca/known-issuers.ts';
import { type LimitId, limitIds, limitsOf, type RateLimit } from '../../src/core/limits/rate-limits.ts';
import { askBoulder, boulderNames, differenceOf, drawHistory, writeLimits } from '../support/rate-limit-oracle.ts';
import { isLong, seeded } from '../support/seeded.ts';
import { sharedFolder } from '../support/service.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

stopAllAfterwards();

const histories = isLong ? 100_000 : 2000;

/** Limits that fifty steps often meet. Some of their tokens come at no whole millisecond. */
const small = limitsOf('https://ca.test/directory', {
  newOrdersPerAccount: '7/1h',
  certificatesPerDomain: '3/2h',
  certificatesPerSet: '2/3h',
  failedAuthorizations: '2/10m',
  pausingFailures: '4/4h',
});
const letsEncrypt = limitsOf(knownIssuers['letsencrypt']!.directory);

/** One process of Boulder answers for so many histories. */
const chunk = 500;

describeWith([{ name: 'boulder-ratelimits', where: 'shared' }], 'rate limits against Boulder’s own code', () => {
  // Two tests ask the same.
  let firstOfSmall: ReturnType<typeof askAll> | undefined;
  const answered = (file: string, limits: readonly RateLimit[], first: number) => {
    const all = askAll(file, limits, first);
    if (limits === small && first === 0) firstOfSmall = all;
    return all;
  };

  it.each<[string, readonly RateLimit[], share: number, limitsFile: () => Promise<string>]>([
    // With a file of the published figures, so that ours are compared, too.
    ["Let's Encrypt", letsEncrypt, 0.25, async () => join(sharedFolder(), 'bin/letsencrypt-production.yml')],
    ['a CA with small limits', small, 0.75, () => writeLimits(small)],
  ])(
    '%s says yes, no and when as predicted',
    async (what, limits, share, limitsFile) => {
      const file = await limitsFile();
      const met = new Map<string | undefined, number>();
      for (let first = 0; first < histories * share; first += chunk)
        for (const { number, happenings, answers } of await answered(file, limits, first)) {
          const difference = differenceOf(happenings, answers, limits);
          if (difference) expect.fail(`${what}, history ${number}, ${difference}`);
          for (const { limit, paused } of answers) {
            const name = paused ? boulderNames.pausingFailures : limit;
            met.set(name, (met.get(name) ?? 0) + 1);
          }
        }
      // The comparison says nothing of a limit that no history meets. The pause comes after 1152 failures.
      const expected = limitIds.filter((id) => limits === small || id !== 'pausingFailures');
      for (const id of expected) expect(met.get(boulderNames[id]) ?? 0, id).toBeGreaterThan(5);
    },
    isLong ? 3_600_000 : undefined,
  );

  it('notices if the tokens of a limit come a millisecond late', async () => {
    const all = await (firstOfSmall ?? askAll(await writeLimits(small), small, 0));
    const isNoticed = (id: LimitId) => {
      const late = small.map((limit) => (limit.id === id ? { ...limit, intervalMs: limit.intervalMs + 1 } : limit));
      return all.some(({ happenings, answers }) => differenceOf(happenings, answers, late) !== undefined);
    };
    expect(limitIds.filter((id) => !isNoticed(id))).toEqual([]);
  });
});

async function askAll(limitsFile: string, limits: readonly RateLimit[], first: number) {
  const drawn = Array.from({ length: chunk }, (_, at) => {
    const number = first + at;
    return { number, happenings: drawHistory(number, limits, seeded(`history ${number}`)) };
  });
  const all = await askBoulder(
    limitsFile,
    drawn.flatMap(({ happenings }) => happenings),
  );
  let end = 0;
  return drawn.map((history) => {
    const begin = end;
    end += history.happenings.length;
    return { ...history, answers: all.slice(begin, end) };
  });
}
