import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { registeredDomain } from '../../src/config/certificates/public-suffix.ts';
import { look, refunded, spent } from '../../src/core/limits/gcra.ts';
import {
  type Bucket,
  bucketsAsked,
  bucketsOfFailure,
  bucketsSpent,
  type OrderFacts,
  refusal,
} from '../../src/core/limits/order-buckets.ts';
import type { LimitId, RateLimit } from '../../src/core/limits/rate-limits.ts';
import { canonicalAddress } from '../../src/core/names/identifiers.ts';
import { findProgram, temporaryFolder } from './service.ts';

/** What happens at the CA, as `boulder-ratelimits` reads it (`<shared>/bin/README.md`). */
interface Happening {
  readonly op: 'new-order' | 'new-order-failed' | 'issued' | 'failed-authorization' | 'valid-authorization';
  readonly atMs: number;
  readonly account: number;
  readonly identifiers?: readonly string[];
  readonly identifier?: string;
  readonly renewal?: boolean;
  readonly ari?: boolean;
}

interface Answer {
  readonly allowed: boolean;
  readonly limit?: string;
  /** With up to 3 % of jitter. Not there if it is less than a millisecond. */
  readonly retryAfterMs?: number;
  readonly detail?: string;
  /** The failures of this name and account have led to a pause. */
  readonly paused?: boolean;
}

export const boulderNames: Readonly<Record<LimitId, string>> = {
  newOrdersPerAccount: 'NewOrdersPerAccount',
  certificatesPerDomain: 'CertificatesPerDomain',
  certificatesPerSet: 'CertificatesPerFQDNSet',
  failedAuthorizations: 'FailedAuthorizationsPerDomainPerAccount',
  pausingFailures: 'FailedAuthorizationsForPausingPerDomainPerAccount',
};

/** A file of limits for Boulder. JSON is YAML. */
export async function writeLimits(limits: readonly RateLimit[]): Promise<string> {
  const path = join(await temporaryFolder('limits'), 'limits.yml');
  const entries = limits.map(({ id, burst, periodMs }) => [
    boulderNames[id],
    { burst, count: burst, period: `${periodMs}ms` },
  ]);
  await writeFile(path, JSON.stringify(Object.fromEntries(entries)));
  return path;
}

