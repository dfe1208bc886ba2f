import { fail } from '../../core/errors/errors.ts';
import { parentName } from '../../core/names/dns-name.ts';
import type { DnsAnswer } from '../../ports/dns.ts';
import { chainLimit } from './limits.ts';
import type { Zones } from './zone.ts';

type Asked = Pick<Zones, 'findZone' | 'ask'>;

/**
 * A label that does not exist anywhere, so that any response comes from a wildcard. It need not be random: no cache is
 * queried.
 */
export const noSuchLabel = 'certfleet-no-such-name';

/** Follows the CNAMEs of a name to the zone in which they end. Fails with `dns/cname-loop` after too many. */
export async function followChain(zones: Asked, name: string, signal: AbortSignal) {
  const seen = new Set<string>();
  let at = name;
  while (seen.size < chainLimit && !seen.has(at)) {
    seen.add(at);
    // Search from the parent: otherwise the resolvers would cache that the name itself does not exist.
    const above = await zones.findZone(parentName(at) || at, signal);
    const { zone, answer } = await zones.ask(above.zone, { name: at, type: 'CNAME' }, signal);
    const target = cnameOf(at, answer);
    if (target === undefined || (await isSynthesized(zones, { zone, name: at, target }, signal)))
      return { zone, name: at };
    at = target;
  }
  throw fail('dns/cname-loop', { name, limit: chainLimit });
}

/** Reports whether a CNAME comes from a wildcard, in which case a nonexistent sibling has the same one. */
async function isSynthesized(
  { ask }: Asked,
  { zone, name, target }: { readonly zone: string; readonly name: string; readonly target: string },
  signal: AbortSignal,
): Promise<boolean> {
  if (name === zone) return false;
  const beside = `${noSuchLabel}.${parentName(name)}`;
  const { answer } = await ask(zone, { name: beside, type: 'CNAME' }, signal);
  if (cnameOf(beside, answer) !== target) return false;
  // An explicit CNAME may have the wildcard's target. In that case the name exists, and the wildcard does not apply
  // below it.
  const below = `${noSuchLabel}.${name}`;
  return cnameOf(below, (await ask(zone, { name: below, type: 'CNAME' }, signal)).answer) === target;
}

export const cnameOf = (name: string, answer: DnsAnswer): string | undefined =>
  answer.answers.find((record) => record.type === 'CNAME' && record.name === name)?.value;
