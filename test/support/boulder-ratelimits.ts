import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findProgram, sharedFolder, temporaryFolder } from './service.ts';
import type { Needed } from './vitest.ts';

/** Boulder's own rate limits, as an oracle (`<shared>/bin/README.md`). */
export const boulderRateLimits: Needed = { name: 'boulder-ratelimits', where: 'shared' };

/** What the CA counts, and when. Times are those of the CA's clock. */
export type LimitRequest = { readonly atMs: number } & (
  | { readonly op: 'new-account'; readonly ip: string }
  | {
      readonly op: 'new-order';
      readonly account: number;
      readonly identifiers: readonly string[];
      /** The same exact set was issued within 120 days. */
      readonly renewal: boolean;
      /** `replaces` was accepted, inside the window. */
      readonly ari?: boolean;
    }
  | {
      readonly op: 'new-order-failed' | 'issued';
      readonly account: number;
      readonly identifiers: readonly string[];
      readonly renewal: boolean;
    }
  | {
      readonly op: 'failed-authorization' | 'valid-authorization';
      readonly account: number;
      readonly identifier: string;
    }
);

export interface LimitAnswer {
  readonly allowed: boolean;
  /** Boulder's name of the limit. */
  readonly limit?: string;
  /** With up to 3 % of chance on top. */
  readonly retryAfterMs?: number;
  readonly detail?: string;
  /** The last failure has paused this name. */
  readonly paused?: boolean;
}

/** Boulder's names of the limits, in its own words: `count` tokens a period. Periods as in Go: `3h`. */
export type BoulderLimits = Readonly<
  Record<string, { readonly count: number; readonly burst: number; readonly period: string }>
>;

/**
 * Asks one process, whose buckets are full at first. It answers 49,000 requests a second, so histories with names and
 * accounts of their own can share it.
 *
 * @param limits Let's Encrypt's production limits, if not given
 */
export async function askBoulder(
  requests: readonly LimitRequest[],
  limits?: BoulderLimits,
): Promise<readonly LimitAnswer[]> {
  const program = findProgram('boulder-ratelimits', 'shared')!;
  let file = join(sharedFolder(), 'bin/letsencrypt-production.yml');
  if (limits) {
    file = join(await temporaryFolder('boulder-limits'), 'limits.yml');
    // JSON is YAML.
    await writeFile(file, JSON.stringify(limits));
  }
  const output = await new Promise<string>((resolve, reject) => {
    const child = execFile(program, [file], { maxBuffer: 1024 ** 3 }, (error, stdout) =>
      error ? reject(error) : resolve(stdout),
    );
    child.stdin!.end(requests.map((request) => `${JSON.stringify(request)}\n`).join(''));
  });
  return output
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as LimitAnswer);
}
