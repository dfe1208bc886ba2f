import type { Context, Hono } from 'hono';
import type { Child } from 'hono/jsx';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { Env } from '../../access/who.ts';
import { may } from '../../core/access/role.ts';
import { type KnownIssuer, knownIssuers } from '../../core/ca/known-issuers.ts';
import { asFailure, type CertfleetError, isFailure } from '../../core/errors/errors.ts';
import { say } from '../../core/errors/wording.ts';
import {
  type ConnectionField,
  type ConnectionSection,
  type ConnectionType,
  connectionSections,
  type NamedConnection,
} from '../../core/spec/connection.ts';
import { present } from '../../core/text/present.ts';
import { type ConnectionRequest, type ConnectionView, seenBy } from '../../fleet/web/connections.ts';
import type { WrongFields } from '../../fleet/web/declarations.ts';
import { type Change, Meanwhile } from '../meanwhile.tsx';
import type { Reader } from '../reader.ts';
import { missing } from '../respond.tsx';
import { adapterTitle } from '../text/adapters.ts';
import { ChooseKind, ChooseSection } from './choice.tsx';
import { type ConnectionForm, Form, titleOf } from './form.tsx';
import { Connections, kindTitle, shownSections } from './list.tsx';
import { Connection, type Tried } from './one.tsx';
import { connectionPath, isSection, newPath } from './paths.ts';
import { addRemoval } from './removal.tsx';
import { type ConnectionsParts, createShown } from './shown.tsx';
import { type Seen, seenIn, seenOf, settingsOf, type Typed, typedIn, typedOf } from './typed.ts';

interface Edited extends Partial<Pick<ConnectionForm, 'typed' | 'wrong' | 'seen' | 'revision'>> {
  readonly tried?: Tried;
  readonly meanwhile?: Child;
  readonly status?: ContentfulStatusCode;
}