/** Asks Boulder's own code. One process answers for many histories. */
export async function askBoulder(limitsFile: string, happenings: readonly Happening[]): Promise<readonly Answer[]> {
  const program = findProgram('boulder-ratelimits', 'shared');
  if (program === undefined) throw new Error('boulder-ratelimits is not here');
  const child = spawn(program, [limitsFile], { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.end(`${happenings.map(onceInARow((one) => JSON.stringify(one))).join('\n')}\n`);
  const lines = (await text(child.stdout)).trimEnd().split('\n');
  return lines.map(onceInARow((line) => JSON.parse(line) as Answer));
}

/** A step is often many times the same object, which has to be read only once. */
function onceInARow<In, Out>(read: (one: In) => Out): (one: In) => Out {
  let last: { readonly one: In; readonly out: Out } | undefined;
  return (one) => {
    if (last?.one !== one) last = { one, out: read(one) };
    return last.out;
  };
}

/** A history of one or two accounts. No two of different numbers have a bucket in common. */
export function drawHistory(number: number, limits: readonly RateLimit[], chance: () => number): readonly Happening[] {
  const whole = (below: number) => Math.floor(chance() * below);
  const pick = <T>(list: readonly T[]): T => list[whole(list.length)]!;
  const some = <T>(list: readonly T[], most: number): readonly T[] => {
    const count = 1 + whole(most);
    return list
      .map((item) => [chance(), item] as const)
      .sort(([a], [b]) => a - b)
      .slice(0, count)
      .map(([, item]) => item);
  };
  const names = some(namesOf(number), 6);
  const accounts = [2 * number + 1, 2 * number + 2];
  let atMs = Date.UTC(2026, 10, 29);
  const step = (): readonly Happening[] => {
    // All happens at sums of intervals, so a token often comes at just this millisecond, the last, or the next.
    if (chance() < 0.4) atMs += Math.round(pick(limits).intervalMs * (1 + whole(3))) + pick([-1, 0, 0, 1]);
    else if (chance() < 0.2) atMs += 1;
    const account = chance() < 0.8 ? accounts[0]! : accounts[1]!;
    const renewal = chance() < 0.25;
    const order = { atMs, account, identifiers: some(names, 3), renewal };
    const failure = { atMs, account, identifier: pick(names) };
    // What happens, and a bucket from which it may take all tokens at once.
    const [one, limit] = weighted<readonly [Happening, LimitId?]>(chance(), [
      [45, [{ op: 'new-order', ...order, ari: chance() < 0.1 }, 'newOrdersPerAccount']],
      [15, [{ op: 'issued', ...order }, 'certificatesPerDomain']],
      [10, [{ op: 'issued', ...order }, 'certificatesPerSet']],
      [15, [{ op: 'failed-authorization', ...failure }, 'failedAuthorizations']],
      [5, [{ op: 'failed-authorization', ...failure }, 'pausingFailures']],
      [5, [{ op: 'valid-authorization', ...failure }]],
      [5, [{ op: 'new-order-failed', ...order }]],
    ]);
    const { burst = 1 } = limits.find(({ id }) => id === limit) ?? {};
    // So a step has three happenings on average, however large the bucket is.
    return Array.from({ length: chance() < 2 / burst ? burst - 1 + whole(3) : 1 }, () => one);
  };
  return Array.from({ length: 50 }, step).flat();
}

/** Takes an item by its share of 100. */
function weighted<T>(chance: number, items: readonly (readonly [share: number, item: T])[]): T {
  let left = chance * 100;
  for (const [share, item] of items) {
    if (left < share) return item;
    left -= share;
  }
  throw new Error('the shares are fewer than 100');
}

/** Names and addresses with registered domains in common, some below private suffixes. */
function namesOf(number: number): readonly string[] {
  const [high, low] = [(number >> 8) + 1, (number % 256) * 256 + 1].map((group) => group.toString(16));
  const octets = [20 + (number >> 16), (number >> 8) % 256, number % 256, 1];
  return [
    ...['', '*.', 'a.', 'b.', '*.a.'].map((label) => `${label}x${number}.com`),
    ...['', '*.', 'a.'].map((label) => `${label}x${number}.github.io`),
    `x${number}.co.uk`,
    `a.x${number}.unknown-suffix`,
    octets.join('.'),
    ...['::1', '::2', ':f::1'].map((end) => `2001:db8:${high}:${low}${end}`),
  ];
}

/** What the product's arithmetic says of a history, in the terms of {@link Answer}. */
function createPrediction(limits: readonly RateLimit[]) {
  const levels = new Map<string, number>();
  const spend = (buckets: readonly Bucket[], atMs: number) => {
    for (const { key, limit } of buckets) levels.set(key, spent(levels.get(key), limit, atMs));
  };
  const bucketsOf = onceInARow((one: Happening) => {
    const { account, identifier = '', identifiers = [], renewal = false, ari = false } = one;
    const order: OrderFacts = {
      account: String(account),
      identifiers: identifiers.map((value) => ({ type: canonicalAddress(value) ? 'ip' : 'dns', value })),
      ...{ isRenewal: renewal, isExempt: ari, registeredDomain },
    };
    return {
      asked: bucketsAsked(order, limits),
      spent: bucketsSpent(order, limits, one.op === 'issued' ? 'issued' : 'order'),
      failures: bucketsOfFailure(order.account, identifier, limits),
    };
  });
  return (one: Happening): { readonly refused?: ReturnType<typeof refusal>; readonly paused?: boolean } => {
    const { op, atMs } = one;
    const { asked, spent: spending, failures } = bucketsOf(one);
    const pausing = failures.find(({ limit }) => limit.id === 'pausingFailures');
    switch (op) {
      case 'new-order': {
        const refused = refusal(asked, levels, atMs);
        if (!refused) spend(spending, atMs);
        return { refused };
      }
      case 'new-order-failed':
        for (const { key, limit } of spending) levels.set(key, refunded(levels.get(key), limit, atMs));
        return {};
      case 'issued':
        spend(spending, atMs);
        return {};
      case 'failed-authorization': {
        const paused = pausing !== undefined && look(levels.get(pausing.key), pausing.limit, atMs).left === 0;
        spend(failures, atMs);
        return { paused };
      }
      case 'valid-authorization':
        if (pausing) levels.delete(pausing.key);
        return {};
    }
  };
}

/** Returns the first happening at which the product's arithmetic and Boulder's code differ, as text. */
export function differenceOf(
  happenings: readonly Happening[],
  answers: readonly Answer[],
  limits: readonly RateLimit[],
): string | undefined {
  const predict = createPrediction(limits);
  for (const [at, one] of happenings.entries()) {
    const answer = answers[at]!;
    const { refused, paused = false } = predict(one);
    const waitMs = (refused?.untilMs ?? one.atMs) - one.atMs;
    const saidMs = answer.retryAfterMs ?? 0;
    const isSame =
      answer.allowed === (refused === undefined) &&
      (answer.paused ?? false) === paused &&
      answer.limit === (refused && boulderNames[refused.by.limit.id]) &&
      namesBucket(answer, refused?.by) &&
      // Boulder cuts to whole milliseconds, and certfleet waits for the next whole one.
      saidMs >= waitMs - 1 &&
      saidMs <= waitMs * 1.03 + 1;
    if (!isSame)
      return `step ${at}: ${JSON.stringify(one)}\n  Boulder: ${JSON.stringify(answer)}\n  certfleet: ${JSON.stringify({ until: waitMs, by: refused?.by.key, paused })}`;
  }
  return undefined;
}

/** A refusal quotes the name of its bucket; of a network of IPv6 only what follows the last colon, which is `/64`. */
function namesBucket({ detail = '' }: Answer, bucket: Bucket | undefined): boolean {
  const quoted = /"([^"]*)"/.exec(detail)?.[1];
  return quoted === undefined || bucket?.of.endsWith(quoted) === true;
}
