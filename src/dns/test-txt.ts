/**
 * For fakes: writes a TXT value as a service that uses the form of zone files (RFC 1035 §5.1) does. Route 53 has octal
 * numbers in its escapes.
 */
export function encodedTxt(value: string, base: 8 | 10 = 10): string {
  const strings = [...Buffer.from(value)].reduce<number[][]>(
    (all, byte) => {
      if (all.at(-1)!.length === 255) all.push([]);
      all.at(-1)!.push(byte);
      return all;
    },
    [[]],
  );
  return strings.map((bytes) => `"${bytes.map((byte) => escaped(byte, base)).join('')}"`).join(' ');
}

const escaped = (byte: number, base: 8 | 10): string => {
  if (byte < 0x20 || byte > 0x7e) return `\\${byte.toString(base).padStart(3, '0')}`;
  const char = String.fromCharCode(byte);
  return char === '"' || char === '\\' ? `\\${char}` : char;
};

/** Returns the value of a text that {@link isTxt} accepts. */
export function decodedTxt(content: string, base: 8 | 10 = 10): string {
  const strings = content.match(/"(?:[^"\\]|\\\d{3}|\\[^\d])*"/g) ?? [];
  const bytes = strings.flatMap((string) =>
    [...string.slice(1, -1).matchAll(/\\(\d{3})|\\?([\s\S])/g)].flatMap(([, code, char]) =>
      code === undefined ? [...Buffer.from(char!)] : [Number.parseInt(code, base)],
    ),
  );
  return Buffer.from(bytes).toString();
}

/** Reports whether a text is one or more strings in quotes, each of at most 255 characters. */
export const isTxt = (content: unknown): content is string =>
  typeof content === 'string' && /^"([^"\\]|\\.){0,1020}"( "([^"\\]|\\.){0,1020}")*$/.test(content);
