import { isFields } from '../core/text/json.ts';
import type { FakeAnswer, FakeRequest, Fault } from './fake-api.ts';

/** The fields in which APIs say how many pages or entries there are. */
const counts = /^(total|totalcount|total_?pages|pages|record_total)$/i;

/**
 * Simulates lists that never end: each page says that there is another one, in the fields of every API that has pages.
 *
 * @param isSame whether each page leads to the same next one; otherwise, each leads to a new one
 */
export function endlessList(isSame: boolean): Fault {
  /** The first page of each list, as it is sent, with {@link nextMark} in place of the next page. */
  const first = new Map<string, FakeAnswer & { readonly body: string }>();
  let last = 0;
  return {
    kind: 'changed',
    change(answer, request) {
      const key = keyOf(request);
      // The service has no other pages, or does not know the requested one.
      const page = first.get(key) ?? asSent(withNext(answer, nextMark, sizeOf(request)));
      first.set(key, page);
      last += 1;
      const next = isSame ? 'again' : `page-${last}`;
      const headers = Object.entries(page.headers ?? {}).map(([name, value]) => [name, value.replace(nextMark, next)]);
      const body = page.body.replaceAll(nextMark, next);
      return { status: page.status, headers: Object.fromEntries(headers), body };
    },
  };
}

const nextMark = 'next-page-mark';

/** Writes JSON once for all pages: a page may be long. */
function asSent({ status, headers = {}, body = '' }: FakeAnswer): FakeAnswer & { readonly body: string } {
  if (typeof body === 'string') return { status, headers, body };
  return { status, headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) };
}

function keyOf({ url, headers }: FakeRequest): string {
  const filters = [...url.searchParams].filter(
    ([name]) => !/page|cursor|offset|marker|token|nonce|time|signature/i.test(name),
  );
  return JSON.stringify([url.pathname, headers['x-tc-action'], filters]);
}

/**
 * Returns how many entries the client requests. A page with fewer may be the last one. Services with longer pages
 * report the count.
 */
function sizeOf({ url, text }: FakeRequest): number {
  const size = Number(/(?:limit|length|size|per_?page|items)\w*"?[:=]"?(\d+)/i.exec(`${url.search} ${text}`)?.[1]);
  return size <= 500 ? size : 1;
}

function withNext({ status, headers = {}, body }: FakeAnswer, next: string, size: number): FakeAnswer {
  const url = `https://next.test/?page=${next}&cursor=${next}&$skipToken=${next}`;
  if (typeof body === 'string') {
    const isTruncated = '<IsTruncated>true</IsTruncated>';
    const names = `<NextDNSName>${next}.</NextDNSName><NextHostedZoneId>${next}</NextHostedZoneId>`;
    const text = body
      // The list would end where another zone follows.
      .replace(/(<HostedZone>.*?<\/HostedZone>).*(<\/HostedZones>)/s, '$1$2')
      .replace(/<Next\w+>[^<]*<\/Next\w+>/g, '')
      .replace(/<IsTruncated>\w+<\/IsTruncated>/, isTruncated + names);
    return { status, headers, body: text };
  }
  const more = isFields(body)
    ? {
        ...{ isTruncated: true, nextMarker: next, nextPageToken: next, nextLink: url, next },
        links: { pages: { next: url } },
      }
    : {};
  const whole = full(body, size);
  const meta = isFields(whole) && isFields(whole['meta']) ? { meta: { ...whole['meta'], links: { next } } } : {};
  return {
    status,
    headers: { ...headers, link: `<${url}>; rel="next"` },
    body: isFields(whole) ? { ...whole, ...more, ...meta } : whole,
  };
}

/** Fills lists with enough entries, and raises counts, so that there must be more pages. */
function full(value: unknown, size: number): unknown {
  if (Array.isArray(value))
    return value.some(isFields)
      ? Array.from({ length: Math.max(size, value.length) }, (_, at) => value[at % value.length])
      : value;
  if (!isFields(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, one]) => [
      name,
      counts.test(name) && !isFields(one) && !Array.isArray(one) ? 1_000_000_000 : full(one, size),
    ]),
  );
}
