import { isFailure, reasonOf } from '../../core/errors/errors.ts';
import { printServerAddress } from '../../core/names/dns-name.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Dns, DnsServer } from '../../ports/dns.ts';
import { speaks } from './authorities.ts';

/** How long a resolver may take: it may have to query servers on the other side of the world. */
const resolverMs = 5_000;

/**
 * Asks resolvers whether they see a value. Call this once all authoritative servers have it, because a resolver caches
 * that it does not exist.
 *
 * @returns each resolver that does not see it, and why
 */
export async function lookFrom(
  { dns, clock }: { readonly dns: Dns; readonly clock: Clock },
  resolvers: readonly DnsServer[],
  { name, value }: { readonly name: string; readonly value: string },
  signal: AbortSignal,
): Promise<readonly string[]> {
  const seen = await Promise.all(
    resolvers.map(async (resolver) => {
      const who = `the vantage point ${printServerAddress(resolver)}`;
      const limit = clock.deadline(resolverMs, signal);
      try {
        const answer = await dns.query(resolver, { name, type: 'TXT', recursive: true }, limit.signal);
        if (!speaks(answer)) return `${who} answers ${answer.rcode}`;
        // After a CNAME, the value has another name.
        if (answer.answers.some((record) => record.type === 'TXT' && record.value === value)) return undefined;
        return `${who} does not see it yet`;
      } catch (error) {
        signal.throwIfAborted();
        if (!limit.expired && !isFailure(error, 'dns/lookup-failed')) throw error;
        return `${who} ${limit.expired ? 'does not answer' : `cannot be asked: ${reasonOf(error)}`}`;
      } finally {
        limit.done();
      }
    }),
  );
  return seen.filter((one) => one !== undefined);
}
