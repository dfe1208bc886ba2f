import type { Context } from 'hono';
import { deleteCookie, setCookie } from 'hono/cookie';
import type { WebEnv } from './app.ts';

/**
 * The cookie of a login. No other site can send it, and under HTTPS no other host can set it. What waits for the answer of
 * an OpenID provider has one of its own, which comes back from there.
 */
export function cookieOf(c: Context<WebEnv>, of: 'login' | 'oidc' = 'login') {
  const [suffix, sameSite, maxAge] =
    of === 'login' ? (['', 'Strict', 7 * 86_400] as const) : (['-oidc', 'Lax', 600] as const);
  const { isSecure: secure } = c.env.arrival;
  const name = `${secure ? '__Host-' : ''}certfleet${suffix}`;
  const options = { path: '/', httpOnly: true, sameSite, secure } as const;
  return {
    name,
    set: (value: string) => setCookie(c, name, value, { ...options, maxAge }),
    remove: () => void deleteCookie(c, name, options),
  };
}
