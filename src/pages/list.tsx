import type { FC } from 'hono/jsx';
import { lettersOf, withLetters } from '../core/names/letters.ts';
import type { CertificateRow, Counts, ListPage, ListQuery } from '../fleet/web/view.ts';
import { Filters, listed } from './filters.tsx';
import { Notice, Zone } from './layout.tsx';
import { Empty, Foreign, type Made, pathOf, StateBadge, When } from './parts.tsx';
import { linkOf } from './query.ts';
import { Served } from './served.tsx';
import { StepMeter } from './steps.tsx';

export interface ListData {
  readonly query: ListQuery;
  readonly page: ListPage;
  readonly issuers: readonly string[];
  /** How many certificates are in each state, as far as search and issuer find them; undefined without a filter. */
  readonly counts: Counts | undefined;
  /** The page that was asked for no longer exists. */
  readonly isOtherPage?: boolean;
}

/** Certificates, one row each. Every control is a link or a form that works without scripts. */
export const List: FC<Made & ListData> = ({ reader, query, page, issuers, counts, isOtherPage }) => {
  const { text, mayAct, csrf } = reader;
  const { rows, total, next } = page;
  const matching = counts && (query.state ? [counts[query.state]] : Object.values(counts)).reduce((a, b) => a + b, 0);
  return (
    <>
      <h1>{text.certificates}</h1>
      {isOtherPage ? <Notice kind="refused">{text.list.badCursor}</Notice> : null}
      <Filters reader={reader} query={query} issuers={issuers} />
      <form method="post" action="/certificates" id="bulk">
        <input type="hidden" name="csrf" value={csrf} />
        <div id="live" data-live="" hx-get={linkOf(query)} hx-trigger="fleet" hx-select="#live" hx-swap="outerMorph">
          <div class="list-head">
            <p role="status" class="muted">
              {matching !== undefined
                ? text.list.found(matching, total)
                : rows.length < total
                  ? text.list.some(rows.length, total)
                  : text.list.all(total)}
            </p>
            {mayAct ? <a href="/new">{text.declare.link}</a> : null}
            {mayAct && rows.length > 0 ? (
              <Bulk
                reader={reader}
                query={query}
                isAll={rows.length === (matching ?? total)}
                found={matching ?? total}
              />
            ) : null}
          </div>
          {counts ? <CountsOf reader={reader} query={query} counts={counts} /> : null}
          {rows.length === 0 ? (
            <Empty>{total === 0 ? text.all.none : `${text.list.nothing} ${text.list.nothingHint}`}</Empty>
          ) : (
            <table class="list">
              <caption class="hidden">{text.list.caption}</caption>
              <thead>
                <tr>
                  {mayAct ? (
                    <th scope="col" class="pick">
                      <input type="checkbox" data-all aria-label={text.list.selectAll} hidden />
                    </th>
                  ) : null}
                  <th scope="col">{text.list.state}</th>
                  <th scope="col">{text.list.name}</th>
                  <th scope="col">{text.list.expires}</th>
                  <th scope="col">{text.list.renewal}</th>
                  <th scope="col">{text.list.delivered}</th>
                  <th scope="col">{text.list.served}</th>
                  <th scope="col">{text.list.issuer}</th>
                </tr>
              </thead>
              <tbody>
                {rows.map((row) => (
                  <Row reader={reader} row={row} />
                ))}
              </tbody>
            </table>
          )}
          {next || query.after ? (
            <p class="pager">
              {query.after ? <a href={linkOf({ ...query, after: undefined })}>{text.list.first}</a> : null}{' '}
              {next ? (
                <a href={linkOf({ ...query, after: next })} rel="next">
                  {text.list.next}
                </a>
              ) : null}
            </p>
          ) : null}
          <Zone reader={reader} />
        </div>
      </form>
    </>
  );
};

/** What search and issuer find, by state; each leads to it alone. */
const CountsOf: FC<Made & { readonly query: ListQuery; readonly counts: Counts }> = ({ reader, query, counts }) => (
  <ul class="states" id="counts">
    {listed
      .filter((state) => counts[state] > 0 || state === query.state)
      .map((state) => {
        const isChosen = state === query.state;
        return (
          <li>
            <a
              href={linkOf({ ...query, after: undefined, state: isChosen ? undefined : state })}
              aria-current={isChosen ? 'true' : undefined}
            >
              <StateBadge reader={reader} state={state} /> <b>{counts[state]}</b>
            </a>
          </li>
        );
      })}
  </ul>
);

