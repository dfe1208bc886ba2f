import type { Context } from 'hono';
import { deleteCookie, setCookie } from 'hono/cookie';
import type { WebEnv } from './app.ts';

/** The cookie of a login. No other site can send it, and under HTTPS no other host can set it. */
export function cookieOf(c: Context<WebEnv>) {
  const { isSecure: secure } = c.env.arrival;
  const name = secure ? '__Host-certfleet' : 'certfleet';
  const options = { path: '/', httpOnly: true, sameSite: 'Strict', secure } as const;
  return {
    name,
    set: (value: string) => setCookie(c, name, value, { ...options, maxAge: 7 * 86_400 }),
    remove: () => void deleteCookie(c, name, options),
  };
}
