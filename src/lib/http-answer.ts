/** The body went beyond the limit; the port's error is made where method and URL are known. */
export class TooLarge extends Error {}

/** Headers as the port has them: a list (several of one name) becomes one line. */
export function joined(headers: Readonly<Record<string, string | string[] | undefined>>): Record<string, string> {
  const lines: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) lines[name] = typeof value === 'string' ? value : value.join(', ');
  }
  return lines;
}
