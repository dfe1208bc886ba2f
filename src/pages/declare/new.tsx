import type { Context, Hono } from 'hono';
import type { FC } from 'hono/jsx';
import type { Env } from '../../access/who.ts';
import { may } from '../../core/access/role.ts';
import { isFailure } from '../../core/errors/errors.ts';
import { say } from '../../core/errors/wording.ts';
import { defaultLineageName, isLineageName } from '../../core/names/identifiers.ts';
import { present } from '../../core/text/present.ts';
import type { DeclarationCheck, FleetChecks } from '../../fleet/web/checks.ts';
import type { FleetDeclarations, WrongFields } from '../../fleet/web/declarations.ts';
import type { Clock } from '../../ports/clock.ts';
import { Buttons } from '../field.tsx';
import { FirstSteps, lacksConnections } from '../first-steps.tsx';
import { type Made, pathOf, Told } from '../parts.tsx';
import { forbidden, missing, page, readerOf } from '../respond.tsx';
import { certificateOf, DeclareForm, leftOut, namesIn, nothingTyped, type Typed, typedIn } from './form.tsx';

/** What pages that declare certificates need. */
export interface DeclaringParts {
  readonly declarations: FleetDeclarations;
  readonly checks: FleetChecks;
  readonly clock: Clock;
}

/** The page on which a certificate is declared. */
export function addNew(app: Hono<Env>, { declarations, checks, clock }: DeclaringParts): void {
  interface Shown {
    readonly typed: Typed;
    readonly wrong?: WrongFields;
    readonly check?: DeclarationCheck;
  }

  function form(c: Context<Env>, { typed, wrong, check }: Shown) {
    const reader = readerOf(c, clock.now(), undefined);
    const { title, intro, button } = reader.text.declare;
    if (!may(c.get('who'), 'declare')) return forbidden(c, clock.now(), 'declare');
    // The address of the form, so that a change of the language comes back to it.
    const shown = { ...reader, here: '/new' };
    const choices = declarations.choices();
    if (lacksConnections(choices))
      return page(c, shown, { title, at: 'certificates' }, <FirstSteps reader={shown} choices={choices} />);
    const body = (
      <DeclareForm
        {...{ reader: shown, title, intro, button, typed, check, choices }}
        action="/new"
        back="/certificates"
        wrong={wrong ?? {}}
      />
    );
    return page(c, shown, { title, at: 'certificates', status: wrong ? 422 : 200 }, body);
  }

  app.get('/new', (c) => form(c, { typed: nothingTyped }));

  app.post('/new/check', async (c) => {
    const typed = typedIn(await c.req.parseBody({ all: true }));
    const request = { name: typed.name || undefined, certificate: certificateOf(typed) };
    const check = await checks.check({ who: c.var.who, from: c.var.from }, request, c.req.raw.signal);
    return form(c, { typed, check });
  });

  app.post('/new', async (c) => {
    const typed = typedIn(await c.req.parseBody({ all: true }));
    const certificate = certificateOf(typed);
    const name = typed.name === '' ? nameFor(namesIn(typed)) : typed.name;
    const reader = readerOf(c, clock.now(), undefined);
    const left = leftOut(reader, declarations.choices(), typed);
    if (Object.keys(left).length > 0) {
      // What has no field is said of the one that was left.
      const { '': _ofNone, ...others } = (await declarations.check(name, certificate)) ?? {};
      return form(c, { typed, wrong: { ...others, ...left } });
    }
    try {
      const asker = { who: c.var.who, from: c.var.from };
      const done = await declarations.declare(asker, { name, certificate, ifRevision: null }, c.req.raw.signal);
      if ('wrong' in done) return form(c, { typed, wrong: done.wrong });
    } catch (error) {
      const isTaken = isFailure(error, 'config/declared-in-file') || isFailure(error, 'config/declaration-changed');
      if (!isTaken) throw error;
      return form(c, { typed, wrong: { name: reader.text.declare.taken } });
    }
    return c.redirect(pathOf(name), 303);
  });
}

/** The page that asks before a declaration of the store is removed. */
export function addUndeclare(app: Hono<Env>, { declarations, clock }: Omit<DeclaringParts, 'checks'>): void {
  app.get('/certificates/:name/undeclare', async (c) => {
    const name = c.req.param('name');
    const reader = readerOf(c, clock.now(), undefined);
    const found = await declarations.get(name, c.req.raw.signal);
    if (!found) return missing(c, clock.now(), name);
    const title = reader.text.declare.removeTitle(name);
    return page(c, reader, { title, at: 'certificates' }, <Undeclare reader={reader} {...found} />);
  });

  app.post('/certificates/:name/undeclare', async (c) => {
    const name = c.req.param('name');
    const { ifRevision } = await c.req.parseBody();
    const request = { name, ...present({ ifRevision: typeof ifRevision === 'string' ? ifRevision : undefined }) };
    try {
      await declarations.remove({ who: c.var.who, from: c.var.from }, request, c.req.raw.signal);
    } catch (error) {
      if (!isFailure(error, 'access/') && !isFailure(error, 'config/')) throw error;
      const reader = readerOf(c, clock.now(), undefined);
      const { message, hint } = say(error, reader.language);
      const body = (
        <>
          <h1>
            <Told>{message}</Told>
          </h1>
          <p>
            <Told>{hint}</Told>
          </p>
          <p>
            <a href={pathOf(name)}>{name}</a>
          </p>
        </>
      );
      return page(c, reader, { title: message, status: isFailure(error, 'access/') ? 403 : 409 }, body);
    }
    return c.redirect(pathOf(name), 303);
  });
}

const Undeclare: FC<Made & { readonly name: string; readonly revision: string }> = ({
  reader: { text, csrf },
  name,
  revision,
}) => (
  <div class="ask">
    <h1>{text.declare.removeTitle(name)}</h1>
    <p>{text.declare.removeText}</p>
    <form method="post" action={pathOf(name, 'undeclare')}>
      <input type="hidden" name="csrf" value={csrf} />
      <input type="hidden" name="ifRevision" value={revision} />
      <Buttons text={text} label={text.declare.remove} back={pathOf(name)} isDangerous />
    </form>
  </div>
);

/**
 * Without a chosen name, it is that of the first identifier, as on the command line. One that is no identifier gets any
 * name, so that the field of the names says what is wrong, and not the one that was left empty.
 */
function nameFor([first = '']: readonly string[]): string {
  const typed = first.toLowerCase();
  const [, star = '', host = ''] = /^(\*\.)?(.*?)\.?$/s.exec(typed) ?? [];
  const isForeign = /[^\x00-\x7f]/.test(host) && URL.canParse(`http://${host}/`);
  const value = `${star}${isForeign ? new URL(`http://${host}/`).hostname : host}`;
  const name = defaultLineageName([{ type: 'dns', value }], ending);
  return isLineageName(name) ? name : defaultLineageName([], ending);
}

/** Keeps a name unique that is too long and cut. */
const ending = (text: string): string => text.replaceAll(/[^a-z0-9]/g, '').slice(-16);
