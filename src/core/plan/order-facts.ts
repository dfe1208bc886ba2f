import type { OrderFacts } from '../limits/order-buckets.ts';
import type { Lineage, Version } from '../lineage/lineage.ts';
import { type Identifier, sameIdentifiers } from '../names/identifier.ts';
import { accountKey, accountOf } from '../spec/account.ts';
import type { StoredSpec } from '../spec/spec.ts';

/** For so long, Boulder remembers which sets of names it has issued for. */
const rememberedMs = 120 * 86_400_000;

/** An order, as far as it is not in the settings of its certificate. */
interface GivenOrder {
  /** The account's URL; empty if it is not open yet. */
  readonly account: string;
  /** When it is made, by the CA's clock. */
  readonly atMs: number;
  /** The names to order, if those of the spec that were refused are left out. */
  readonly identifiers?: readonly Identifier[] | undefined;
  /** Whether the order names its predecessor (RFC 9773 §5); by default, whether it will. */
  readonly replaces?: boolean | undefined;
  registeredDomain(value: string): string;
}

/** Returns the versions of a lineage that the CA issued for exactly these names. */
export const versionsFor = (
  { current, previous }: Pick<Lineage, 'current' | 'previous'>,
  directory: string,
  identifiers: readonly Identifier[],
): readonly Version[] =>
  [current, previous].filter(
    (one): one is Version =>
      one !== undefined && one.directory === directory && sameIdentifiers(one.facts.identifiers, identifiers),
  );

/** Returns by what the CA counts the next order of a certificate. */
export function orderFacts(
  { issuer, identifiers: all }: Pick<StoredSpec, 'issuer' | 'identifiers'>,
  lineage: Lineage | undefined,
  { account: url, atMs, identifiers = all, replaces, registeredDomain }: GivenOrder,
): OrderFacts {
  // Two accounts that are not open yet have different limits, too.
  const account = url || accountKey(accountOf(issuer.settings));
  const { directory } = issuer.settings;
  const { current, renewal } = lineage ?? {};
  const same = lineage ? versionsFor(lineage, directory, identifiers) : [];
  const names = replaces ?? (current?.directory === directory && current.accountUrl === account);
  const { window } = renewal ?? {};
  const isOpen = window !== undefined && Date.parse(window.start) <= atMs && atMs < Date.parse(window.end);
  return {
    account,
    identifiers,
    isRenewal: same.some(({ facts }) => atMs - Date.parse(facts.notBefore) < rememberedMs),
    isExempt: names && isOpen,
    registeredDomain,
  };
}
