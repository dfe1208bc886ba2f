import type { Context, Hono } from 'hono';
import type { Child } from 'hono/jsx';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { Access } from '../../access/access.ts';
import type { Env } from '../../access/who.ts';
import { dayOf } from '../../core/access/audit.ts';
import { type Action, isScope, may } from '../../core/access/role.ts';
import { asFailure, isFailure } from '../../core/errors/errors.ts';
import { say } from '../../core/errors/wording.ts';
import type { ShownSettings } from '../../core/spec/shown-settings.ts';
import { present } from '../../core/text/present.ts';
import type { Clock } from '../../ports/clock.ts';
import { Notice } from '../layout.tsx';
import { Told } from '../parts.tsx';
import type { Reader } from '../reader.ts';
import { forbidden, missing, page, readerOf } from '../respond.tsx';
import { AuditLog, Configuration, type Notifier, Notifiers } from './look.tsx';
import { type Done, doneKinds, SettingsPage, type SettingsSection, sections } from './parts.tsx';
import { expiries, NewToken, type TokenForm, Tokens } from './tokens.tsx';
import { byOf, fieldsOf, nameProblem, passwordProblems, roleIn } from './typed.ts';
import { ConfirmRemoval, PasswordForm, type UserForm, Users } from './users.tsx';

/** What the settings show and change. */
export interface SettingsParts {
  readonly access: Pick<Access, 'users' | 'tokens' | 'audit'>;
  readonly clock: Clock;
  /** Those that are declared now. */
  notifiers(): readonly Notifier[];
  /** Sends a test message to one of them. Fails as the notifier does. */
  test(name: string, signal: AbortSignal): Promise<void>;
  /** Returns the configuration without its secrets. */
  configuration(): Promise<ShownSettings>;
}

/** What one must be allowed to do to see a part. */
const needed: Readonly<Record<SettingsSection, Action>> = {
  users: 'users',
  tokens: 'tokens',
  audit: 'audit',
  alarms: 'look',
  configuration: 'connect',
};

const dayMs = 86_400_000;
const noUser: UserForm = { name: '', role: 'viewer', problems: {} };
const noToken: TokenForm = { name: '', role: 'viewer', scope: '', expires: '90', problems: {} };

