import { isFailure, reasonOf } from '../../core/errors/errors.ts';
import { fewAddresses } from '../../core/names/address.ts';
import type { DnsAnswer, DnsType } from '../../ports/dns.ts';
import type { AddressFinding } from '../engine.ts';
import { chainLimit } from '../zones/limits.ts';
import type { Zones } from '../zones/zone.ts';

/**
 * Looks up a name's addresses as the CA will. "No such name" is proof only from an authoritative server, because a
 * resolver may have an old response in its cache.
 */
export async function lookUpAddresses(
  name: string,
  { zones }: { readonly zones: Pick<Zones, 'resolve' | 'findZone' | 'ask'> },
  signal: AbortSignal,
): Promise<AddressFinding> {
  const seen = new Set<string>();
  let at = name;
  while (seen.size < chainLimit && !seen.has(at)) {
    seen.add(at);
    const here = at;
    const both = await Promise.all([look(here, 'A'), look(here, 'AAAA')]);
    signal.throwIfAborted();
    const known = both.filter((answer) => typeof answer !== 'string');
    const found = addressesIn(here, known);
    if (found.ipv4.length + found.ipv6.length > 0)
      return { ...found, verdict: 'found', finding: `${name} has an address` };
    const failure = both.find((answer) => typeof answer === 'string');
    // If one address family is unknown, the lack of addresses in the other proves nothing.
    if (failure !== undefined) return { ...nothing, verdict: 'cannot-tell', finding: failure };
    const target = lastTarget(here, known);
    if (target !== here) {
      // Ask again for the target: the AA bit concerned only the first name (RFC 1035 §4.1.1).
      at = target;
      continue;
    }
    return prove(here, known);
  }
  return { ...nothing, verdict: 'cannot-tell', finding: `the CNAME records of ${name} form a loop` };

  async function look(of: string, type: DnsType): Promise<DnsAnswer | string> {
    try {
      return await zones.resolve({ name: of, type }, signal);
    } catch (error) {
      return reasonOf(error);
    }
  }

  async function prove(of: string, answers: readonly DnsAnswer[]): Promise<AddressFinding> {
    if (answers.every((answer) => answer.authoritative)) return proven(of, answers);
    try {
      const { zone } = await zones.findZone(of, signal);
      const asked = await Promise.all(
        (['A', 'AAAA'] as const).map(async (type) => (await zones.ask(zone, { name: of, type }, signal)).answer),
      );
      const found = addressesIn(of, asked);
      if (found.ipv4.length + found.ipv6.length > 0)
        return { ...found, verdict: 'found', finding: `${name} has an address` };
      if (lastTarget(of, asked) !== of)
        return { ...nothing, verdict: 'cannot-tell', finding: `the resolvers do not know yet that ${of} is an alias` };
      return proven(of, asked);
    } catch (error) {
      signal.throwIfAborted();
      if (!isFailure(error)) throw error;
      return {
        ...nothing,
        verdict: 'cannot-tell',
        finding: `the resolver knows no address of ${of}, and its zone could not be asked: ${error.message}`,
      };
    }
  }

  function proven(of: string, answers: readonly DnsAnswer[]): AddressFinding {
    const what = of === name ? name : `${name} (an alias of ${of})`;
    return answers.some((answer) => answer.rcode === 'NXDOMAIN')
      ? { ...nothing, verdict: 'nxdomain-from-authority', finding: `${what} does not exist in the DNS` }
      : { ...nothing, verdict: 'no-address-from-authority', finding: `${what} has neither an A nor an AAAA record` };
  }
}

const nothing = { ipv4: [], ipv6: [] } as const;

/** Returns the addresses of the name, or of its last alias. Ignores other records in the responses. */
function addressesIn(name: string, answers: readonly DnsAnswer[]) {
  const pick = (type: string) =>
    answers.flatMap((answer) => {
      const end = lastTarget(name, [answer]);
      return answer.answers
        .filter((record) => record.type === type && record.name === end)
        .map((record) => record.value);
    });
  return fewAddresses([...new Set(pick('A'))], [...new Set(pick('AAAA'))]);
}

/** Returns the last alias in the responses, or the name itself if it has none. */
function lastTarget(name: string, answers: readonly DnsAnswer[]): string {
  const aliases = new Map(
    answers.flatMap((answer) =>
      answer.answers.filter((r) => r.type === 'CNAME').map((r) => [r.name, r.value] as const),
    ),
  );
  const seen = new Set<string>();
  let at = name;
  for (let next = aliases.get(at); next !== undefined && !seen.has(at); next = aliases.get(at)) {
    seen.add(at);
    at = next;
  }
  return at;
}
