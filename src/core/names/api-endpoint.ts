/** Loopback addresses, not names: a name may be resolved to anything. */
const loopback = /^(127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\])$/;

/** What is wrong with a text that is no {@link isApiEndpoint}. */
export function endpointProblem(text: unknown): string {
  const url = typeof text === 'string' && URL.canParse(text) ? new URL(text) : undefined;
  if (url && url.username + url.password !== '')
    return 'leave USER:PASSWORD@ out of the URL: credentials have options of their own';
  return 'write an https:// URL; http:// is allowed for loopback addresses only';
}

/**
 * Whether an API's keys may be sent to a URL: https, or http to this machine. User information, query and fragment are
 * refused, because the calls would lose them.
 */
export function isApiEndpoint(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  if (url.username !== '' || url.password !== '' || /[?#\s]/.test(text)) return false;
  return url.protocol === 'https:' || (url.protocol === 'http:' && loopback.test(url.hostname));
}
