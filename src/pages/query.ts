import type { ListQuery } from '../fleet/web/view.ts';
import { en } from './text/en.ts';

export const sorts = ['name', 'expiry', 'renewal'] as const satisfies readonly ListQuery['sort'][];

/** What one page lists. 50 rows are 15 kB before compression, and fill two screens. */
const pageSize = 50;
const longestSearch = 200;

type State = NonNullable<ListQuery['state']>;
const isState = (text: string): text is State => Object.hasOwn(en.states, text);

/** Reads the list's query from an address. What it does not know is left out, as an old bookmark may have it. */
export function listQueryOf(params: URLSearchParams): ListQuery {
  const get = (name: string) => params.get(name)?.trim() || undefined;
  const state = get('state');
  const sort = sorts.find((one) => one === get('sort')) ?? 'name';
  return {
    // Names have no capitals.
    search: get('search')?.slice(0, longestSearch).toLowerCase(),
    state: state !== undefined && isState(state) ? state : undefined,
    issuer: get('issuer'),
    sort,
    after: get('after'),
    limit: pageSize,
  };
}

/** The address of a page of the list. */
export function linkOf({ search, state, issuer, sort, after }: ListQuery): string {
  const params = new URLSearchParams();
  const all = { search, state, issuer, sort: sort === 'name' ? undefined : sort, after };
  for (const [name, value] of Object.entries(all)) if (value) params.set(name, value);
  const query = params.toString();
  return query === '' ? '/certificates' : `/certificates?${query}`;
}
