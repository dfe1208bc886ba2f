import { Secret } from '../../core/errors/secret.ts';

const headerName = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/;
const headerValue = /^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/;

/** Returns the headers in a text with a line `Name: value` for each, or undefined if a line is not a header. */
export function headersIn(text: Secret | undefined): readonly (readonly [name: string, value: Secret])[] | undefined {
  const lines = (text?.reveal() ?? '').split(/\r?\n/).filter((line) => line.trim() !== '');
  const headers = lines.map((line) => {
    const at = line.indexOf(':');
    return [line.slice(0, Math.max(at, 0)).trim(), line.slice(at + 1).trim()] as const;
  });
  if (!headers.every(([name, value]) => headerName.test(name) && headerValue.test(value))) return undefined;
  return headers.map(([name, value]) => [name, new Secret(value)]);
}

/** Returns the parts of a URL that may be secret: segments of at least so many characters, and the values of its query. */
export function tokensIn(url: string, shortest = 16): readonly Secret[] {
  const { pathname, searchParams } = new URL(url);
  const segments = pathname
    .split('/')
    .filter((segment) => segment.length >= shortest && !segment.includes('%7Bname%7D'));
  return [...segments, ...searchParams.values()].map((text) => new Secret(text));
}
