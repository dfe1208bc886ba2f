import { timingSafeEqual } from 'node:crypto';
import { type Context, Hono, type MiddlewareHandler } from 'hono';
import { getCookie } from 'hono/cookie';
import type { Access } from '../access/access.ts';
import type { Env } from '../access/who.ts';
import { problemOf, statusOf } from '../api/problem.ts';
import { may, type Who } from '../core/access/role.ts';
import { asFailure, type CertfleetError, fail, isFailure } from '../core/errors/errors.ts';
import { type Language, loadLanguage, say } from '../core/errors/wording.ts';
import { refusedPage } from '../pages/refused.tsx';
import { rememberWishes } from '../pages/wishes.ts';
import { cookieOf } from './cookie.ts';
import { addLogin, addOidc } from './login-routes.tsx';
import { type Arrival, isFromHere } from './request.ts';

/** The pages and the API. Their own paths begin with `/`. */
export interface Mounted {
  readonly pages: Hono<Env>;
  readonly api?: Hono<Env> | undefined;
}

export interface WebParts {
  readonly access: Access;
  readonly mounted: Mounted;
  /** Called with an error that is a fault of the program. */
  readonly failed: (error: unknown) => void;
}

/** What hono has from the server. */
export interface WebEnv extends Env {
  readonly Bindings: { readonly arrival: Arrival };
}

export const apiPath = '/api/v1';

const mostBodyBytes = 256 * 1024;
/** Of those who have not logged in, or may only look: a form for a login, or to log out. They may send many at once. */
const mostIdleBytes = 16 * 1024;
const logoutPath = '/logout';

/** Nothing inline, nothing from elsewhere, and in no frame. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "form-action 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
].join('; ');

/** Pages and API behind the gate. */
export function createWeb({ access, mounted, failed }: WebParts): Hono<WebEnv> {
  const app = new Hono<WebEnv>();
  app.use(withHeaders);
  app.use(endUnread);
  app.use(async (c, next) => {
    const language = languageOf(c);
    await loadLanguage(language);
    c.set('language', language);
    c.set('from', c.env.arrival.from);
    await next();
  });
  app.use(async (c, next) => {
    // Browsers and the usual clients say how much they send.
    if (c.req.header('transfer-encoding') !== undefined) return refuse(c, fail('usage/no-length', {}));
    return refuseLonger(c, mostBodyBytes) ?? next();
  });
  app.use(rememberWishes);
  app.use(gate(access));
  app.use(async (c, next) => {
    const who: Who | undefined = c.get('who');
    return refuseLonger(c, who && may(who, 'renew') ? mostBodyBytes : mostIdleBytes) ?? next();
  });
  app.use(refuseForeign);
  app.use(recordRefused(access));
  addLogin(app, access);
  addOidc(app, access);
  app.post(logoutPath, async (c) => {
    const { who, from } = c.var;
    const { name, remove } = cookieOf(c);
    const cookie = getCookie(c, name);
    if (cookie !== undefined && who.via === 'login')
      await access.logins.end(cookie, { ...who, from }, c.req.raw.signal);
    remove();
    return c.redirect('/login', 303);
  });
  // Pages and API need to know who asks. What pages are made of is for everybody.
  app.use(async (c, next) => {
    const who: Who | undefined = c.get('who');
    const isAsset = isSafe(c.req.method) && c.req.path.startsWith('/assets/');
    return who || isAsset ? next() : refuse(c, fail('usage/no-path', { path: c.req.path }));
  });
  if (mounted.api) app.route(apiPath, mounted.api as unknown as Hono<WebEnv>);
  // They answer whatever nothing else does.
  app.route('/', mounted.pages as unknown as Hono<WebEnv>);
  app.notFound((c) => refuse(c, fail('usage/no-path', { path: c.req.path })));
  app.onError((error, c) => {
    const failure = asFailure(error);
    if (isFailure(failure, 'bug/')) failed(error);
    return refuse(c, failure);
  });
  return app;
}

const withHeaders: MiddlewareHandler<WebEnv> = async (c, next) => {
  await next();
  const { headers } = c.res;
  headers.set('content-security-policy', policy);
  headers.set('x-content-type-options', 'nosniff');
  headers.set('referrer-policy', 'same-origin');
  headers.set('cross-origin-opener-policy', 'same-origin');
  headers.set('cross-origin-resource-policy', 'same-origin');
  headers.set('x-frame-options', 'DENY');
  if (!headers.has('cache-control')) headers.set('cache-control', 'no-store');
  if (c.env.arrival.isSecure) headers.set('strict-transport-security', 'max-age=31536000');
};

/** The answer to HEAD has no body, so nothing would ever end what makes one: events go on until their reader goes. */
const endUnread: MiddlewareHandler<WebEnv> = async (c, next) => {
  await next();
  if (c.req.method === 'HEAD') await c.res.body?.cancel();
};

const refuseLonger = (c: Context<WebEnv>, limit: number): Response | undefined =>
  Number(c.req.header('content-length') ?? 0) > limit ? refuse(c, fail('usage/too-long', { limit })) : undefined;

/** What everybody may open: what a browser needs to log in. */
const isOpen = (path: string): boolean =>
  path === '/login' || path.startsWith('/login/') || path.startsWith('/first/') || path.startsWith('/assets/');

