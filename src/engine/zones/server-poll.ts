import { createBriefMemory } from '../../core/async/brief-memory.ts';
import { createTurnsByKey } from '../../core/async/turns.ts';
import { isFailure, reasonOf } from '../../core/errors/errors.ts';
import { printServerAddress } from '../../core/names/dns-name.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Dns } from '../../ports/dns.ts';
import { mostAtOnce } from './limits.ts';
import type { ZoneServer } from './zone.ts';

/** How long to wait for a server at first. Doubles while the server is silent, to give a slow one more time. */
const firstPatienceMs = 500;
const mostPatienceMs = 2_000;

/**
 * How many times to query a silent server within one look, so that its recovery is noticed quickly: every 100 ms at
 * first. All queries stay open, so there must not be many.
 */
const asksPerLook = 5;

/**
 * After this time, a server's silent address is ignored if the server answers correctly over the other family. On many
 * machines, IPv6 packets vanish without an error.
 */
const familyGraceMs = 3_000;

/** System errors that mean that this machine has no route to an address family. */
const noRouteCodes = ['ENETUNREACH', 'EHOSTUNREACH', 'EAFNOSUPPORT', 'EADDRNOTAVAIL', 'EACCES', 'EPERM'];

/** How long a server's silence is remembered after the last look. */
const silenceMs = 10 * 60_000;

/** A server that does not have a value, or cannot be queried. */
export interface Missing {
  readonly server: ZoneServer;
  /** Which server, and why. */
  readonly text: string;
  /** The server does not respond at all. */
  readonly isDead: boolean;
}

/** A TXT value, and the zone whose servers must have it. */
export interface ServedValue {
  readonly zone: string;
  readonly name: string;
  readonly value: string;
}

/**
 * Creates a function that checks whether every authoritative server has a value, by querying all of them directly, up
 * to 32 of a zone at a time. Between checks, it remembers only which servers were silent.
 *
 * @returns the addresses that do not have it yet; empty once all have it
 */
export function createServerPoll({ dns, clock }: { readonly dns: Dns; readonly clock: Clock }) {
  const silences = createBriefMemory<{ readonly since: number; readonly patienceMs: number }>(
    () => clock.monotonicMs(),
    silenceMs,
  );
  const inZone = createTurnsByKey(mostAtOnce);

  return async function poll(
    servers: readonly ZoneServer[],
    value: ServedValue,
    signal: AbortSignal,
  ): Promise<readonly Missing[]> {
    const views = await Promise.all(
      servers.map(async (server) => {
        const view = await inZone(value.zone, () => look(server, value, signal), signal);
        return { server, view };
      }),
    );
    signal.throwIfAborted();
    const inOtherFamily = (server: ZoneServer) => views.filter((one) => familyOf(one.server) !== familyOf(server));
    const excused = ({ server, view }: (typeof views)[number]): boolean => {
      const others = inOtherFamily(server).filter((one) => one.view.state === 'has');
      if (view.state === 'no-route') {
        // Excused only if the whole family has no route; if only one address has none, that is the server's fault.
        const family = views.filter((one) => familyOf(one.server) === familyOf(server));
        return others.length > 0 && family.every((one) => one.view.state === 'no-route');
      }
      const since = silences.get(keyOf(server))?.since;
      const longSilent = since !== undefined && clock.monotonicMs() - since >= familyGraceMs;
      return view.state === 'silent' && longSilent && others.some((one) => one.server.name === server.name);
    };
    return views
      .filter((one) => one.view.state !== 'has' && !excused(one))
      .map(({ server, view }) => ({
        server,
        text: `${labelOf(server)} ${view.words}`,
        isDead: view.state === 'silent' || view.state === 'refuses',
      }));
  };

  async function look(server: ZoneServer, value: ServedValue, signal: AbortSignal): Promise<View> {
    const key = keyOf(server);
    const silence = silences.get(key);
    const asked = clock.monotonicMs();
    const patienceMs = silence?.patienceMs ?? firstPatienceMs;
    const limit = clock.deadline(patienceMs, signal);
    try {
      const view = await hear(server, value, patienceMs / asksPerLook, limit.signal);
      silences.delete(key);
      return view;
    } catch (error) {
      signal.throwIfAborted();
      if (!limit.expired) throw error;
      silences.set(key, {
        since: silence?.since ?? asked,
        patienceMs: Math.min(patienceMs * 2, mostPatienceMs),
      });
      return { state: 'silent', words: 'does not answer' };
    } finally {
      limit.done();
    }
  }

  /** Sends the query repeatedly until a response arrives; the first one counts. */
  async function hear(server: ZoneServer, value: ServedValue, againMs: number, signal: AbortSignal): Promise<View> {
    // One controller for each query, because Node warns of a leak if one signal has many listeners.
    const asking: AbortController[] = [];
    const stop = () => {
      for (const one of asking) one.abort(signal.reason);
    };
    signal.addEventListener('abort', stop, { once: true });
    try {
      return await new Promise<View>((resolve, reject) => {
        const ask = () => {
          const one = new AbortController();
          asking.push(one);
          if (signal.aborted) one.abort(signal.reason);
          askOnce(server, value, one.signal).then(resolve, reject);
          clock.sleep(againMs, one.signal).then(ask, () => {});
        };
        ask();
      });
    } finally {
      signal.removeEventListener('abort', stop);
      for (const one of asking) one.abort();
    }
  }

  async function askOnce(server: ZoneServer, { name, value }: ServedValue, signal: AbortSignal): Promise<View> {
    try {
      const answer = await dns.query(server, { name, type: 'TXT', recursive: false }, signal);
      if (answer.rcode !== 'NOERROR' && answer.rcode !== 'NXDOMAIN')
        return { state: 'lacks', words: `answers ${answer.rcode}` };
      const has = answer.answers.some((r) => r.type === 'TXT' && r.name === name && r.value === value);
      return has ? { state: 'has', words: '' } : { state: 'lacks', words: 'does not have it yet' };
    } catch (error) {
      signal.throwIfAborted();
      if (!isFailure(error, 'dns/lookup-failed')) throw error;
      const code = (error.cause as { readonly code?: unknown } | undefined)?.code;
      const noRoute = typeof code === 'string' && noRouteCodes.includes(code);
      return { state: noRoute ? 'no-route' : 'refuses', words: `cannot be asked: ${reasonOf(error.cause ?? error)}` };
    }
  }
}

interface View {
  readonly state: 'has' | 'lacks' | 'silent' | 'no-route' | 'refuses';
  readonly words: string;
}

const familyOf = (server: ZoneServer): 4 | 6 => (server.address.includes(':') ? 6 : 4);

const keyOf = (server: ZoneServer): string => `${server.address} ${server.port}`;

/** Returns `ns1.example.com (192.0.2.1:53)`. */
export const labelOf = (server: ZoneServer): string => {
  const at = printServerAddress(server);
  return server.name === at || server.name === `${server.address}:${server.port}`
    ? server.name
    : `${server.name} (${at})`;
};
