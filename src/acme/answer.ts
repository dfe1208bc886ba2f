import { dateMs, type RetryAfterLimits, retryAfterMs } from '../core/ca/retry-after.ts';
import { remoteText } from '../core/errors/remote-text.ts';
import { mostIdentifiers } from '../core/names/identifiers.ts';
import { type Fields, isFields, parseJson } from '../core/text/json.ts';
import type { HttpResponse } from '../ports/http.ts';

/** A CA's response, not yet validated. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  /** The requested URL, the base of relative references in the response. */
  readonly url: string;
  /** This machine's time when the last byte arrived. */
  readonly receivedAt: Date;
  /** The CA's time when it responded, to within a second or two. Undefined if the response has no date. */
  readonly sentAt: Date | undefined;
  /** The Retry-After header of any response. */
  readonly retryAfterMs: number | undefined;
}

export function toAnswer(url: string, response: HttpResponse, receivedAt: Date): Answer {
  const answer = { ...response, url, receivedAt, sentAt: dateOf(response.headers, receivedAt) };
  return { ...answer, retryAfterMs: readRetryAfter(answer) };
}

/** Returns the date of a response. A cache on the way keeps the origin's Date and adds an Age (RFC 9111 §5.1). */
function dateOf(headers: Answer['headers'], receivedAt: Date): Date | undefined {
  const date = dateMs(headers['date'] ?? '', receivedAt);
  const age = /^\d{1,9}$/.test(headers['age'] ?? '') ? Number(headers['age']) * 1000 : 0;
  return Number.isNaN(date) ? undefined : new Date(date + age);
}

/**
 * Reads Retry-After. A date there is in the CA's time, which may differ from this machine's, so it is relative to the
 * response's Date.
 */
export const readRetryAfter = (
  { headers, receivedAt, sentAt }: Omit<Answer, 'retryAfterMs'>,
  limits?: RetryAfterLimits,
): number | undefined => retryAfterMs(headers['retry-after'], sentAt ?? receivedAt, limits);

/** Thrown while reading a response; the message is the `{reason}` of `acme/malformed-answer`. */
export class MalformedAnswer extends Error {}

/** Returns the media type without parameters, in lower case. */
export const mediaType = (answer: Pick<Answer, 'headers'>): string =>
  remoteText((answer.headers['content-type'] ?? '').split(';')[0]!, 100).toLowerCase();

const isJson = (type: string): boolean => type === 'application/json' || /^application\/[\w.-]+\+json$/.test(type);

/** Reads the JSON object in a response. The content type reveals pages of proxies and portals. */
export function readObject(answer: Answer): Fields {
  const type = mediaType(answer);
  if (!isJson(type)) throw new MalformedAnswer(`the content type is ${type || 'missing'}, not application/json`);
  let value: unknown;
  try {
    value = parseJson(new TextDecoder().decode(answer.body));
  } catch {
    throw new MalformedAnswer('the body is not JSON');
  }
  if (!isFields(value)) throw new MalformedAnswer('the body is not a JSON object');
  return value;
}

/** Far longer than the URLs of CAs, which have less than 200 characters. Several are stored with each certificate. */
const longestUrl = 2_000;

/** Reads a URL from a CA: https, or also http if the CA itself uses http (a test CA on this machine). */
export function readUrl(value: unknown, what: string, answer: Pick<Answer, 'url'>): string {
  if (typeof value === 'string' && value.length > longestUrl)
    throw new MalformedAnswer(`${what} has ${value.length} characters; at most ${longestUrl} are allowed`);
  // The parser would skip line breaks and spaces, but the text itself is used below.
  if (typeof value === 'string' && !/^[\x21-\x7e]*$/.test(value)) throw new MalformedAnswer(`${what} is not a URL`);
  const url = typeof value === 'string' && URL.canParse(value, answer.url) ? new URL(value, answer.url) : undefined;
  if (!url) throw new MalformedAnswer(`${what} is not a URL`);
  const allowsHttp = new URL(answer.url).protocol === 'http:';
  if (url.protocol !== 'https:' && !(allowsHttp && url.protocol === 'http:'))
    throw new MalformedAnswer(`${what} is not an https URL`);
  // Returns an absolute URL exactly as written, because CAs compare the URL in a signature, and `kid`, as strings.
  return URL.canParse(value as string) ? (value as string) : url.href;
}

/** Reads a list from a CA. No list is longer than the largest number of identifiers in an order. */
export function readList(value: unknown, what: string): readonly unknown[] {
  if (!Array.isArray(value)) throw new MalformedAnswer(`${what} are not a list`);
  if (value.length > mostIdentifiers)
    throw new MalformedAnswer(`there are ${value.length} of ${what}; at most ${mostIdentifiers} are allowed`);
  return value;
}

export function readUrls(value: unknown, what: string, answer: Pick<Answer, 'url'>): readonly string[] {
  return readList(value, what).map((entry) => readUrl(entry, `one of ${what}`, answer));
}

/** Reads the Location header: the URL of the created object. */
export function readLocation(answer: Answer, what: string): string {
  const location = answer.headers['location'];
  if (location === undefined) throw new MalformedAnswer(`the Location of ${what} is missing`);
  return readUrl(location, `the Location of ${what}`, answer);
}

export function readOneOf<const T extends string>(value: unknown, allowed: readonly T[], what: string): T {
  if (!allowed.includes(value as T))
    throw new MalformedAnswer(`${what} is ${remoteText(JSON.stringify(value) ?? 'missing', 60)}`);
  return value as T;
}

/** Reads a text from a CA; see {@link remoteText}. */
export const readText = (value: unknown, most = 200): string | undefined =>
  typeof value === 'string' ? remoteText(value, most) : undefined;

/** Reads a link for people. Accepts only URLs that are safe to open in a browser. */
export function readWebPage(value: unknown): string | undefined {
  return typeof value === 'string' && /^https?:\/\/[\x21-\x7e]{1,2000}$/.test(value) ? value : undefined;
}

/** The rest of a longer header is ignored, because searching it takes time quadratic in its length. */
const longestLinks = 4_000;

/** Returns the target of a relation in a Link header (RFC 8288). */
export const readLink = (header: string | undefined, relation: string): string | undefined =>
  readLinks(header, relation)[0];

/** Returns all targets of a relation in a Link header, which may contain several links separated by commas. */
function readLinks(header: string | undefined, relation: string): readonly string[] {
  const targets: string[] = [];
  for (const [, target, parameters] of (header ?? '')
    .slice(0, longestLinks)
    .matchAll(/<([^>]*)>((?:[^,"]|"[^"]*")*)/g)) {
    const rel = /;\s*rel\s*=\s*(?:"([^"]*)"|([^\s;,]+))/i.exec(parameters ?? '');
    const names = (rel?.[1] ?? rel?.[2] ?? '').toLowerCase().split(/\s+/);
    if (target !== undefined && names.includes(relation)) targets.push(target);
  }
  return targets;
}

/**
 * Returns the URLs of a certificate's other chains (RFC 8555 §7.4.2). Ignores a broken link, because the certificate
 * itself has arrived.
 */
export const readAlternates = (answer: Answer): readonly string[] =>
  readLinks(answer.headers['link'], 'alternate').flatMap((target) => {
    try {
      return [readUrl(target, 'the alternate chain', answer)];
    } catch {
      return [];
    }
  });
