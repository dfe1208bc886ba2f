import { endOfHold } from '../ca/retry-after.ts';
import { accountOf, defaultAccount } from '../spec/account.ts';
import type { StoredSpec } from '../spec/spec.ts';
import { shellWord } from '../text/shell-word.ts';
import type { Lineage } from './lineage.ts';

/**
 * A key rollover of an account that has begun. Until it ends, some proxies answer with the old key's thumbprint, and
 * some with the new one's, so an order that depends on the proxies would fail.
 */
export interface Rollover {
  /** RFC 3339. */
  readonly startedAt: string;
  /** The issuer, and the account's name if it has one. */
  readonly account: string;
  /** The command that continues it. */
  readonly command: string;
}

export function rolloverFor({ issuer }: StoredSpec, startedAt: string): Rollover {
  const { name } = accountOf(issuer.settings);
  const isDefault = name === defaultAccount;
  return {
    startedAt,
    account: isDefault ? issuer.name : `${issuer.name} (${name})`,
    command: `certfleet account rollover ${shellWord(issuer.name)}${isDefault ? '' : ` --account ${shellWord(name)}`}`,
  };
}

export const rolloverText = ({ startedAt, account, command }: Rollover): string =>
  `is waiting for the key rollover of the account at ${account}, which started at ${startedAt}; run \`${command}\` to finish it, or add --abort to cancel it`;

const noEnd = new Date(8.64e15);

/**
 * Reports whether a certificate waits for the rollover. No certificate may expire because of a forgotten rollover: like
 * the hold of a busy CA, it counts for at most half of the validity that was left when it began. After that, the
 * preflight decides.
 */
export function holdsBack({ startedAt }: Rollover, lineage: Lineage | undefined, now: Date): boolean {
  const since = new Date(startedAt);
  const notAfter = lineage?.current?.facts.notAfter;
  const validityLeftMs = notAfter === undefined ? undefined : Date.parse(notAfter) - since.getTime();
  return now < endOfHold(noEnd, { now: since, validityLeftMs, isLimit: false });
}
