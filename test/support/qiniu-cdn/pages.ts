import { wrong } from './gateway.ts';

/** One page of a list, and the marker of the next, which is empty at the end. */
export function pageOf<T>(
  query: URLSearchParams,
  all: readonly T[],
  keyOf: (one: T) => string,
  { most, otherwise }: { readonly most: number; readonly otherwise: number },
): { readonly found: readonly T[]; readonly marker: string } {
  const [limit, marker] = [query.get('limit') || String(otherwise), query.get('marker') ?? ''];
  if (!/^\d+$/.test(limit) || Number(limit) < 1 || Number(limit) > most) throw wrong(`limit: 1 to ${most}.`);
  const last = Buffer.from(marker, 'base64url').toString();
  const from = marker === '' ? 0 : all.findIndex((one) => keyOf(one) === last) + 1;
  if (marker !== '' && from === 0) throw wrong('marker: no such marker.');
  const found = all.slice(from, from + Number(limit));
  const isEnd = from + found.length >= all.length;
  return { found, marker: isEnd ? '' : Buffer.from(keyOf(found.at(-1)!)).toString('base64url') };
}
