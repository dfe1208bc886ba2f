import type { Context, Hono } from 'hono';
import type { Env } from '../../access/who.ts';
import { may } from '../../core/access/role.ts';
import { isFailure } from '../../core/errors/errors.ts';
import { inLanguage } from '../../core/errors/wording.ts';
import type { DeclarationCheck } from '../../fleet/web/checks.ts';
import type { DeclarationView, WrongFields } from '../../fleet/web/declarations.ts';
import type { FleetView } from '../../fleet/web/view.ts';
import { Notice } from '../layout.tsx';
import { Meanwhile, seenIn } from '../meanwhile.tsx';
import { pathOf, Told } from '../parts.tsx';
import type { Reader } from '../reader.ts';
import { forbidden, missing, page, readerOf } from '../respond.tsx';
import { certificateOf, DeclareForm, endpointsIn, leftOut, namesIn, type Typed, typedIn, typedOf } from './form.tsx';
import type { DeclaringParts } from './new.tsx';

/** A declaration as someone has opened it. */
interface Opened {
  readonly typed: Typed;
  /** What it said when they opened it. */
  readonly seen: Typed;
  /** Its revision then; empty if there was none. */
  readonly revision: string;
}

interface Shown extends Opened {
  readonly wrong?: WrongFields;
  readonly check?: DeclarationCheck;
  /** What someone else has stored meanwhile; `gone` if they have removed it. */
  readonly meanwhile?: DeclarationView | 'gone';
  /** Why the stored one is not used. */
  readonly refused?: string | undefined;
}

const openedAs = (name: string, found: DeclarationView | undefined): Opened => {
  const typed = typedOf(name, found?.certificate ?? {});
  return { typed, seen: typed, revision: found?.revision ?? '' };
};

/** The page on which a declaration of the store is changed. Of two people at once, the second sees what the first did. */
export function addEdit(
  app: Hono<Env>,
  { declarations, checks, view, clock }: DeclaringParts & { readonly view: FleetView },
): void {
  const here = '/certificates/:name/edit';

  function form(c: Context<Env>, { typed, seen, revision, wrong, check, meanwhile, refused }: Shown) {
    const { name } = typed;
    const reader = { ...readerOf(c, clock.now(), undefined), here: pathOf(name, 'edit') };
    const { edit } = reader.text;
    const now = meanwhile === 'gone' ? openedAs(name, undefined) : meanwhile && openedAs(name, meanwhile);
    const next = now ?? { seen, revision };
    const title = edit.title(name);
    const body = (
      <DeclareForm
        {...{ reader, title, typed, check }}
        {...{ intro: edit.intro, button: edit.button, action: pathOf(name, 'edit'), back: pathOf(name) }}
        choices={declarations.choices()}
        wrong={wrong ?? {}}
        hidden={{ ifRevision: next.revision, seen: JSON.stringify(next.seen) }}
        isNamed
      >
        {refused === undefined ? null : (
          <Notice kind="refused">
            <p>{edit.refused}</p>
            <p>
              <Told>{inLanguage(refused, reader.language)}</Told>
            </p>
          </Notice>
        )}
        {meanwhile === undefined ? null : (
          <Meanwhile
            reader={reader}
            now={meanwhile === 'gone' ? undefined : meanwhile}
            fields={meanwhile === 'gone' ? [] : changesOf(reader, seen, meanwhile)}
            others={edit.otherSettings}
          />
        )}
      </DeclareForm>
    );
    const status = meanwhile ? 409 : wrong ? 422 : 200;
    return page(c, reader, { title, at: 'certificates', status }, body);
  }

  /** Says where a certificate is declared that the pages do not change. */
  async function elsewhere(c: Context<Env>, name: string) {
    const found = await view.certificate(name, c.req.raw.signal);
    if (!found) return missing(c, clock.now(), name);
    const reader = { ...readerOf(c, clock.now(), undefined), here: pathOf(name, 'edit') };
    const { edit } = reader.text;
    const title = edit.title(name);
    const { declaredIn, file } = found;
    const body = (
      <div class="ask">
        <h1>{title}</h1>
        <p>
          <Told>{declaredIn === 'file' ? edit.inFile(file ?? 'certfleet.yaml') : edit.notDeclared}</Told>
        </p>
        <p>
          <a href={pathOf(name)}>{name}</a>
        </p>
      </div>
    );
    return page(c, reader, { title, at: 'certificates' }, body);
  }

  app.get(here, async (c) => {
    const name = c.req.param('name');
    if (!may(c.var.who, 'declare')) return forbidden(c, clock.now(), 'declare');
    const found = await declarations.get(name, c.req.raw.signal);
    if (!found || found.isInFile) return elsewhere(c, name);
    return form(c, { ...openedAs(name, found), refused: found.refused });
  });

  /** Reads the form, and what is stored now. */
  async function sent(c: Context<Env>, name: string) {
    const fields = await c.req.parseBody({ all: true });
    const textOf = (field: string) => (typeof fields[field] === 'string' ? fields[field] : '');
    const opened: Opened = {
      typed: { ...typedIn(fields), name },
      seen: { ...typedIn(seenIn(fields['seen'])), name },
      revision: textOf('ifRevision'),
    };
    return { opened, stored: await declarations.get(name, c.req.raw.signal) };
  }

  app.post(`${here}/check`, async (c) => {
    const name = c.req.param('name');
    const { opened, stored } = await sent(c, name);
    const request = { name, certificate: certificateOf(opened.typed, stored?.certificate) };
    const check = await checks.check({ who: c.var.who, from: c.var.from }, request, c.req.raw.signal);
    return form(c, { ...opened, check });
  });

  app.post(here, async (c) => {
    const name = c.req.param('name');
    const { opened, stored } = await sent(c, name);
    const { typed, revision } = opened;
    const reader = readerOf(c, clock.now(), undefined);
    const certificate = certificateOf(typed, stored?.certificate);
    const left = leftOut(reader, declarations.choices(), typed);
    if (Object.keys(left).length > 0) {
      const others = (await declarations.check(name, certificate)) ?? {};
      return form(c, { ...opened, wrong: { ...others, ...left } });
    }
    try {
      const request = { name, certificate, ifRevision: revision === '' ? null : revision };
      const done = await declarations.declare({ who: c.var.who, from: c.var.from }, request, c.req.raw.signal);
      if ('wrong' in done) return form(c, { ...opened, wrong: done.wrong });
    } catch (error) {
      if (isFailure(error, 'config/declared-in-file')) return elsewhere(c, name);
      if (!isFailure(error, 'config/declaration-changed')) throw error;
      return form(c, { ...opened, meanwhile: (await declarations.get(name, c.req.raw.signal)) ?? 'gone' });
    }
    return c.redirect(pathOf(name), 303);
  });
}

/** What the form has fields for, as it was and as it is. */
function changesOf({ text: { declare } }: Reader, seen: Typed, { name, certificate = {} }: DeclarationView) {
  const now = typedOf(name, certificate);
  return [
    { label: declare.names, before: namesIn(seen), now: namesIn(now) },
    { label: declare.proof, before: one(seen.solver), now: one(now.solver) },
    { label: declare.targets, before: seen.deploy, now: now.deploy },
    { label: declare.endpoints, before: endpointsIn(seen), now: endpointsIn(now) },
    { label: declare.issuer, before: one(seen.issuer), now: one(now.issuer) },
  ];
}

const one = (value: string): readonly string[] => (value === '' ? [] : [value]);
