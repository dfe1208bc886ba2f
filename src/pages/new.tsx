import type { Context, Hono } from 'hono';
import type { FC } from 'hono/jsx';
import type { Env } from '../access/who.ts';
import { may } from '../core/access/role.ts';
import { isFailure } from '../core/errors/errors.ts';
import { say } from '../core/errors/wording.ts';
import { present } from '../core/text/present.ts';
import type { Choices, FleetDeclarations, WrongFields } from '../fleet/declarations.ts';
import type { Clock } from '../ports/clock.ts';
import { Area, Boxes, Buttons, Choice, Field, OtherProblems, problemsOf } from './field.tsx';
import { type Made, pathOf, Told } from './parts.tsx';
import { missing, page, readerOf } from './respond.tsx';

/** What was typed and chosen, as it is shown again. */
interface Typed {
  readonly names: string;
  readonly name: string;
  readonly solver: string;
  readonly issuer: string;
  readonly deploy: readonly string[];
}

const nothing: Typed = { names: '', name: '', solver: '', issuer: '', deploy: [] };

/** The page on which a certificate is declared. */
export function addNew(
  app: Hono<Env>,
  { declarations, clock }: { readonly declarations: FleetDeclarations; readonly clock: Clock },
): void {
  function form(c: Context<Env>, typed: Typed, wrong?: WrongFields) {
    const reader = readerOf(c, clock.now(), undefined);
    const { title, noRight } = { title: reader.text.declare.title, noRight: reader.text.noRight };
    const isAllowed = may(c.get('who'), 'declare');
    if (!isAllowed) {
      const refused = noRight(reader.text.roles.operator);
      return page(c, reader, { title: refused, status: 403 }, <h1>{refused}</h1>);
    }
    const body = <Form reader={reader} choices={declarations.choices()} typed={typed} wrong={wrong ?? {}} />;
    // The address of the form, so that a change of the language comes back to it.
    const shown = { ...reader, here: '/new' };
    return page(c, shown, { title, at: 'certificates', status: wrong ? 422 : 200 }, body);
  }

  app.get('/new', (c) => form(c, nothing));

  app.post('/new', async (c) => {
    const typed = typedIn(await c.req.parseBody({ all: true }));
    const identifiers = typed.names.split(/[\s,]+/).filter((one) => one !== '');
    const name = typed.name === '' ? nameFor(identifiers) : typed.name;
    const { solver, issuer, deploy } = typed;
    const chosen = present({ solver: solver || undefined, issuer: issuer || undefined });
    const certificate = { identifiers, deploy, ...chosen };
    const { choices, text } = { choices: declarations.choices(), text: readerOf(c, clock.now(), undefined).text };
    const left = present({
      identifiers: identifiers.length === 0 ? text.declare.noNames : undefined,
      solver: choices.solvers.length > 1 && !solver ? text.declare.choose : undefined,
      issuer: choices.issuers.length > 1 && !issuer ? text.declare.choose : undefined,
    });
    if (Object.keys(left).length > 0) {
      // What has no field is said of the one that was left.
      const { '': _ofNone, name: ofName, ...others } = (await declarations.check(name, certificate)) ?? {};
      // A name that follows from nothing is not wrong.
      return form(c, typed, { ...others, ...left, ...present({ name: name === '' ? undefined : ofName }) });
    }
    try {
      const asker = { who: c.var.who, from: c.var.from };
      const done = await declarations.declare(asker, { name, certificate, ifRevision: null }, c.req.raw.signal);
      if ('wrong' in done) return form(c, typed, done.wrong);
    } catch (error) {
      const isTaken = isFailure(error, 'config/declared-in-file') || isFailure(error, 'config/declaration-changed');
      if (isFailure(error, 'access/')) return form(c, typed);
      if (!isTaken) throw error;
      return form(c, typed, { name: text.declare.taken });
    }
    return c.redirect(pathOf(name), 303);
  });
}

/** The page that asks before a declaration of the store is removed. */
export function addUndeclare(
  app: Hono<Env>,
  { declarations, clock }: { readonly declarations: FleetDeclarations; readonly clock: Clock },
): void {
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

/** Without a chosen name, it is that of the first identifier. */
const nameFor = ([first = '']: readonly string[]): string =>
  first.toLowerCase().replace(/^\*\./, 'wildcard.').replaceAll(':', '-');

function typedIn(form: Readonly<Record<string, unknown>>): Typed {
  const textOf = (field: string) => (typeof form[field] === 'string' ? form[field] : '').slice(0, 30_000);
  const deploy = [form['deploy'] ?? []].flat().filter((one) => typeof one === 'string');
  return {
    ...{ names: textOf('names'), name: textOf('name').trim(), deploy },
    ...{ solver: textOf('solver'), issuer: textOf('issuer') },
  };
}

const fields = ['identifiers', 'name', 'solver', 'issuer', 'deploy'] as const;

const Form: FC<Made & { readonly choices: Choices; readonly typed: Typed; readonly wrong: WrongFields }> = ({
  reader: { text, csrf },
  choices,
  typed,
  wrong,
}) => {
  const words = text.declare;
  const problems = problemsOf(wrong, fields);
  return (
    <div class="narrow">
      <h1>{words.title}</h1>
      <p class="muted">{words.intro}</p>
      <form method="post" action="/new" novalidate>
        <input type="hidden" name="csrf" value={csrf} />
        <OtherProblems problem={problems['']} />
        <Area
          name="names"
          label={words.names}
          hint={words.namesHint}
          problem={problems['identifiers']}
          value={typed.names}
          rows={3}
        />
        <Field
          name="name"
          label={words.name}
          type="text"
          autocomplete="off"
          hint={words.nameHint}
          problem={problems['name']}
          value={typed.name}
          required={false}
        />
        <Choice
          name="solver"
          label={words.proof}
          hint={words.proofHint}
          problem={problems['solver']}
          value={typed.solver}
          options={oneOf(choices.solvers)}
        />
        <Boxes
          name="deploy"
          label={words.targets}
          hint={choices.deployers.length === 0 ? words.noTargets : undefined}
          problem={problems['deploy']}
          values={typed.deploy}
          options={choices.deployers.map((one) => [one, one])}
        />
        <Choice
          name="issuer"
          label={words.issuer}
          hint={words.issuerHint}
          problem={problems['issuer']}
          value={typed.issuer}
          options={oneOf(choices.issuers)}
        />
        <Buttons text={text} label={words.button} back="/certificates" />
      </form>
    </div>
  );
};

/** The only one is chosen. */
const oneOf = (all: readonly string[]) => [
  ...(all.length === 1 ? [] : [['', ''] as const]),
  ...all.map((one) => [one, one] as const),
];
