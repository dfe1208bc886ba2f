import type { Context } from 'hono';
import type { Child } from 'hono/jsx';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { Env } from '../../access/who.ts';
import { may } from '../../core/access/role.ts';
import type { CertfleetError } from '../../core/errors/errors.ts';
import { say } from '../../core/errors/wording.ts';
import type { ConnectionSection } from '../../core/spec/connection.ts';
import type { Asker } from '../../fleet/web/actions.ts';
import { type ConnectionView, type FleetConnections, seenBy } from '../../fleet/web/connections.ts';
import type { Choices } from '../../fleet/web/declarations.ts';
import type { Clock } from '../../ports/clock.ts';
import { Notice } from '../layout.tsx';
import { Told } from '../parts.tsx';
import type { Reader } from '../reader.ts';
import { missing, page, readerOf } from '../respond.tsx';
import { isSection } from './paths.ts';

/** What the pages of connections show and do. */
export interface ConnectionsParts {
  readonly connections: FleetConnections;
  /** What there is to declare a first certificate with; undefined if there is one. */
  readonly forFirst: () => Choices | undefined;
  readonly clock: Clock;
}

const doneKinds = ['added', 'changed', 'removed'] as const;

/** What the pages of connections have in common. */
export type Shown = ReturnType<typeof createShown>;

export function createShown({ connections, clock }: ConnectionsParts) {
  const reading = (c: Context<Env>, here?: string): Reader => {
    const reader = readerOf(c, clock.now(), undefined);
    return here === undefined ? reader : { ...reader, here };
  };
  const mayChange = (c: Context<Env>, section: ConnectionSection, leadsKeys = section === 'deployers'): boolean =>
    leadsKeys ? may(c.var.who, 'targets') && connections.changesTargets() : may(c.var.who, 'connect');

  function show(
    c: Context<Env>,
    reader: Reader,
    {
      title,
      body,
      status = 200,
    }: { readonly title: string; readonly body: Child; readonly status?: ContentfulStatusCode },
  ) {
    const done = c.req.method === 'GET' ? doneKinds.find((one) => one === c.req.query('done')) : undefined;
    const { connections: words } = reader.text;
    return page(
      c,
      reader,
      { title: title === words.title ? title : `${title} · ${words.title}`, at: 'connections', status },
      <>
        {done ? <Notice kind="done">{words.done[done]}</Notice> : null}
        {body}
      </>,
    );
  }

  /** Says why someone may not change connections of a section, or why one was refused. */
  function forbidden(c: Context<Env>, section: ConnectionSection | undefined, refused?: CertfleetError) {
    const reader = reading(c, '/connections');
    const { text } = reader;
    const { targetsOff, targetsAdmin } = text.connections;
    const isTarget = section === 'deployers' && may(c.var.who, 'connect');
    const why = isTarget
      ? connections.changesTargets()
        ? targetsAdmin
        : targetsOff
      : text.noRight(text.roles.operator);
    const said = refused && say(refused, reader.language);
    const title = said?.message ?? why;
    const body = (
      <>
        <h1>
          <Told>{title}</Told>
        </h1>
        {said ? (
          <p class="hint">
            <Told>{said.hint}</Told>
          </p>
        ) : null}
      </>
    );
    return show(c, reader, { title, body, status: 403 });
  }

  /** Answers with a page about one connection, as the reader may see it, if there is one. */
  const ofOne =
    (answer: (c: Context<Env>, view: ConnectionView) => Promise<Response> | Response) => async (c: Context<Env>) => {
      const [section, name = ''] = [c.req.param('section'), c.req.param('name')];
      const view = isSection(section) ? await connections.get(section, name, c.req.raw.signal) : undefined;
      return view ? answer(c, seenBy(c.var.who, view)) : missing(c, clock.now());
    };

  const asker = (c: Context<Env>): Asker => ({ who: c.var.who, from: c.var.from });
  /** The revision that the reader saw, or that there was none. */
  const revisionIn = ({ ifRevision }: Readonly<Record<string, unknown>>) =>
    typeof ifRevision === 'string' ? { ifRevision: ifRevision === '' ? null : ifRevision } : {};
  return { reading, mayChange, show, forbidden, ofOne, asker, revisionIn };
}