/** Adds the pages on which CAs, DNS providers, balancers, targets and notifiers are declared, and tried. */
export function addConnections(app: Hono<Env>, parts: ConnectionsParts): void {
  const { connections, forFirst, clock } = parts;
  const shown = createShown(parts);
  const { reading, mayChange, show, forbidden, ofOne, asker, revisionIn } = shown;

  app.get('/connections', async (c) => {
    const reader = reading(c);
    const [all, ...types] = await Promise.all([
      connections.list(c.req.raw.signal),
      ...connectionSections.map((one) => connections.types(one)),
    ]);
    const views = all.map((one) => seenBy(c.var.who, one));
    const may = (section: ConnectionSection) => mayChange(c, section);
    const choices = forFirst();
    const rights = { mayChange: may, changesTargets: connections.changesTargets() };
    const body = <Connections reader={reader} {...{ views, choices, ...rights }} types={types.flat()} />;
    return show(c, reader, { title: reader.text.connections.title, body });
  });

  // A new one.

  /** Returns what is asked for by the address of the form. */
  async function kindAsked(c: Context<Env>, section: ConnectionSection) {
    const { type, provider, directory } = c.req.query();
    const types = await connections.types(section);
    const kind = types.find((one) => one.type === type && one.provider === (provider || undefined));
    const known = section === 'issuers' ? knownIssuer(directory) : undefined;
    const fixed = present({ directory: known && directory });
    return { types, kind, known, fixed, usual: fixed.directory ?? provider ?? type ?? '' };
  }

  async function showNew(c: Context<Env>, section: ConnectionSection, { typed, wrong }: Partial<ConnectionForm> = {}) {
    const { types, kind, known, fixed, usual } = await kindAsked(c, section);
    const query = present({ type: kind?.type, provider: kind?.provider, ...fixed });
    const reader = reading(c, newPath(section, query));
    const { connections: words } = reader.text;
    if (!kind) {
      const body = <ChooseKind reader={reader} section={section} types={types} />;
      return show(c, reader, { title: words.chooseKind[section], body });
    }
    const title = words.newTitle(adapterTitle(known?.title ?? kind.title, reader.language));
    const form: ConnectionForm = {
      ...{ kind, wrong, fixed, ca: known, back: newPath(section), action: reader.here },
      takesSecrets: connections.takesSecrets,
      ...{
        typed: typed ?? {
          name: await freeName(section, usual, c.req.raw.signal),
          values: defaultsOf(kind),
          removed: [],
        },
      },
    };
    const body = (
      <>
        <h1>{title}</h1>
        <Form reader={reader} {...form} />
      </>
    );
    return show(c, reader, { title, body, status: wrong ? 422 : 200 });
  }

  /** Returns a name for one more, which a person may change. */
  async function freeName(section: ConnectionSection, usual: string, signal: AbortSignal): Promise<string> {
    const taken = new Set((await connections.list(signal)).flatMap((one) => (one.section === section ? one.name : [])));
    for (let at = 1; ; at += 1) {
      const name = at === 1 ? usual : `${usual}-${at}`;
      if (!taken.has(name)) return name;
    }
  }

  app.get('/connections/new', (c) => {
    const section = c.req.query('section');
    if (isSection(section)) return mayChange(c, section) ? showNew(c, section) : forbidden(c, section);
    const own = shownSections.filter((one) => mayChange(c, one));
    if (own.length === 0) return forbidden(c, undefined);
    const reader = reading(c);
    return show(c, reader, {
      title: reader.text.connections.chooseSection,
      body: <ChooseSection reader={reader} sections={own} />,
    });
  });

  app.post('/connections/new', async (c) => {
    const section = c.req.query('section');
    if (!isSection(section)) return missing(c, clock.now());
    const { kind, fixed } = await kindAsked(c, section);
    if (!kind) return missing(c, clock.now());
    const given = typedIn(await c.req.parseBody(), kind.fields);
    const typed = { ...given, values: { ...given.values, ...fixed } };
    const settings = settingsOf(kind, typed);
    const saved = await save(c, { section, name: typed.name, settings, ifRevision: null });
    if (saved.refused) return forbidden(c, section, saved.refused);
    const wrong = saved.isChanged ? { name: reading(c).text.connections.taken } : saved.wrong;
    if (wrong) return showNew(c, section, { typed, wrong });
    return c.redirect(`${connectionPath(section, typed.name)}?done=added`, 303);
  });

  /** Declares it, and says what is wrong beside the field that it is about. */
  async function save(
    c: Context<Env>,
    request: ConnectionRequest,
  ): Promise<{ readonly wrong?: WrongFields; readonly isChanged?: true; readonly refused?: CertfleetError }> {
    const { text, language } = reading(c);
    try {
      const done = await connections.declare(asker(c), request, c.req.raw.signal);
      return 'wrong' in done ? { wrong: done.wrong } : {};
    } catch (error) {
      if (isFailure(error, 'access/')) return { refused: error };
      if (isFailure(error, 'config/declared-in-file')) return { wrong: { name: text.connections.taken } };
      if (isFailure(error, 'config/declaration-changed')) return { isChanged: true };
      if (!isFailure(error, 'config/')) throw error;
      const { message, hint } = say(error, language);
      return { wrong: { '': `${message}. ${hint}` } };
    }
  }

  // One that is there.

  async function showOne(
    c: Context<Env>,
    view: ConnectionView,
    { typed, wrong, tried, meanwhile, status = 200, ...opened }: Edited,
  ) {
    const { section, name } = view;
    const types = await connections.types(section);
    const kind = types.find((one) => one.type === view.type && one.provider === view.provider);
    const here = connectionPath(section, name);
    const reader = reading(c, here);
    const isEdited = kind !== undefined && view.declaredIn === 'store' && mayChange(c, section, view.leadsKeys);
    const form: ConnectionForm | undefined = isEdited
      ? {
          ...{ kind, wrong, fixed: fixedOf(view), kept: view.secrets, action: here, back: '/connections' },
          ...{ typed: typed ?? typedOf(view, kind.fields), revision: view.revision, seen: seenOf(view, kind.fields) },
          ...opened,
          takesSecrets: connections.takesSecrets,
          ca: section === 'issuers' ? knownIssuer(view.options['directory']) : undefined,
        }
      : undefined;
    const rights = { mayChange: mayChange(c, section, view.leadsKeys), mayConnect: may(c.var.who, 'connect') };
    const title = kindTitle(reader, view, types);
    const body = (
      <Connection
        reader={reader}
        {...{ view, form, meanwhile, title, ...rights }}
        choices={forFirst()}
        tried={tried ?? { zone: String(view.options['dns.zone'] ?? '') }}
      />
    );
    return show(c, reader, { title: name, body, status });
  }

  app.get(
    '/connections/:section/:name',
    ofOne((c, view) => showOne(c, view, {})),
  );

  app.post('/connections/:section/:name', async (c) => {
    const [section, name] = [c.req.param('section'), c.req.param('name')];
    if (!isSection(section)) return missing(c, clock.now());
    const [body, types] = await Promise.all([c.req.parseBody(), connections.types(section)]);
    const seen = seenIn(body);
    const view = (await connections.get(section, name, c.req.raw.signal)) ?? goneView({ section, name }, seen);
    const kind = types.find((one) => one.type === view.type && one.provider === view.provider);
    if (!kind) return missing(c, clock.now());
    const given = typedIn(body, kind.fields);
    const typed: Typed = { ...given, name, values: { ...given.values, ...fixedOf(view) } };
    const condition = revisionIn(body);
    const saved = await save(c, { section, name, settings: settingsOf(kind, typed, view.options), ...condition });
    if (saved.refused) return forbidden(c, section, saved.refused);
    const opened = { seen, revision: condition.ifRevision ?? '' };
    if (saved.wrong) return showOne(c, view, { ...opened, typed, wrong: saved.wrong, status: 422 });
    if (!saved.isChanged) return c.redirect(`${connectionPath(section, name)}?done=changed`, 303);
    const now = await connections.get(section, name, c.req.raw.signal);
    const reader = reading(c);
    const { otherSettings, typeSecretsAgain } = reader.text.connections;
    const hadSecrets = kind.fields.some((field) => field.isSecret && typed.values[field.name]);
    const meanwhile = (
      <Meanwhile
        {...{ reader, now }}
        fields={now ? changesOf(reader, kind, seen, seenOf(now, kind.fields)) : []}
        others={otherSettings}
        lost={hadSecrets ? typeSecretsAgain : undefined}
      />
    );
    return showOne(c, now ?? goneView({ section, name }, seen), { typed, meanwhile, status: 409 });
  });

  app.post(
    '/connections/:section/:name/test',
    ofOne(async (c, view) => {
      const { section, name, provider } = view;
      const { text } = reading(c);
      const typed = (await c.req.parseBody())['zone'];
      const zone = typeof typed === 'string' ? typed.trim().slice(0, 300) : '';
      if (provider !== undefined && zone === '')
        return showOne(c, view, { tried: { zone, wrong: { zone: text.connections.test.noZone } } });
      const request = { section, name, ...present({ zone: zone || undefined }) };
      try {
        const answer = await connections.test(asker(c), request, c.req.raw.signal);
        return showOne(c, view, { tried: 'wrong' in answer ? { zone, wrong: answer.wrong } : { zone, answer } });
      } catch (error) {
        if (isFailure(error, 'access/')) return forbidden(c, section, error);
        return showOne(c, view, { tried: { zone, answer: { ok: false, steps: [], failure: asFailure(error) } } });
      }
    }),
  );

  addRemoval(app, connections, shown);
}