/** Adds the settings: users, tokens, the audit log, notifiers, and the configuration as it is. */
export function addSettings(app: Hono<Env>, { access, clock, ...more }: SettingsParts): void {
  const { users, tokens, audit } = access;
  const reading = (c: Context<Env>): Reader => readerOf(c, clock.now(), undefined);
  const seenBy = (c: Context<Env>) => sections.filter((one) => may(c.var.who, needed[one]));

  /** Answers with a part of the settings. */
  function show(c: Context<Env>, at: SettingsSection, body: Child, status: ContentfulStatusCode = 200) {
    const reader = reading(c);
    const done: Done | undefined = doneKinds.find((one) => one === c.req.query('done'));
    const { settings } = reader.text;
    return page(
      c,
      { ...reader, here: c.req.method === 'GET' ? reader.here : `/settings/${at}` },
      { title: `${settings[at]} · ${settings.title}`, at: 'settings', status },
      <SettingsPage reader={reader} at={at} seen={seenBy(c)} done={done}>
        {body}
      </SettingsPage>,
    );
  }
  const ask = (c: Context<Env>, title: string, body: Child, status: ContentfulStatusCode = 200) =>
    page(c, reading(c), { title, at: 'settings', status }, body);

  for (const [section, action] of Object.entries(needed)) {
    app.use(`/settings/${section}/*`, async (c, next) => {
      return may(c.var.who, action) ? next() : forbidden(c, clock.now(), action);
    });
  }

  app.get('/settings', (c) => c.redirect(`/settings/${seenBy(c)[0]}`, 303));

  // Users.

  const showUsers = async (
    c: Context<Env>,
    { form = noUser, refused }: { readonly form?: UserForm; readonly refused?: Parameters<typeof Users>[0]['refused'] },
    status: ContentfulStatusCode = 200,
  ) => {
    const all = await users.list(c.req.raw.signal);
    return show(c, 'users', <Users reader={reading(c)} users={all} form={form} refused={refused} />, status);
  };

  app.get('/settings/users', (c) => showUsers(c, {}));

  app.post('/settings/users', async (c) => {
    const typed = await fieldsOf(c);
    const form = { name: typed('name').trim(), role: roleIn(typed('role')) };
    const [password, language] = [typed('password'), c.var.language];
    const problems: UserForm['problems'] = {
      ...present({ name: nameProblem(form.name, language) }),
      ...passwordProblems(c, form.name, typed),
    };
    if (Object.keys(problems).length > 0) return showUsers(c, { form: { ...form, problems } }, 422);
    try {
      await users.add({ ...form, password }, byOf(c), c.req.raw.signal);
    } catch (error) {
      if (!isFailure(error, 'access/user-exists')) throw error;
      return showUsers(c, { form: { ...form, problems: { name: say(error, language).message } } }, 409);
    }
    return c.redirect('/settings/users?done=added', 303);
  });

  app.post('/settings/users/:name/role', async (c) => {
    const name = c.req.param('name');
    const role = roleIn((await fieldsOf(c))('role'));
    try {
      await users.setRole(name, role, byOf(c), c.req.raw.signal);
    } catch (error) {
      if (isFailure(error, 'access/no-user')) return missing(c, clock.now());
      if (!isFailure(error, 'access/last-admin')) throw error;
      return showUsers(c, { refused: { name, role, message: say(error, c.var.language).message } }, 409);
    }
    return c.redirect('/settings/users?done=role', 303);
  });

  const isUser = async (c: Context<Env>, name: string) =>
    (await users.list(c.req.raw.signal)).some((one) => one.name === name);

  app.get('/settings/users/:name/password', async (c) => {
    const name = c.req.param('name');
    if (!(await isUser(c, name))) return missing(c, clock.now());
    const reader = reading(c);
    return ask(c, reader.text.settings.newPasswordOf(name), <PasswordForm reader={reader} name={name} problems={{}} />);
  });

  app.post('/settings/users/:name/password', async (c) => {
    const name = c.req.param('name');
    const typed = await fieldsOf(c);
    const problems = passwordProblems(c, name, typed);
    const reader = { ...reading(c), here: `/settings/users/${encodeURIComponent(name)}/password` };
    if (Object.keys(problems).length > 0) {
      const body = <PasswordForm reader={reader} name={name} problems={problems} />;
      return ask(c, reader.text.settings.newPasswordOf(name), body, 422);
    }
    try {
      await users.setPassword(name, typed('password'), byOf(c), c.req.raw.signal);
    } catch (error) {
      if (isFailure(error, 'access/no-user')) return missing(c, clock.now());
      throw error;
    }
    return c.redirect('/settings/users?done=password', 303);
  });

  // Tokens.

  const showTokens = async (c: Context<Env>, form: TokenForm, status: ContentfulStatusCode = 200) => {
    const all = await tokens.list(c.req.raw.signal);
    return show(c, 'tokens', <Tokens reader={reading(c)} tokens={all} form={form} />, status);
  };

  app.get('/settings/tokens', (c) => showTokens(c, noToken));

  app.post('/settings/tokens', async (c) => {
    const typed = await fieldsOf(c);
    const { language } = c.var;
    const reader = reading(c);
    const given: TokenForm = {
      ...{ name: typed('name').trim(), role: roleIn(typed('role')), scope: typed('scope') },
      expires: expiries.find((one) => one === typed('expires')) ?? noToken.expires,
      problems: {},
    };
    const scope = given.scope.split(/[\s,，]+/).filter((one) => one !== '');
    const bad = scope.find((one) => !isScope(one));
    const problems: TokenForm['problems'] = present({
      name: nameProblem(given.name, language),
      scope: bad === undefined ? undefined : reader.text.settings.badScope(bad),
    });
    if (Object.keys(problems).length > 0) return showTokens(c, { ...given, problems }, 422);
    const until = given.expires === 'never' ? undefined : clock.now().getTime() + Number(given.expires) * dayMs;
    const wish = {
      ...{ name: given.name, role: given.role },
      scope: scope.length > 0 ? scope : undefined,
      expiresAt: until === undefined ? undefined : new Date(until).toISOString(),
    };
    try {
      const token = await tokens.add(wish, byOf(c), c.req.raw.signal);
      const title = reader.text.settings.newToken(given.name);
      const shown = { ...reader, here: '/settings/tokens' };
      return page(c, shown, { title, at: 'settings' }, <NewToken reader={shown} name={given.name} token={token} />);
    } catch (error) {
      if (!isFailure(error, 'access/token-exists')) throw error;
      return showTokens(c, { ...given, problems: { name: say(error, language).message } }, 409);
    }
  });

  // What is removed, after a question.

  for (const kind of ['users', 'tokens'] as const) {
    const title = ({ text: { settings } }: Reader, name: string) =>
      kind === 'users' ? settings.removeUser(name) : settings.removeToken(name);

    app.get(`/settings/${kind}/:name/remove`, async (c) => {
      const name = c.req.param('name');
      const all = await access[kind].list(c.req.raw.signal);
      if (!all.some((one) => one.name === name)) return missing(c, clock.now());
      const reader = reading(c);
      return ask(c, title(reader, name), <ConfirmRemoval reader={reader} kind={kind} name={name} />);
    });

    app.post(`/settings/${kind}/:name/remove`, async (c) => {
      const name = c.req.param('name');
      try {
        await access[kind].remove(name, byOf(c), c.req.raw.signal);
      } catch (error) {
        if (isFailure(error, 'access/no-user', 'access/no-token')) return missing(c, clock.now());
        if (!isFailure(error, 'access/last-admin')) throw error;
        const reader = { ...reading(c), here: `/settings/users/${encodeURIComponent(name)}/remove` };
        const body = (
          <>
            <Notice kind="refused">
              <Told>{say(error, reader.language).message}</Told>
            </Notice>
            <ConfirmRemoval reader={reader} kind={kind} name={name} />
          </>
        );
        return ask(c, title(reader, name), body, 409);
      }
      return c.redirect(`/settings/${kind}?done=removed`, 303);
    });
  }

  // What only shows.

  app.get('/settings/audit', async (c) => {
    const { signal } = c.req.raw;
    const asked = c.req.query('day');
    const days = await audit.days(signal);
    const isDay = asked !== undefined && /^\d{4}-\d{2}-\d{2}$/.test(asked);
    const day = isDay ? asked : (days[0] ?? dayOf(clock.now()));
    const entries = await audit.day(day, signal);
    return show(c, 'audit', <AuditLog reader={reading(c)} day={day} days={days} entries={entries} />);
  });

  const showNotifiers = (c: Context<Env>, refused?: Parameters<typeof Notifiers>[0]['refused']) => {
    const mayTest = may(c.var.who, 'connect');
    const body = <Notifiers reader={reading(c)} notifiers={more.notifiers()} mayTest={mayTest} refused={refused} />;
    return show(c, 'alarms', body, refused ? 502 : 200);
  };

  app.get('/settings/alarms', (c) => showNotifiers(c));

  app.post('/settings/alarms/:name/test', async (c) => {
    const name = c.req.param('name');
    const { signal } = c.req.raw;
    if (!more.notifiers().some((one) => one.name === name)) return missing(c, clock.now());
    const record = (result: string) => audit.record(byOf(c), { what: 'alarms.test', object: name, result });
    try {
      await more.test(name, signal);
    } catch (error) {
      const failure = asFailure(error);
      await record(failure.code);
      return showNotifiers(c, { name, ...say(failure, c.var.language) });
    }
    await record('done');
    return c.redirect('/settings/alarms?done=sent', 303);
  });

  app.get('/settings/configuration', async (c) =>
    show(c, 'configuration', <Configuration reader={reading(c)} shown={await more.configuration()} />),
  );
}
