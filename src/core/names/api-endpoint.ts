/** Loopback addresses only, not names: a name may resolve to anything. */
const loopback = /^(127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\])$/;

/** Describes why {@link isApiEndpoint} rejects a text. */
export function endpointProblem(text: unknown): string {
  const url = typeof text === 'string' && URL.canParse(text) ? new URL(text) : undefined;
  if (url && url.username + url.password !== '')
    return 'leave USER:PASSWORD@ out of the URL: credentials have options of their own';
  if (url && /[?#]/.test(String(text))) return 'expected a URL without a query and without a fragment (`?` or `#`)';
  return 'expected an https:// URL; http:// is allowed for loopback addresses only';
}

/** What is wrong with a path in the endpoint of an API that would lose it. */
export const pathProblem = 'expected a URL without a path: all calls of this API go to the path /';

export const hasPath = (text: string): boolean => URL.canParse(text) && new URL(text).pathname !== '/';

/**
 * Reports whether an API's keys may be sent to a URL: https, or http to this machine. User information, query and
 * fragment are rejected, because calls would lose them.
 */
export function isApiEndpoint(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  if (url.username !== '' || url.password !== '' || /[?#\s]/.test(text)) return false;
  return url.protocol === 'https:' || (url.protocol === 'http:' && loopback.test(url.hostname));
}
