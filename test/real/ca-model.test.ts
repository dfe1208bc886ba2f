import { expect, it } from 'vitest';
import { createRateLimits, type Exhausted, type Limits } from '../simulation/world/ca-model/rate-limits.ts';
import { limited } from '../simulation/world/ca-model/refusal.ts';
import { letsEncryptLimits } from '../simulation/world/ca-model/settings.ts';
import type { Identifier } from '../simulation/world/ca-model/state.ts';
import {
  askBoulder,
  type BoulderLimits,
  boulderRateLimits,
  type LimitAnswer,
  type LimitRequest,
} from '../support/boulder-ratelimits.ts';
import { chanceOf, isLong, seed } from '../support/seeded.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

stopAllAfterwards();

/** Boulder's names of the limits. */
const names = {
  newOrdersPerAccount: 'NewOrdersPerAccount',
  certificatesPerDomain: 'CertificatesPerDomain',
  certificatesPerSet: 'CertificatesPerFQDNSet',
  failedAuthorizations: 'FailedAuthorizationsPerDomainPerAccount',
  pausingFailures: 'FailedAuthorizationsForPausingPerDomainPerAccount',
} as const;

/** Small enough that short histories reach each of them. */
const scaled: Limits = {
  newOrdersPerAccount: { burst: 3, count: 3, periodMs: 20_000_000 },
  certificatesPerDomain: { burst: 4, count: 3, periodMs: 7_200_000 },
  certificatesPerSet: { burst: 2, count: 2, periodMs: 7_000_000 },
  failedAuthorizations: { burst: 2, count: 2, periodMs: 14_000_000 },
  pausingFailures: { burst: 3, count: 1, periodMs: 9_000_000 },
};

const boulders = (limits: Limits): BoulderLimits =>
  Object.fromEntries(
    Object.entries(limits).map(([name, { count, burst, periodMs }]) => [
      names[name as keyof typeof names],
      { count, burst, period: `${periodMs}ms` },
    ]),
  );

interface Said {
  readonly allowed: boolean;
  readonly limit?: string;
  readonly waitMs?: number;
  readonly detail?: string;
  readonly paused?: boolean;
}

const saidOf = (exhausted: Exhausted, ms: number): Said => ({
  allowed: false,
  limit: names[exhausted.limit],
  waitMs: exhausted.waitMs,
  detail: withoutTime(limited(exhausted, { ms, chance: 0.5 }).message),
});

/** The time in the text has its own part of chance. */
const withoutTime = (detail: string): string => detail.replace(/retry after .* UTC/, 'retry after');

interface Plan {
  readonly limits: Limits;
  readonly histories: number;
  readonly steps: number;
  /** How fast one step follows another: 1 is twenty minutes, on average. */
  readonly pace: number;
}

const identifier = (value: string): Identifier => ({ type: /^[\d.]+$|:/.test(value) ? 'ip' : 'dns', value });

/** A history with names of its own, and what the model says to each request. */
function history(number: number, { limits, steps, pace }: Plan): readonly (readonly [LimitRequest, Said])[] {
  const chance = chanceOf(seed * 100_003 + number);
  const below = (count: number) => Math.floor(chance() * count);
  const domain = ['com', 'co.uk', 'github.io'][number % 3];
  const own = [`h${number}.${domain}`, `a.h${number}.${domain}`, `*.h${number}.${domain}`, `b.a.h${number}.${domain}`];
  const few = [
    ...own,
    `x${number}.org`,
    `2001:db8:${number.toString(16)}::${number % 7}`,
    `10.${number >> 8}.${number & 255}.1`,
  ];
  // Every fourth history has so many names that only the account's own limit stops it.
  const all = number % 4 === 0 ? Array.from({ length: 2000 }, (_, at) => `n${at}.m${at}-${number}.net`) : few;
  let nowMs = 1_790_000_000_000 + below(1e9);
  const model = createRateLimits(
    () => nowMs,
    () => limits,
  );
  return Array.from({ length: steps }, () => {
    // Often a second, sometimes an hour; and then the exact instant of a token.
    nowMs += [0, 0, Math.floor(1000 * pace), below(60_000 * pace), below(600_000 * pace), below(7_200_000 * pace)][
      below(6)
    ]!;
    const accountId = 2 * number + below(2);
    const ordered = [...new Set(Array.from({ length: 1 + below(3) }, () => all[below(all.length)]!))];
    const order = { accountId, identifiers: ordered.map(identifier), isRenewal: chance() < 0.2 };
    const request = { atMs: nowMs, account: accountId, identifiers: ordered, renewal: order.isRenewal };
    // Few fail, so that some fail often.
    const name = all[below(3)]!;
    const step = below(10);
    if (step < 4) {
      const exhausted = model.order(order);
      if (exhausted && chance() < 0.3) nowMs += Math.floor(exhausted.waitMs);
      return [{ ...request, op: 'new-order' }, exhausted ? saidOf(exhausted, request.atMs) : { allowed: true }];
    }
    if (step === 4) {
      model.refund(order);
      return [{ ...request, op: 'new-order-failed' }, { allowed: true }];
    }
    if (step < 7) {
      model.issued(order);
      return [{ ...request, op: 'issued' }, { allowed: true }];
    }
    const single = { atMs: nowMs, account: accountId, identifier: name };
    if (step === 9) {
      model.succeeded(accountId, name);
      return [{ ...single, op: 'valid-authorization' }, { allowed: true }];
    }
    const paused = model.failed(accountId, name);
    return [
      { ...single, op: 'failed-authorization' },
      { allowed: true, paused },
    ];
  });
}

const more = isLong ? 50 : 1;
// The production limits need a long history in a short time.
const plans: Readonly<Record<string, Plan>> = {
  'scaled limits': { limits: scaled, histories: 400 * more, steps: 50, pace: 1 },
  'production limits': { limits: letsEncryptLimits, histories: 6 * more, steps: 3000, pace: 0.001 },
};

describeWith([boulderRateLimits], 'the limits of the CA model, compared with Boulder', () => {
  it.each(Object.entries(plans))('%s: the same answers, and the same waits', async (_name, plan) => {
    const asked = Array.from({ length: plan.histories }, (_, number) => history(number, plan)).flat();
    const requests = asked.map(([request]) => request);
    const answers = await askBoulder(requests, boulders(plan.limits));
    expect(answers.length).toBe(asked.length);
    const different = asked.flatMap(([request, said], at) =>
      agrees(said, answers[at]!) ? [] : [{ request, said, boulder: answers[at] }],
    );
    expect(different.slice(0, 3)).toEqual([]);
    // Otherwise nothing was compared.
    const refused = new Set(answers.map(({ limit }) => limit).filter(Boolean));
    expect([...refused].sort()).toEqual([
      names.certificatesPerDomain,
      names.certificatesPerSet,
      names.failedAuthorizations,
      names.newOrdersPerAccount,
    ]);
    expect(answers.some(({ paused }) => paused)).toBe(plan.limits === scaled);
  });
});

function agrees(said: Said, answer: LimitAnswer): boolean {
  const { allowed, limit, retryAfterMs = 0, paused = false } = answer;
  if (said.allowed !== allowed || (said.paused ?? false) !== paused) return false;
  if (allowed) return true;
  const { waitMs = 0 } = said;
  if (said.detail !== withoutTime(answer.detail ?? '')) return false;
  return said.limit === limit && retryAfterMs >= waitMs - 1 && retryAfterMs <= waitMs * 1.03 + 1;
}
