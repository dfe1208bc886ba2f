import { join } from 'node:path';
import { expect, it } from 'vitest';
import { knownIssuers } from '../../src/core/ca/known-issuers.ts';
import { limitIds, limitsOf, type RateLimit } from '../../src/core/limits/rate-limits.ts';
import { createRateLimits, type Limits } from '../simulation/world/ca-model/rate-limits.ts';
import { limited } from '../simulation/world/ca-model/refusal.ts';
import { letsEncryptLimits } from '../simulation/world/ca-model/settings.ts';
import { normalized } from '../simulation/world/ca-model/state.ts';
import { askBoulder, boulderNames, drawHistory, writeLimits } from '../support/rate-limit-oracle.ts';
import { isLong, seeded } from '../support/seeded.ts';
import { sharedFolder } from '../support/service.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

stopAllAfterwards();

type Happening = ReturnType<typeof drawHistory>[number];
type Answer = Awaited<ReturnType<typeof askBoulder>>[number];

/** Limits that fifty steps often meet. */
const small = limitsOf('https://ca.test/directory', {
  newOrdersPerAccount: '6/1h',
  certificatesPerDomain: '3/2h',
  certificatesPerSet: '2/3h',
  failedAuthorizations: '2/10m',
  pausingFailures: '4/4h',
});

/** Histories are drawn by the product's limits, which say how long to wait; the model has its own. */
const cases: Readonly<
  Record<string, readonly [drawn: readonly RateLimit[], model: Limits, file: () => Promise<string>]>
> = {
  "Let's Encrypt": [
    limitsOf(knownIssuers['letsencrypt']!.directory),
    letsEncryptLimits,
    async () => join(sharedFolder(), 'bin/letsencrypt-production.yml'),
  ],
  'a CA with small limits': [
    small,
    Object.fromEntries(small.map(({ id, burst, periodMs }) => [id, { burst, count: burst, periodMs }])),
    () => writeLimits(small),
  ],
};

describeWith([{ name: 'boulder-ratelimits', where: 'shared' }], 'the limits of the CA model, as Boulder’s own', () => {
  it.each(Object.entries(cases))(
    '%s says yes, no, when and why as Boulder does',
    async (what, [drawn, model, file]) => {
      const chance = seeded(`ca model ${what}`);
      const histories = Array.from({ length: isLong ? 5_000 : 250 }, (_, number) => drawHistory(number, drawn, chance));
      const answers = await askBoulder(await file(), histories.flat());
      const met = new Set<string | undefined>();
      let at = 0;
      for (const history of histories) {
        const say = createSayings(model);
        for (const happening of history) {
          const answer = answers[at++]!;
          met.add(answer.paused ? boulderNames.pausingFailures : answer.limit);
          const said = say(happening);
          if (!agrees(said, answer)) expect.fail(`${JSON.stringify(happening)}\n${JSON.stringify({ answer, said })}`);
        }
      }
      // Otherwise nothing was compared. A pause of Let's Encrypt comes after 1152 failures.
      const expected = limitIds
        .filter((id) => drawn === small || id !== 'pausingFailures')
        .map((id) => boulderNames[id]);
      expect([...met]).toEqual(expect.arrayContaining(expected));
    },
  );
});

/** What the model says to each of what happens. */
function createSayings(limits: Limits) {
  let nowMs = 0;
  const model = createRateLimits(
    () => nowMs,
    () => limits,
  );
  return ({ op, atMs, account, identifier = '', identifiers = [], renewal = false, ari = false }: Happening) => {
    nowMs = atMs;
    const typed = identifiers.map((value) => ({ type: /^[\d.]+$|:/.test(value) ? 'ip' : 'dns', value }) as const);
    const order = { accountId: account, identifiers: normalized(typed), isRenewal: renewal };
    switch (op) {
      case 'new-order': {
        const exhausted = ari ? undefined : model.order(order);
        return { exhausted, detail: exhausted && limited(exhausted, { ms: atMs, chance: 0 }).message };
      }
      case 'new-order-failed':
        model.refund(order);
        return {};
      case 'issued':
        model.issued(order);
        return {};
      case 'failed-authorization':
        return { paused: model.failed(account, identifier) };
      case 'valid-authorization':
        model.succeeded(account, identifier);
        return {};
    }
  };
}

function agrees(
  { exhausted, detail, paused = false }: ReturnType<ReturnType<typeof createSayings>>,
  answer: Answer,
): boolean {
  const { retryAfterMs = 0 } = answer;
  const waitMs = exhausted?.waitMs ?? 0;
  return (
    answer.allowed === (exhausted === undefined) &&
    (answer.paused ?? false) === paused &&
    answer.limit === (exhausted && boulderNames[exhausted.limit]) &&
    withoutTime(answer.detail) === withoutTime(detail) &&
    retryAfterMs >= waitMs - 1 &&
    retryAfterMs <= waitMs * 1.03 + 1
  );
}

/** The time in the text has a part of chance, too. */
const withoutTime = (detail = ''): string => detail.replace(/retry after .* UTC/, 'retry after');
