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
  /** The API's address with its path; slashes at its end do not matter. */
  readonly base: string;
  /** Built for each try, since it may have a time in it. */
  headers(): Readonly<Record<string, string>>;
  readonly secrets: readonly Secret[];
  /** What to do if a call is refused: 401, 403, and 404 for a zone that the account lacks. */
  advice(status: number | undefined, zone: string): string;
  readonly judge?: (answer: ApiAnswer) => Verdict;
  /** The option, if it is given. */
  readonly endpoint?: string | undefined;
}

/** A call about a zone. */
export interface RestCall<T> {
  readonly zone: string;
  /** The record for messages; unless given, the zone. */
  readonly about?: string;
  readonly method?: ApiRequest['method'];
  /** Below the API's address. */
  readonly path: string;
  readonly body?: object;
  readonly headers?: Readonly<Record<string, string>>;
  /** A change that may be made twice. */
  readonly isRepeatable?: boolean;
  read(answer: ApiAnswer): T;
}

export interface DnsRest {
  call<T>(call: RestCall<T>, signal: AbortSignal): Promise<T>;
  /** The error if a list shows that the account lacks a zone. */
  lacks(zone: string): CertfleetError;
}

/** How a DNS provider's API is called that has JSON bodies, and credentials in a header. */
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

/** An API whose records are objects of their own, of which a name may have several. */
export interface RecordsApi<Zone> {
  /** What the API knows a zone by. Fails with `dns/refused` if the account lacks it. */
  find(zone: string, signal: AbortSignal): Promise<Zone>;
  /** The ids of the TXT records with exactly this name and value. */
  records(zone: Zone, value: DnsValue, signal: AbortSignal): Promise<readonly string[]>;
  add(zone: Zone, value: DnsValue, signal: AbortSignal): Promise<void>;
  /** May fail with 404 if the record is gone. */
  remove(zone: Zone, record: string, value: DnsValue, signal: AbortSignal): Promise<void>;
}

/**
 * Looks before it adds, so that an answer that was lost does no harm, and removes by name and value, so that it needs no
 * memory. Finds each zone once.
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
            // Another process was faster, or the answer to an earlier try was lost.
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

/** As the status says, with a limit that ends at the time in a header. */
export const judgeWithReset =
  (header: string) =>
  (answer: ApiAnswer): Verdict => {
    const verdict = judgeByStatus(answer);
    const retryAfterMs = answer.headers['retry-after'] === undefined ? untilReset(answer, header) : undefined;
    return verdict.kind !== 'limited' || retryAfterMs === undefined ? verdict : { ...verdict, retryAfterMs };
  };

/** How long until a time that a header has in seconds since 1970, by the server's clock. */
export function untilReset({ headers }: ApiAnswer, name: string): number | undefined {
  const [reset, now] = [Number(headers[name] ?? Number.NaN) * 1000, Date.parse(headers['date'] ?? '')];
  return Number.isFinite(reset) && Number.isFinite(now) && reset > now ? reset - now : undefined;
}
