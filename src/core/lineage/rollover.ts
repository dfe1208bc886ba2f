import { endOfHold } from '../ca/retry-after.ts';
import { accountOf, defaultAccount } from '../spec/account.ts';
import type { StoredSpec } from '../spec/spec.ts';
import { shellWord } from '../text/shell-word.ts';
import type { Lineage } from './lineage.ts';

/**
 * A change of an account's key that has begun. Until it ends, some proxies answer with the thumbprint of the one key, and
 * some with that of the other, so an order that they must answer fails.
 */
export interface Rollover {
  /** RFC 3339. */
  readonly startedAt: string;
  /** The issuer, and the account's name if it has one. */
  readonly account: string;
  /** What goes on with it. */
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
  `waits for the key rollover of the account at ${account}, started at ${startedAt}; run \`${command}\` to finish it, or with --abort to give it up`;

const noEnd = new Date(8.64e15);

/**
 * Whether a certificate waits for the rollover. No certificate expires because of one that was forgotten: like the hold of
 * a busy CA, it counts for at most half of the validity that was left when it began. Then the preflight decides.
 */
export function holdsBack({ startedAt }: Rollover, lineage: Lineage | undefined, now: Date): boolean {
  const since = new Date(startedAt);
  const notAfter = lineage?.current?.facts.notAfter;
  const validityLeftMs = notAfter === undefined ? undefined : Date.parse(notAfter) - since.getTime();
  return now < endOfHold(noEnd, { now: since, validityLeftMs, isLimit: false });
}
