import type { Context } from 'hono';
import { getCookie } from 'hono/cookie';
import type { Child } from 'hono/jsx';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { Env } from '../access/who.ts';
import { type Action, leastRoleFor, may } from '../core/access/role.ts';
import { asFailure, type CertfleetError, isFailure } from '../core/errors/errors.ts';
import { say } from '../core/errors/wording.ts';
import { present } from '../core/text/present.ts';
import type { FleetAction, FleetActions } from '../fleet/web/actions.ts';
import type { FleetKeys } from '../fleet/web/keys.ts';
import type { FleetView } from '../fleet/web/view.ts';
import type { Clock } from '../ports/clock.ts';
import { assets, build } from './assets.ts';
import { Certificate } from './certificate/certificate.tsx';
import { Notice, Page, type Section } from './layout.tsx';
import { Foreign, pathOf, Told } from './parts.tsx';
import { createReader, type Reader, themes } from './reader.ts';
import { hereOf } from './wishes.ts';

export function readerOf(c: Context<Env>, now: Date, sequence: string | undefined): Reader {
  const who = c.get('who');
  const theme = themes.find((one) => one === getCookie(c, 'theme')) ?? 'auto';
  const shown = who && { name: who.name, role: who.role, isSocket: who.via === 'socket' };
  const mayAct = who !== undefined && may(who, 'renew');
  const rest = { theme, mayAct, csrf: c.get('csrf') ?? '', here: hereOf(c) };
  return createReader(
    { language: c.get('language') ?? 'en', zone: getCookie(c, 'zone'), now },
    { ...rest, ...present({ who: shown, sequence }) },
  );
}

export interface Head {
  readonly title: string;
  readonly at?: Section;
  readonly status?: ContentfulStatusCode;
}

/** Answers with a whole page. */
export function page(c: Context<Env>, reader: Reader, { status = 200, ...head }: Head, body: Child) {
  const whole = (
    <Page reader={reader} assets={assets} build={build} {...head}>
      {body}
    </Page>
  );
  return c.html(`<!doctype html>${whole}`, status, { 'cache-control': 'no-store' });
}

export function refusedToken(c: Context<Env>, now: Date) {
  const reader = readerOf(c, now, undefined);
  const title = reader.text.noToken;
  return page(c, reader, { title, status: 403 }, <h1>{title}</h1>);
}

/** Says whom this is for. */
export function forbidden(c: Context<Env>, now: Date, action: Action) {
  c.set('isRefused', true);
  const reader = readerOf(c, now, undefined);
  const title = reader.text.noRight(reader.text.roles[leastRoleFor(action)]);
  return page(c, reader, { title, status: 403 }, <h1>{title}</h1>);
}

/** Says that there is no such page, or no such certificate. */
export function missing(c: Context<Env>, now: Date, name?: string) {
  const reader = readerOf(c, now, undefined);
  const { errors } = reader.text;
  const title = name === undefined ? errors.notFound : errors.noCertificate(name);
  const body = (
    <>
      <h1>
        <Foreign>{title}</Foreign>
      </h1>
      <p>{errors.notFoundText}</p>
      <p>
        <a href="/">{errors.home}</a>
      </p>
    </>
  );
  return page(c, reader, { title, status: 404 }, body);
}

/** Says why a page could not be made. */
export function failurePage(c: Context<Env>, now: Date, error: unknown) {
  const reader = readerOf(c, now, undefined);
  const { errors, certificate } = reader.text;
  const failure = asFailure(error);
  const { message, hint } = say(failure, reader.language);
  const body = (
    <>
      <h1>{errors.failed}</h1>
      <p>{errors.failedText}</p>
      <Notice kind="refused">
        <p>
          <Told>{message}</Told>
        </p>
        <p class="hint">
          <Told>{hint}</Told>
        </p>
        <p class="muted">
          {certificate.code} <code>{failure.code}</code>
        </p>
      </Notice>
      <p>
        <a href="/">{errors.home}</a>
      </p>
    </>
  );
  return page(c, reader, { title: errors.failed, status: 500 }, body);
}

interface Parts {
  readonly view: FleetView;
  readonly actions: FleetActions;
  readonly keys: Pick<FleetKeys, 'isOn'>;
  readonly clock: Clock;
  readonly life: string;
}

const isAction = (text: string | undefined): text is FleetAction =>
  ['renew', 'redeploy', 'rollback', 'revoke', 'pause', 'resume'].includes(text ?? '');

/** Answers with the page of a certificate, and with why an action was refused. */
export async function certificatePage(
  c: Context<Env>,
  { view, actions, keys, clock, life }: Parts,
  { name, refused }: { readonly name: string; readonly refused?: CertfleetError },
) {
  const sequence = `${life}.${view.sequence}`;
  const found = await view.certificate(name, c.req.raw.signal);
  if (!found) return missing(c, clock.now(), name);
  const reader = { ...readerOf(c, clock.now(), sequence), here: pathOf(name) };
  const { text, language } = reader;
  const begun = c.req.query('begun');
  const ended = actions.ended(name);
  const isLast = ended?.error && !found.runs.some(({ endedAt }) => endedAt > ended.at);
  const lastError = isLast ? { at: ended.at, ...say(ended.error, language) } : undefined;
  const told = refused && say(refused, language);
  const body = (
    <>
      {told ? (
        <Notice kind="refused">
          <p>
            <Told>{told.message}</Told>
          </p>
          <p class="hint">
            <Told>{told.hint}</Told>
          </p>
        </Notice>
      ) : isAction(begun) ? (
        <Notice kind="done">{text.begun[begun]}</Notice>
      ) : null}
      <Certificate
        reader={reader}
        view={found}
        lastError={lastError}
        mayDownload={keys.isOn() && may(c.var.who, 'download-key')}
      />
    </>
  );
  return page(
    c,
    reader,
    { title: name, at: 'certificates', status: !refused ? 200 : isFailure(refused, 'access/') ? 403 : 409 },
    body,
  );
}
