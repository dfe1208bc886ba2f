import type { Context, Hono } from 'hono';
import type { Audit } from '../../access/audit.ts';
import type { Env } from '../../access/who.ts';
import { asFailure, type CertfleetError, isFailure } from '../../core/errors/errors.ts';
import { say } from '../../core/errors/wording.ts';
import { type ActionRequest, act, type FleetActions } from '../../fleet/web/actions.ts';
import type { FleetKeys } from '../../fleet/web/keys.ts';
import type { FleetView } from '../../fleet/web/view.ts';
import type { Clock } from '../../ports/clock.ts';
import { Notice } from '../layout.tsx';
import { pathOf, Told } from '../parts.tsx';
import { listQueryOf } from '../query.ts';
import { certificatePage, forbidden, missing, page, readerOf } from '../respond.tsx';
import { actsOnMany, ConfirmMany, ConfirmOne, reasons } from './confirm.tsx';

interface Parts {
  readonly view: FleetView;
  readonly actions: FleetActions;
  readonly keys: Pick<FleetKeys, 'isOn'>;
  readonly clock: Clock;
  readonly life: string;
  readonly audit: Pick<Audit, 'record'>;
}

/** As many as a person can look through before saying yes. */
const mostAtOnce = 1000;

/** Adds the forms that change something, and the pages that ask before. */
export function addActions(app: Hono<Env>, parts: Parts): void {
  const { view, clock } = parts;

  for (const action of ['revoke', 'rollback', 'pause'] as const)
    app.get(`/certificates/:name/${action}`, async (c) => {
      const name = c.req.param('name');
      const reader = readerOf(c, clock.now(), undefined);
      if (!reader.mayAct) return forbidden(c, clock.now(), action === 'pause' ? 'renew' : action);
      const found = await view.certificate(name, c.req.raw.signal);
      if (!found) return missing(c, clock.now(), name);
      const title = reader.text.confirm[action](name);
      const body = <ConfirmOne reader={reader} action={action} name={name} revision={found.revision} />;
      return page(c, reader, { title, at: 'certificates' }, body);
    });

  for (const action of ['renew', 'redeploy', 'rollback', 'revoke', 'pause', 'resume'] as const)
    app.post(`/certificates/:name/${action}`, async (c) => {
      const name = c.req.param('name');
      const form = await c.req.parseBody();
      const ifRevision = typeof form['ifRevision'] === 'string' ? form['ifRevision'] : undefined;
      const reason = reasons.find((one) => one === form['reason']);
      const why = action === 'pause' && typeof form['why'] === 'string' ? form['why'] : undefined;
      const request: ActionRequest = {
        action,
        name,
        ifRevision,
        reason: action === 'revoke' ? reason : undefined,
        why,
      };
      try {
        await begin(c, parts, request);
      } catch (error) {
        if (isFailure(error, 'lineage/not-found')) return missing(c, clock.now(), name);
        if (!isFailure(error)) throw error;
        return certificatePage(c, parts, { name, refused: error });
      }
      return c.redirect(`${pathOf(name)}?begun=${action}`, 303);
    });

  app.post('/certificates', async (c) => {
    const reader = readerOf(c, clock.now(), undefined);
    const form = await c.req.parseBody({ all: true });
    const picked = [form['name'] ?? []].flat().flatMap((one) => (typeof one === 'string' ? [one] : []));
    const names = form['all'] === 'yes' ? allFound(view, form) : picked;
    const action = actsOnMany.find((one) => one === form['action']) ?? 'renew';
    const { text } = reader;
    if (names.length === 0 || names.length > mostAtOnce)
      return notSo(c, clock.now(), names.length === 0 ? text.confirm.noneSelected : text.confirm.tooMany(mostAtOnce));
    if (form['confirmed'] !== 'yes') {
      const title = text.confirm[`${action}Many`](names.length);
      return page(c, reader, { title }, <ConfirmMany reader={reader} action={action} names={names} />);
    }
    const refused: { readonly name: string; readonly error: CertfleetError }[] = [];
    for (const name of new Set(names))
      try {
        await begin(c, parts, { action, name, ifRevision: undefined });
      } catch (error) {
        refused.push({ name, error: asFailure(error) });
      }
    const title = text.begunMany(names.length - refused.length, refused.length);
    const body = (
      <>
        <Notice kind={refused.length > 0 ? 'refused' : 'done'}>
          <p>{title}</p>
          <ul class="plain-list">
            {refused.map(({ name, error }) => (
              <li>
                <a href={pathOf(name)}>{name}</a>: <Told>{say(error, reader.language).message}</Told>
              </li>
            ))}
          </ul>
        </Notice>
        <p>
          <a href="/certificates">{text.certificates}</a>
        </p>
      </>
    );
    return page(c, reader, { title }, body);
  });
}

const begin = (c: Context<Env>, parts: Parts, request: ActionRequest): Promise<void> =>
  act(parts, { who: c.var.who, from: c.var.from }, request, c.req.raw.signal);

/** Returns the names of what a filter finds, on all pages; one more than may be acted on at once if they are more. */
function allFound(view: FleetView, form: Readonly<Record<string, unknown>>): readonly string[] {
  const params = new URLSearchParams();
  for (const field of ['search', 'state', 'issuer'] as const)
    if (typeof form[field] === 'string') params.set(field, form[field]);
  const query = { ...listQueryOf(params), limit: 1_000 };
  const { rows, next } = view.list(query);
  const names = rows.map(({ name }) => name);
  return next === undefined ? names : [...names, ...view.list({ ...query, after: next }).rows.map(({ name }) => name)];
}

function notSo(c: Context<Env>, now: Date, title: string) {
  const reader = readerOf(c, now, undefined);
  const { text } = reader;
  const body = (
    <>
      <h1>{title}</h1>
      <p>
        <a href="/certificates">{text.certificates}</a>
      </p>
    </>
  );
  return page(c, reader, { title, at: 'certificates', status: 422 }, body);
}