/** What the page shows of a connection that was removed since someone opened its form. */
const goneView = (one: NamedConnection, { type, provider, values }: Seen): ConnectionView => ({
  ...{ ...one, type, declaredIn: 'store', options: values, ...present({ provider }), revision: '' },
  ...{ secrets: [], certificates: [], certificateCount: 0, usedBy: [], canTest: false },
  leadsKeys: one.section === 'deployers',
});

/** What the form has fields for, as it was and as it is. */
function changesOf(reader: Reader, kind: ConnectionType, seen: Seen, now: Seen): readonly Change[] {
  const valuesOf = ({ values, secrets }: Seen, { name, isSecret }: ConnectionField) =>
    isSecret
      ? secrets.includes(name)
        ? [reader.text.connections.secretSet]
        : []
      : (values[name] ?? '').split('\n').filter((line) => line !== '');
  return kind.fields.map((field) => ({
    label: titleOf(reader, kind, field),
    before: valuesOf(seen, field),
    now: valuesOf(now, field),
  }));
}

const defaultsOf = ({ fields }: ConnectionType): Readonly<Record<string, string>> =>
  Object.fromEntries(
    fields.flatMap((one) => (one.takes === 'boolean' && one.default === 'true' ? [[one.name, 'true']] : [])),
  );

/** The directory of a well-known CA is the CA: whoever wants another one declares another issuer. */
const fixedOf = ({ section, options: { directory } }: ConnectionView): Readonly<Record<string, string>> =>
  section === 'issuers' && typeof directory === 'string' && knownIssuer(directory) ? { directory } : {};

const knownIssuer = (directory: unknown): KnownIssuer | undefined =>
  typeof directory === 'string' && Object.hasOwn(knownIssuers, directory) ? knownIssuers[directory] : undefined;
