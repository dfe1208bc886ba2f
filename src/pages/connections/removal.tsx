import type { Context, Hono } from 'hono';
import type { Env } from '../../access/who.ts';
import { type CertfleetError, isFailure } from '../../core/errors/errors.ts';
import { say } from '../../core/errors/wording.ts';
import type { ConnectionView, FleetConnections } from '../../fleet/web/connections.ts';
import { Buttons } from '../field.tsx';
import { Notice } from '../layout.tsx';
import { Told } from '../parts.tsx';
import { connectionPath } from './paths.ts';
import type { Shown } from './shown.tsx';

/** Adds the page that asks before a connection of the store is removed. */
export function addRemoval(
  app: Hono<Env>,
  connections: Pick<FleetConnections, 'remove'>,
  { reading, mayChange, show, forbidden, ofOne, asker, revisionIn }: Shown,
): void {
  function ask(c: Context<Env>, { section, name, revision = '' }: ConnectionView, refused?: CertfleetError) {
    if (!mayChange(c, section)) return forbidden(c, section);
    const reader = reading(c, connectionPath(section, name, 'remove'));
    const { text, csrf, language } = reader;
    const title = text.connections.removeTitle(name);
    const told = refused && say(refused, language);
    const body = (
      <div class="ask">
        {told ? (
          <Notice kind="refused">
            <p>
              <Told>{told.message}</Told>
            </p>
            <p class="hint">
              <Told>{told.hint}</Told>
            </p>
          </Notice>
        ) : null}
        <h1>{title}</h1>
        <p>{text.connections.removeText}</p>
        <form method="post" action={reader.here}>
          <input type="hidden" name="csrf" value={csrf} />
          <input type="hidden" name="ifRevision" value={revision} />
          <Buttons text={text} label={text.connections.remove} back={connectionPath(section, name)} isDangerous />
        </form>
      </div>
    );
    return show(c, reader, { title, body, status: refused ? 409 : 200 });
  }

  app.get(
    '/connections/:section/:name/remove',
    ofOne((c, view) => ask(c, view)),
  );

  app.post(
    '/connections/:section/:name/remove',
    ofOne(async (c, view) => {
      const { section, name } = view;
      try {
        await connections.remove(asker(c), { section, name, ...revisionIn(await c.req.parseBody()) }, c.req.raw.signal);
      } catch (error) {
        if (isFailure(error, 'access/')) return forbidden(c, section, error);
        if (!isFailure(error, 'config/')) throw error;
        return ask(c, view, error);
      }
      return c.redirect('/connections?done=removed', 303);
    }),
  );
}
