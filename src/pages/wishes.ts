import type { Context, MiddlewareHandler } from 'hono';
import { setCookie } from 'hono/cookie';
import { languages } from '../core/errors/wording.ts';
import { themes } from './reader.ts';

/** Parameters of an address that are about the reader, or told once. */
const passing = ['language', 'theme', 'begun', 'done'] as const;

/** The page's own address, without what is not about the page. */
export function hereOf(c: Context): string {
  // The answer to a form has no address of its own.
  if (c.req.method !== 'GET') return '/';
  const { pathname, searchParams } = new URL(c.req.url);
  for (const name of passing) searchParams.delete(name);
  const query = searchParams.toString();
  return query === '' ? pathname : `${pathname}?${query}`;
}

/** Keeps the language or the colours that a reader has chosen by a link, and shows the page again. */
export const rememberWishes: MiddlewareHandler = async (c, next) => {
  const language = languages.find((one) => one === c.req.query('language'));
  const theme = themes.find((one) => one === c.req.query('theme'));
  if (c.req.method !== 'GET' || !(language || theme)) return next();
  const options = { path: '/', maxAge: 31_536_000, sameSite: 'Lax' } as const;
  if (language) setCookie(c, 'language', language, options);
  if (theme) setCookie(c, 'theme', theme, options);
  return c.redirect(hereOf(c), 303);
};
