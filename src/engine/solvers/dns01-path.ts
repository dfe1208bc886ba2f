import { isFailure, reasonOf } from '../../core/errors/errors.ts';
import { remoteText } from '../../core/errors/remote-text.ts';
import { isForbiddenAddress } from '../../core/names/address.ts';
import { printServerAddress } from '../../core/names/dns-name.ts';
import { failedAt, type Hop } from '../../core/request-path/hop.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Dns } from '../../ports/dns.ts';
import type { DnsProvider } from '../../ports/dns-provider.ts';
import type { DescribedPath } from '../../ports/solver.ts';
import type { ZoneServer, Zones } from '../zones/zone.ts';
import type { Hands } from './zone-holders.ts';

export interface Dns01Parts {
  readonly hands: Hands;
  readonly zones: Zones;
  readonly dns: Dns;
  readonly clock: Clock;
  isIgnored(server: ZoneServer): boolean;
  refuseToHide(target: { readonly zone: string; readonly name: string }, signal: AbortSignal): Promise<void>;
}

/** How long one server may take to respond. */
const serverMs = 3_000;

/**
 * Describes the path from the challenge's name, by its aliases, to the servers of the zone in which the TXT record is
 * written.
 */
export async function describeDns01(parts: Dns01Parts, name: string, signal: AbortSignal): Promise<DescribedPath> {
  const { zones, hands } = parts;
  const hops: Hop[] = [];
  try {
    const target = await zones.resolveChain(name, signal);
    if (target.name !== name)
      hops.push({ at: 'alias', state: 'well', finding: `${name} is an alias (CNAME) of ${target.name}` });
    const { provider, solver } = hands.of(target.zone);
    const who = solver === undefined ? '' : `, which the solver ${solver} changes`;
    hops.push({ at: 'zone', state: 'well', finding: `${target.name} is in the zone ${target.zone}${who}` });
    hops.push(
      ...(await Promise.all([mayWrite(parts, target, signal), ...(await lookAtServers(parts, target, signal))])).flat(),
    );
    if (provider.check) hops.push(await login(provider, target.zone, signal));
  } catch (error) {
    signal.throwIfAborted();
    hops.push(failedAt(hops.length === 0 ? 'zone' : 'server', error));
  }
  return { hops };
}

async function mayWrite(
  { refuseToHide }: Dns01Parts,
  target: { readonly zone: string; readonly name: string },
  signal: AbortSignal,
): Promise<readonly Hop[]> {
  try {
    await refuseToHide(target, signal);
    return [];
  } catch (error) {
    signal.throwIfAborted();
    return [failedAt('zone', error)];
  }
}

async function login(provider: DnsProvider, zone: string, signal: AbortSignal): Promise<Hop> {
  try {
    await provider.check?.(zone, signal);
    return { at: 'solver', state: 'well', finding: `the DNS provider takes the credentials for ${zone}` };
  } catch (error) {
    signal.throwIfAborted();
    if (isFailure(error, 'dns/needs-person'))
      return { at: 'solver', state: 'well', finding: 'a person adds the record, at the terminal of `certfleet issue`' };
    return failedAt('solver', error);
  }
}

async function lookAtServers(
  { zones, dns, clock, isIgnored }: Dns01Parts,
  { zone, name }: { readonly zone: string; readonly name: string },
  signal: AbortSignal,
): Promise<readonly Promise<readonly Hop[]>[]> {
  return (await zones.nameservers(zone, signal)).map(async (server) => {
    const who = labelOf(server);
    if (isIgnored(server))
      return [
        { at: 'server', state: 'cannot-tell', finding: `${who} is in ignoreNameservers, so it is not asked` } as const,
      ];
    if (isForbiddenAddress(server.address))
      return [
        {
          at: 'server',
          state: 'broken',
          code: 'dns/no-nameserver',
          reason: 'not-fetched',
          finding: `${who} is link-local or a metadata address, so it was not asked; no CA can reach it`,
          advice: `Correct the address of ${server.name}.`,
        } as const,
      ];
    const limit = clock.deadline(serverMs, signal);
    const wrong = {
      at: 'server',
      state: 'broken',
      code: 'dns/no-nameserver',
      advice: `Every server of ${zone} must serve the record, since a CA may ask any of them.`,
    } as const;
    try {
      const answer = await dns.query(server, { name, type: 'TXT', recursive: false }, limit.signal);
      const speaks = answer.rcode === 'NOERROR' || answer.rcode === 'NXDOMAIN';
      if (!speaks) return [{ ...wrong, finding: `${who} answers ${answer.rcode}` }];
      if (!answer.authoritative) return [{ ...wrong, finding: `${who} is not authoritative for ${name}` }];
      const values = answer.answers.filter((record) => record.type === 'TXT' && record.name === name).length;
      const has = values === 0 ? 'no TXT value now' : `${values} TXT value${values === 1 ? '' : 's'} now`;
      return [{ at: 'server', state: 'well', finding: `${who} serves ${name} (${has})` } as const];
    } catch (error) {
      signal.throwIfAborted();
      const why = limit.expired ? `no answer within ${serverMs / 1000} s` : remoteText(reasonOf(error), 200);
      return [
        {
          at: 'server',
          state: 'cannot-tell',
          finding: `${who} cannot be asked from here: ${why}`,
          advice: wrong.advice,
        } as const,
      ];
    } finally {
      limit.done();
    }
  });
}

const labelOf = (server: ZoneServer): string => {
  const at = printServerAddress(server);
  return server.name === at ? at : `${server.name} (${at})`;
};