const Bulk: FC<Made & { readonly query: ListQuery; readonly found: number; readonly isAll: boolean }> = ({
  reader: { text },
  query: { search, state, issuer },
  found,
  isAll,
}) => (
  <div class="bulk">
    {isAll ? null : (
      <>
        <label class="choice" id="bulk-all">
          <input type="checkbox" name="all" value="yes" />
          <span>{text.list.allFound(found)}</span>
        </label>
        {Object.entries({ search, state, issuer }).map(([name, value]) =>
          value ? <input type="hidden" name={name} value={value} /> : null,
        )}
      </>
    )}
    <span class="muted">{text.list.selected}</span>
    <button type="submit" name="action" value="renew">
      {text.actions.renew}
    </button>
    <button type="submit" name="action" value="redeploy">
      {text.actions.redeploy}
    </button>
    <button type="submit" name="action" value="pause">
      {text.actions.pause}
    </button>
    <button type="submit" name="action" value="resume">
      {text.actions.resume}
    </button>
  </div>
);

/** More would make rows of different heights. */
const mostNames = 2;

const Row: FC<Made & { readonly row: CertificateRow }> = ({ reader, row }) => {
  const { text, mayAct } = reader;
  const { name, state, identifiers, issuer, notAfter, renewAt, isPaused, step } = row;
  const others = identifiers.filter((one) => one !== name);
  const letters = lettersOf(name);
  const shown = [...(letters === name ? [] : [letters]), ...others.slice(0, mostNames).map(withLetters)].join(', ');
  return (
    <tr id={`row-${name}`}>
      {mayAct ? (
        <td class="pick">
          <input type="checkbox" name="name" value={name} id={`pick-${name}`} aria-label={text.list.select(name)} />
        </td>
      ) : null}
      <td class="state">
        <StateBadge reader={reader} state={state} />
        {isPaused && state !== 'paused' ? <StateBadge reader={reader} state="paused" /> : null}
      </td>
      <th scope="row">
        <a class="name" href={pathOf(name)}>
          {name}
        </a>
        {shown === '' ? null : (
          <span class="names">
            <Foreign>{shown}</Foreign>
            {others.length > mostNames ? ` ${text.list.moreNames(others.length - mostNames)}` : null}
          </span>
        )}
        {state === 'working' ? <StepMeter reader={reader} step={step} /> : null}
      </th>
      <td data-label={text.list.expires}>{notAfter ? <When reader={reader} at={notAfter} form="distance" /> : '–'}</td>
      <td data-label={text.list.renewal}>
        {renewAt === undefined ? (
          isPaused ? (
            text.states.paused
          ) : (
            text.list.never
          )
        ) : reader.times.isPast(renewAt) ? (
          text.list.dueNow
        ) : (
          <When reader={reader} at={renewAt} form="distance" />
        )}
      </td>
      <td data-label={text.list.delivered}>
        <Delivered reader={reader} row={row} />
      </td>
      <td data-label={text.list.served}>
        <Served reader={reader} served={row.served} />
      </td>
      <td data-label={text.list.issuer} class="muted">
        {issuer}
      </td>
    </tr>
  );
};

/** How many of its targets have the current version. */
const Delivered: FC<Made & { readonly row: Pick<CertificateRow, 'targets' | 'delivered' | 'served'> }> = ({
  reader: { text },
  row: { targets, delivered, served },
}) => {
  // Endpoints are not delivered to.
  const [total, have] = [targets.length - served.endpoints, delivered - served.current];
  if (total <= 0)
    return (
      <span class="muted" title={text.list.noTargetsHint}>
        {text.list.noTargets}
      </span>
    );
  return (
    <span class={have < total ? 'lacking' : undefined} title={targets.slice(0, 20).join(', ')}>
      {have === total ? text.list.servedAll(total) : text.list.servedSome(have, total)}
    </span>
  );
};
