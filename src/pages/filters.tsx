import type { FC } from 'hono/jsx';
import type { ListQuery } from '../fleet/web/view.ts';
import type { Made, State } from './parts.tsx';
import { sorts } from './query.ts';

/** In the order of the filters. */
export const listed: readonly State[] = [
  'valid',
  'due',
  'working',
  'failing',
  'pending',
  'expired',
  'missing',
  'interrupted',
  'paused',
  'revoked',
  'undeclared',
  'test',
  'corrupt',
];

/** Search, filters and order of the list. */
export const Filters: FC<Made & { readonly query: ListQuery; readonly issuers: readonly string[] }> = ({
  reader: { text },
  query,
  issuers,
}) => {
  const { search, state, issuer, sort } = query;
  const known = issuer && !issuers.includes(issuer) ? [...issuers, issuer] : issuers;
  return (
    // What is typed is looked up at once with scripts, and with the button without.
    <search>
      <form
        method="get"
        action="/certificates"
        class="filters"
        hx-get="/certificates"
        hx-trigger="input delay:250ms, submit"
        hx-target="#live"
        hx-select="#live"
        hx-swap="outerMorph"
        hx-sync="this:replace"
      >
        <label class="wide">
          <span>{text.list.search}</span>
          <input
            type="search"
            name="search"
            value={search ?? ''}
            placeholder={text.list.searchHint}
            autocomplete="off"
            spellcheck={false}
            maxlength={200}
          />
        </label>
        <label>
          <span>{text.list.state}</span>
          <select name="state">
            <option value="">{text.list.anyState}</option>
            {listed.map((one) => (
              <option value={one} selected={one === state}>
                {text.states[one]}
              </option>
            ))}
          </select>
        </label>
        {known.length > 1 ? (
          <label>
            <span>{text.list.issuer}</span>
            <select name="issuer">
              <option value="">{text.list.anyIssuer}</option>
              {known.map((one) => (
                <option value={one} selected={one === issuer}>
                  {one}
                </option>
              ))}
            </select>
          </label>
        ) : null}
        <label>
          <span>{text.list.sort}</span>
          <select name="sort">
            {sorts.map((one) => (
              <option value={one} selected={one === sort}>
                {text.list.sorts[one]}
              </option>
            ))}
          </select>
        </label>
        <div class="buttons">
          <button type="submit">{text.list.apply}</button>
          {search || state || issuer ? (
            <a class="button plain" href="/certificates">
              {text.list.clear}
            </a>
          ) : null}
        </div>
      </form>
    </search>
  );
};
