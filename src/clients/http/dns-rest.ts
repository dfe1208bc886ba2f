import { type CertfleetError, fail } from '../../core/errors/errors.ts';
import type { Secret } from '../../core/errors/secret.ts';
import { present } from '../../core/text/present.ts';
import type { DnsValue, ValuesProvider } from '../../ports/dns-provider.ts';
import type { Http } from '../../ports/http.ts';
import type { World } from '../../ports/world.ts';
import { createDnsApi } from './dns-api.ts';
import { type ApiAnswer, type ApiRequest, judgeByStatus, refusalOf, type Verdict } from './json-api.ts';
import { createZoneCache } from './zone-cache.ts';

export interface DnsRestOptions {
  readonly world: World;
  readonly http: Http;
  /** The provider's title, for messages. */
  readonly provider: string;
  /** The API's address with its path. Trailing slashes are ignored. */
  readonly base: string;
  /** Called for each attempt, because a header may contain a time. */
  headers(): Readonly<Record<string, string>>;
  readonly secrets: readonly Secret[];
  /** Advises what to do if a call is refused: 401, 403, and 404 for a zone that the account lacks. */
  advice(status: number | undefined, zone: string): string;
  readonly judge?: (answer: ApiAnswer) => Verdict;
  /** The option `endpoint`, if given. */
  readonly endpoint?: string | undefined;
}

/** A call about a zone. */
export interface RestCall<T> {
  readonly zone: string;
  /** The record, for messages; by default, the zone. */
  readonly about?: string;
  readonly method?: ApiRequest['method'];
  /** The path below the API's address. */
  readonly path: string;
  readonly body?: object;
  readonly headers?: Readonly<Record<string, string>>;
  /** Whether a change may be made twice. */
  readonly isRepeatable?: boolean;
  read(answer: ApiAnswer): T;
}

export interface DnsRest {
  call<T>(call: RestCall<T>, signal: AbortSignal): Promise<T>;
  /** Returns the error for a list which shows that the account lacks a zone. */
  lacks(zone: string): CertfleetError;
}

/** Creates a client for a DNS provider's API that has JSON bodies, and credentials in a header. */
export function createDnsRest(options: DnsRestOptions): DnsRest {
  const { world, http, provider, endpoint, headers, secrets, advice, judge } = options;
  const base = options.base.replace(/\/+$/, '');
  return {
    call({ zone, about = zone, method = 'GET', path, body, headers: more, isRepeatable = false, read }, signal) {
      const api = createDnsApi({
        ...{ world, http, provider, endpoint },
        advice: (status) => advice(status, zone),
        ...present({ judge }),
      });
      return api.call({
        ...{ what: `the zone ${zone}`, about, read, secrets, signal },
        readsOnly: method === 'GET',
        isRepeatable,
        build: () => ({
          ...{ method, url: `${base}${path}` },
          headers: {
            accept: 'application/json',
            ...present({ 'content-type': body && 'application/json' }),
            ...headers(),
            ...more,
          },
          body: body && JSON.stringify(body),
        }),
      });
    },
    lacks: (zone) =>
      fail('dns/refused', {
        ...{ provider, name: zone },
        reason: `the account has no zone ${zone}`,
        advice: advice(404, zone),
      }),
  };
}

/** An API whose records are separate objects. A name may have several records. */
export interface RecordsApi<Zone> {
  /** Returns the API's identifier for a zone. Fails with `dns/refused` if the account lacks the zone. */
  find(zone: string, signal: AbortSignal): Promise<Zone>;
  /** Returns the IDs of the TXT records with exactly this name and value. */
  records(zone: Zone, value: DnsValue, signal: AbortSignal): Promise<readonly string[]>;
  add(zone: Zone, value: DnsValue, signal: AbortSignal): Promise<void>;
  /** Removes a record. May fail with 404 if the record no longer exists. */
  remove(zone: Zone, record: string, value: DnsValue, signal: AbortSignal): Promise<void>;
}

/**
 * Creates a provider that lists records before it adds one, so that a lost response does no harm, and that removes
 * records by name and value, so that it needs no memory. Finds each zone once.
 */
export function recordsProvider<Zone>(api: RecordsApi<Zone>, http: Http): ValuesProvider {
  const zones = createZoneCache(api.find);
  return {
    kind: 'values',
    async append(value, signal) {
      await zones.use(value.zone, signal, async (zone) => {
        if ((await api.records(zone, value, signal)).length === 0) await api.add(zone, value, signal);
      });
      return undefined;
    },
    remove: (value, _made, signal) =>
      zones.use(value.zone, signal, async (zone) => {
        for (const record of await api.records(zone, value, signal)) {
          try {
            await api.remove(zone, record, value, signal);
          } catch (error) {
            // Another process was faster, or the response to an earlier attempt was lost.
            if (!isNotFound(error)) throw error;
          }
        }
      }),
    async check(zone, signal) {
      zones.forget(zone);
      await zones.get(zone, signal);
    },
    close: () => http.close(),
  };
}

const isNotFound = (error: unknown): boolean => refusalOf(error)?.status === 404;

/** Judges by status. A limit ends at the time in a header. */
export const judgeWithReset =
  (header: string) =>
  (answer: ApiAnswer): Verdict => {
    const verdict = judgeByStatus(answer);
    const retryAfterMs = answer.headers['retry-after'] === undefined ? untilReset(answer, header) : undefined;
    return verdict.kind !== 'limited' || retryAfterMs === undefined ? verdict : { ...verdict, retryAfterMs };
  };

/** Returns how long it is until the time in a header, in seconds since 1970, by the server's clock. */
export function untilReset({ headers }: ApiAnswer, name: string): number | undefined {
  const [reset, now] = [Number(headers[name] ?? Number.NaN) * 1000, Date.parse(headers['date'] ?? '')];
  return Number.isFinite(reset) && Number.isFinite(now) && reset > now ? reset - now : undefined;
}