/** Finds out who asks, or answers that a login is needed. */
function gate(access: Access): MiddlewareHandler<WebEnv> {
  return async (c, next) => {
    const { signal } = c.req.raw;
    const bearer = /^Bearer +(\S+)$/i.exec(c.req.header('authorization') ?? '')?.[1];
    if (bearer !== undefined) {
      const find = (over: AbortSignal) => access.tokens.find(bearer, over);
      const who = await find(signal);
      if (!who) return unknown(c);
      c.set('who', who);
      c.set('isStill', async () => isSameWho(await find(signal), who));
      c.set('csrf', '');
      return next();
    }
    const cookie = getCookie(c, cookieOf(c).name);
    const login = cookie === undefined ? undefined : await access.logins.find(cookie, signal);
    if (login) {
      c.set('who', login.who);
      c.set('csrf', login.csrf);
      c.set('isStill', async () => isSameWho((await access.logins.look(cookie!, signal))?.who, login.who));
    } else if (c.env.arrival.isOwn) {
      c.set('who', { name: 'socket', role: 'admin', via: 'socket' });
      c.set('csrf', '');
      c.set('isStill', async () => true);
    } else if (!isOpen(c.req.path)) return unknown(c);
    return next();
  };
}

const isSameWho = (now: Who | undefined, then: Who): boolean => now?.name === then.name && now.role === then.role;

/** Answers that a login is needed, in the form that suits the request. */
function unknown(c: Context<WebEnv>): Response {
  const path = c.req.path;
  if (path === apiPath || path.startsWith(`${apiPath}/`) || c.req.header('authorization') !== undefined) {
    c.header('www-authenticate', 'Bearer');
    return refuse(c, fail('access/login', {}));
  }
  // No browser reads events from a page.
  if (c.req.header('accept') === 'text/event-stream') return refuse(c, fail('access/login', {}));
  const { pathname, search } = new URL(c.req.url);
  const back = c.req.method === 'GET' && pathname !== '/' ? `?next=${encodeURIComponent(pathname + search)}` : '';
  const isForm = !isSafe(c.req.method) && path !== logoutPath;
  // What a form sent is lost here, but not in the form.
  const query = isForm ? '?unsent=yes' : back;
  if (c.req.header('hx-request') === undefined) return c.redirect(`/login${query}`, 303);
  // A part of a page in which someone may have typed: its script decides.
  return refuse(c, fail('access/login', {}));
}

const isSafe = (method: string): boolean => method === 'GET' || method === 'HEAD' || method === 'OPTIONS';

/** A foreign page must not act with the login of a person who opens it, or log anyone in. */
const refuseForeign: MiddlewareHandler<WebEnv> = async (c, next) => {
  const who: Env['Variables']['who'] | undefined = c.get('who');
  if (isSafe(c.req.method) || who?.via === 'token') return next();
  if (!isFromHere({ get: (name) => c.req.header(name) })) return refuse(c, fail('access/foreign', {}));
  // Before a login, there is none to act with.
  if (who?.via === 'login' && c.req.path !== '/login') {
    const given = c.req.header('x-csrf-token') ?? (await fieldOf(c, 'csrf'));
    if (given === undefined || !isSame(given, c.get('csrf'))) return refuse(c, fail('access/other-login', {}));
  }
  return next();
};

/** Writes down who tried to change something, and may not. What has begun is written down by what does it. */
const recordRefused =
  (access: Access): MiddlewareHandler<WebEnv> =>
  async (c, next) => {
    await next();
    const { method, path } = c.req;
    const { who, from, isRefused } = c.var;
    if (isRefused && !isSafe(method))
      await access.refused({ ...who, from }, { what: 'request', object: `${method} ${path}` });
  };

async function fieldOf(c: Context<WebEnv>, name: string): Promise<string | undefined> {
  if (!/^(application\/x-www-form-urlencoded|multipart\/form-data)/i.test(c.req.header('content-type') ?? ''))
    return undefined;
  const value = (await c.req.parseBody().catch(() => ({}) as Record<string, unknown>))[name];
  return typeof value === 'string' ? value : undefined;
}

function isSame(one: string, other: string): boolean {
  const [first, second] = [Buffer.from(one), Buffer.from(other)];
  return first.length === second.length && timingSafeEqual(first, second);
}

/** A browser that prefers Chinese gets it, until the reader chooses another language. */
function languageOf(c: Context<WebEnv>): Language {
  const chosen = getCookie(c, 'language');
  if (chosen === 'zh' || chosen === 'en') return chosen;
  const wishes = (c.req.header('accept-language') ?? '').slice(0, 500).split(',');
  const ranked = wishes
    .map((wish) => {
      const [tag = '', ...rest] = wish.trim().toLowerCase().split(';');
      const weight = Number(/^\s*q=([\d.]+)/.exec(rest.join(';'))?.[1] ?? 1);
      return { language: /^(zh|en)\b/.exec(tag)?.[1], weight };
    })
    .filter(({ language, weight }) => language !== undefined && weight > 0)
    .sort((a, b) => b.weight - a.weight);
  return ranked[0]?.language === 'zh' ? 'zh' : 'en';
}

/** A refusal is a problem document for programs, a page for browsers, and a line of text for people without one. */
function refuse(c: Context<WebEnv>, failure: CertfleetError): Response {
  const isForProgram = c.req.path.startsWith(`${apiPath}/`) || c.req.header('authorization') !== undefined;
  if (isForProgram) return problemOf(c as never, failure);
  const language = c.get('language') ?? 'en';
  const isPart = c.req.header('hx-request') !== undefined;
  if (isPart || /\btext\/html\b/.test(c.req.header('accept') ?? ''))
    return c.html(refusedPage({ failure, language, isPart }), statusOf(failure));
  const { message, hint } = say(failure, language);
  return c.text(`${message}. ${hint}\n`, statusOf(failure));
}
