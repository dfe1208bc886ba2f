import { isWithin, parentName } from '../../core/names/dns-name.ts';
import type { DnsAnswer } from '../../ports/dns.ts';
import { noSuchLabel } from '../zones/cname-chain.ts';
import type { Zones } from '../zones/zone.ts';

/**
 * Finds the wildcard record that a record at a name would hide, and the parent name that would vanish because of it.
 * Returns undefined if nothing would be hidden.
 *
 * A wildcard applies only to names whose closest existing ancestor is directly above it (RFC 4592 §3.3.1). If
 * `a.example.com` exists only through `*.example.com`, a record at `_acme-challenge.a.example.com` makes
 * `a.example.com` exist without any address.
 *
 * The servers' responses for names that do not exist (`x`) show this:
 * 1. If `x.NAME` does not exist, no wildcard applies. Nothing is hidden.
 * 2. Otherwise a wildcard answered. If `x.*.PARENT` does not exist, `*.PARENT` is a node, so PARENT exists and that
 * wildcard is below it (RFC 4592 §2.2.1, `ghost.*.example`). Nothing is hidden.
 * 3. Otherwise PARENT exists only through a wildcard further up. Some servers answer queries with asterisks wrongly, so
 * PARENT must also have the same addresses as that wildcard. Other types, such as MX, are not compared.
 */
export async function findHiddenWildcard(
  zones: Pick<Zones, 'ask'>,
  { zone, name }: { readonly zone: string; readonly name: string },
  signal: AbortSignal,
): Promise<{ readonly vanishes: string; readonly wildcard: string } | undefined> {
  const parent = parentName(name);
  // The zone's apex always exists.
  if (parent === undefined || name === zone || parent === zone || !isWithin(parent, zone)) return undefined;
  const ask = async (at: string, type: 'A' | 'AAAA' = 'A') =>
    (await zones.ask(zone, { name: at, type }, signal)).answer;
  const exists = async (at: string) => !isNothing(await ask(at));
  /**
   * Reports whether a wildcard also answers below `*.at`, so that `*.at` is not a node. A name that is too long counts
   * as answered.
   */
  const answersBelowAsterisk = async (at: string) => {
    const question = `${noSuchLabel}.*.${at}`;
    return !fits(question) || exists(question);
  };

  const below = `${noSuchLabel}.${name}`;
  // The longest names have no room for another label; in that case, check whether the name itself exists.
  if (!(await exists(fits(below) ? below : name))) return undefined;
  for (const at of [parent, name]) if (!(await answersBelowAsterisk(at))) return undefined;

  const above = parentName(parent) ?? '';
  const show = async (at: string) => describe(at, await Promise.all([ask(at, 'A'), ask(at, 'AAAA')]));
  const sibling = `${noSuchLabel}.${above}`;
  const [itself, beside] = await Promise.all([show(parent), show(fits(sibling) ? sibling : parent)]);
  if (itself === '' || itself !== beside) return undefined;

  for (let at: string | undefined = above; at !== undefined && isWithin(at, zone); at = parentName(at))
    if (!(await answersBelowAsterisk(at))) return { vanishes: parent, wildcard: `*.${at}` };
  return { vanishes: parent, wildcard: `*.${zone}` };
}

/** Reports whether a name has at most 253 characters as text (RFC 1035 §2.3.4). */
const fits = (name: string): boolean => name.length <= 253;

/**
 * Reports whether the name itself does not exist. After an alias, NXDOMAIN concerns the alias's target (RFC 6604 §2.1).
 */
const isNothing = (answer: DnsAnswer): boolean => answer.rcode === 'NXDOMAIN' && answer.answers.length === 0;

/**
 * Returns a name's alias, or else its addresses, as text. The addresses behind an alias are omitted, because they may
 * vary.
 */
function describe(name: string, answers: readonly DnsAnswer[]): string {
  const own = answers.flatMap((answer) => answer.answers.filter((record) => record.name === name));
  const alias = own.find((record) => record.type === 'CNAME');
  if (alias) return `CNAME ${alias.value}`;
  const addresses = own.filter((record) => record.type === 'A' || record.type === 'AAAA').map((record) => record.value);
  return [...new Set(addresses)].sort().join(' ');
}
