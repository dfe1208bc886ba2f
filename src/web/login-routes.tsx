import type { Context, Hono } from 'hono';
import { getCookie } from 'hono/cookie';
import type { Access } from '../access/access.ts';
import { isUserName, type PasswordProblem, passwordProblem } from '../core/access/user.ts';
import { isFailure } from '../core/errors/errors.ts';
import { EnteredPage, FirstPage, LinkOverPage, LoginPage } from '../pages/login.tsx';
import type { WebEnv } from './app.ts';
import { cookieOf } from './cookie.ts';
import { isFromHere } from './request.ts';

/** The forms for a login, and for the first user. */
export function addLogin(app: Hono<WebEnv>, access: Access): void {
  const hasOidc = () => access.oidc.epoch() !== undefined;

  app.get('/login', (c) => {
    const next = ownPath(c.req.query('next'));
    const who: { readonly via: string } | undefined = c.get('who');
    if (who?.via === 'login') return c.redirect(next, 303);
    const isUnsent = c.req.query('unsent') !== undefined;
    return whole(c, <LoginPage language={c.var.language} next={next} isUnsent={isUnsent} hasOidc={hasOidc()} />);
  });

  app.post('/login', async (c) => {
    const form = await formOf(c);
    const [user, password, next] = [form('user'), form('password'), ownPath(form('next'))];
    const shown = { language: c.var.language, next, user, hasOidc: hasOidc() };
    if (user === '' || password === '')
      return whole(c, <LoginPage {...shown} problem={user === '' ? 'no-user' : 'no-password'} />, 422);
    const answer = await access.logins.open({ user, password, from: c.var.from }, c.req.raw.signal);
    if (answer.is === 'in') return enter(c, access, answer.cookie, next);
    if (answer.is === 'wrong') return whole(c, <LoginPage {...shown} problem="wrong" />, 422);
    const seconds = Math.ceil(answer.waitMs / 1_000);
    c.header('retry-after', String(seconds));
    return whole(c, <LoginPage {...shown} problem="slow" seconds={seconds} />, 429);
  });

  app.get('/first/:secret', async (c) => {
    const isValid = await access.first.isValid(c.req.param('secret'), c.req.raw.signal);
    if (!isValid) return whole(c, <LinkOverPage language={c.var.language} />, 410);
    return whole(c, <FirstPage language={c.var.language} />);
  });

  app.post('/first/:secret', async (c) => {
    const form = await formOf(c);
    const [user, password, again] = [form('user').trim(), form('password'), form('again')];
    const problems = {
      user: isUserName(user) ? undefined : ('bad-name' as const),
      password: passwordProblem(password, user) as PasswordProblem | undefined,
      again: password === again ? undefined : ('unequal' as const),
    };
    const { language, from } = c.var;
    if (problems.user || problems.password || problems.again)
      return whole(c, <FirstPage language={language} user={user} problems={problems} />, 422);
    const { signal } = c.req.raw;
    try {
      await access.first.use(c.req.param('secret'), { name: user, password }, from, signal);
    } catch (error) {
      if (!isFailure(error, 'access/link-over')) throw error;
      return whole(c, <LinkOverPage language={language} />, 410);
    }
    const answer = await access.logins.open({ user, password, from }, signal);
    return answer.is === 'in' ? enter(c, access, answer.cookie, '/') : c.redirect('/login', 303);
  });
}

/** Logins at an OpenID provider. */
export function addOidc(app: Hono<WebEnv>, access: Access): void {
  /** The host is one of those that are answered. The provider knows which of them are right. */
  const callback = (c: Context<WebEnv>) =>
    `${c.env.arrival.isSecure ? 'https' : 'http'}://${c.req.header('host')}/login/oidc/callback`;

  app.get('/login/oidc', async (c) => {
    // A foreign page must not log anyone in.
    if (!isFromHere({ get: (name) => c.req.header(name) })) return c.redirect('/login', 303);
    const { href, kept } = await access.oidc.begin(callback(c), c.var.from, c.req.raw.signal);
    cookieOf(c, 'oidc').set(kept + ownPath(c.req.query('next')?.slice(0, 1_000)));
    return c.redirect(href, 303);
  });

  app.get('/login/oidc/callback', async (c) => {
    const waiting = cookieOf(c, 'oidc');
    const value = getCookie(c, waiting.name) ?? '';
    waiting.remove();
    const [kept, next] = [value.slice(0, 43), ownPath(value.slice(43))];
    const answer = new URL(callback(c) + new URL(c.req.url).search);
    await enter(c, access, await access.oidc.finish(answer, kept, c.var.from, c.req.raw.signal), next);
    // Where another site has led, no browser sends the cookie yet. This page leads on.
    c.header('refresh', `0;url=${next}`);
    return whole(c, <EnteredPage language={c.var.language} next={next} />);
  });
}

/** A login has a cookie of its own, whatever the browser had before (session fixation). */
async function enter(c: Context<WebEnv>, access: Access, value: string, next: string): Promise<Response> {
  const cookie = cookieOf(c);
  const before = getCookie(c, cookie.name);
  const who: WebEnv['Variables']['who'] | undefined = c.get('who');
  if (before !== undefined && who?.via === 'login')
    await access.logins.end(before, { ...who, from: c.var.from }, c.req.raw.signal);
  cookie.set(value);
  return c.redirect(next, 303);
}

const whole = (c: Context<WebEnv>, page: unknown, status: 200 | 410 | 422 | 429 = 200) =>
  c.html(`<!DOCTYPE html>${String(page)}`, status);

/** A link elsewhere in `next` would make this form a gate to other sites. */
const ownPath = (path: string | undefined): string =>
  path !== undefined && /^\/(?![/\\])[\x21-\x5b\x5d-\x7e]{0,2000}$/.test(path) ? path : '/';

async function formOf(c: Context<WebEnv>): Promise<(name: string) => string> {
  const body = await c.req.parseBody().catch(() => ({}) as Record<string, unknown>);
  return (name) => {
    const value = body[name];
    return typeof value === 'string' ? value.slice(0, 1_000) : '';
  };
}
