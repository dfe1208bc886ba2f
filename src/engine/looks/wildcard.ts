import { isWithin, parentName } from '../../core/dns-name.ts';
import type { DnsAnswer } from '../../ports/dns.ts';
import { noSuchLabel, type Zones } from '../zones/zone.ts';

/**
 * The wildcard record that would stop to work for a name's ancestors if a record were added at the name, and the
 * ancestor that would vanish; undefined where nothing is hidden.
 *
 * A wildcard answers only for names whose closest existing ancestor it stands below (RFC 4592 §3.3.1). If `a.example.com`
 * lives by `*.example.com` alone, a record at `_acme-challenge.a.example.com` makes `a.example.com` exist, empty.
 *
 * Seen from outside by what the servers answer for names that nobody has:
 * 1. `x.NAME` does not exist: the closest ancestor has no wildcard. Nothing is hidden.
 * 2. Else a wildcard answers. `x.*.PARENT` does not exist: then `*.PARENT` is a node of its own, so PARENT exists, and
 *    the wildcard stands below it (RFC 4592 §2.2.1, `ghost.*.example`). Nothing is hidden.
 * 3. Else PARENT lives by a wildcard further up. Servers that are not strict about asterisks in questions fail the
 *    second test, so the answers are compared too: only where PARENT shows exactly what that wildcard shows is it
 *    called hidden. MX and the like are not compared: it is the address that people miss.
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
  /** Whether a wildcard answers below `*.at` too, so that `*.at` is no node. A question that is too long is not asked. */
  const answersBelowAsterisk = async (at: string) => {
    const question = `${noSuchLabel}.*.${at}`;
    return !fits(question) || exists(question);
  };

  const below = `${noSuchLabel}.${name}`;
  // The longest names have no room for a label below them; that they do not exist themselves says as much.
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

/** RFC 1035 §2.3.4: a name has at most 253 characters as text. */
const fits = (name: string): boolean => name.length <= 253;

/** NXDOMAIN for the name itself; behind an alias the code is about the alias's target (RFC 6604 §2.1). */
const isNothing = (answer: DnsAnswer): boolean => answer.rcode === 'NXDOMAIN' && answer.answers.length === 0;

/** What a name shows, as one text: its alias, else its addresses. What stands behind an alias is left out: it may vary. */
function describe(name: string, answers: readonly DnsAnswer[]): string {
  const own = answers.flatMap((answer) => answer.answers.filter((record) => record.name === name));
  const alias = own.find((record) => record.type === 'CNAME');
  if (alias) return `CNAME ${alias.value}`;
  const addresses = own.filter((record) => record.type === 'A' || record.type === 'AAAA').map((record) => record.value);
  return [...new Set(addresses)].sort().join(' ');
}
