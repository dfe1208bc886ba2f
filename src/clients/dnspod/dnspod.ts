import type { Fields } from '../../core/text/json.ts';
import type { DnsValue } from '../../ports/dns-provider.ts';
import type { Http } from '../../ports/http.ts';
import type { World } from '../../ports/world.ts';
import { badList } from '../http/dns-api.ts';
import { isRefusal, UnreadableAnswer } from '../http/json-api.ts';
import { readPages } from '../http/pages.ts';

/**
 * The records of DNSPod, which are accessible over two APIs: the older one with DNSPod's own tokens (dnsapi.cn), and
 * version 3.0 of Tencent Cloud's API. Both give a record the same number.
 */
export interface Dnspod {
  /** Returns the TXT records at a name. The list may be half a minute old. */
  list(at: DnspodName, signal: AbortSignal): Promise<readonly DnspodRecord[]>;
  /** Returns the present state of a record by its number, or undefined if it does not exist. */
  record(at: DnspodName, id: string, signal: AbortSignal): Promise<DnspodRecord | undefined>;
  /** Returns the new record's number, or undefined if the record already exists. */
  create(value: DnsValue, signal: AbortSignal): Promise<string | undefined>;
  /** Removes a record. Succeeds if the record no longer exists. */
  remove(at: DnspodName, id: string, signal: AbortSignal): Promise<void>;
}

export type DnspodName = Pick<DnsValue, 'zone' | 'name'>;

export interface DnspodRecord {
  readonly id: string;
  readonly type: unknown;
  /** Relative to the zone; `@` for the zone itself. */
  readonly host: unknown;
  readonly value: unknown;
}

/** The parts that both APIs need. */
export interface DnspodParts {
  readonly world: World;
  readonly http: Http;
  readonly endpoint: string | undefined;
}

export const provider = 'DNSPod';
/** The largest number of records in one response. */
export const longestList = 3_000;
/**
 * The default line, which applies where no other line does. It has the same number everywhere, and a name in each
 * language.
 */
export const defaultLine = { id: '0', chinese: '默认' } as const;

export const withoutZone = (zone: string, credentials: string): string =>
  `Check that ${zone} is a domain of the account of ${credentials}, or is shared with it, and that it is not locked: see https://console.dnspod.cn/dns/list.`;

export const shortTtl = (zone: string): string =>
  `The DNSPod plan of ${zone} allows no TTL that short; see its settings.`;

/** Reads an ID, which is text in one API and a number in the other. */
export function idOf(fields: Fields, name: string): string {
  const id = fields[name];
  if (typeof id === 'number' || (typeof id === 'string' && id !== '')) return String(id);
  throw new UnreadableAnswer(`${name} is missing in its answer`);
}

/** Reads page by page, in case a name has more records than one response contains. */
export const allPages = (
  { name }: DnspodName,
  page: (offset: number) => Promise<{ readonly records: readonly DnspodRecord[]; readonly total: number }>,
): Promise<readonly DnspodRecord[]> =>
  readPages(badList(provider, name), 0, async (offset) => {
    const { records, total } = await page(offset);
    const next = offset + records.length;
    return { found: records, next: records.length === 0 || !(next < total) ? undefined : next };
  });

/** Returns undefined instead of a refusal with one of these codes. */
export const unlessRefused =
  (...codes: readonly string[]) =>
  (error: unknown): undefined => {
    if (!isRefusal(error, ...codes)) throw error;
  };
