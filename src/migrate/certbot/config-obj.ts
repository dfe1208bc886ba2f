/** A section of certbot's `renewal/NAME.conf`, as ConfigObj writes and reads it. */
export interface Section {
  readonly values: ReadonlyMap<string, string | readonly string[]>;
  readonly sections: ReadonlyMap<string, Section>;
  /** The place of each key, for messages: `/etc/letsencrypt/renewal/a.test.conf:12`. */
  readonly places: ReadonlyMap<string, string>;
}

interface Open extends Section {
  readonly values: Map<string, string | readonly string[]>;
  readonly sections: Map<string, Open>;
  readonly places: Map<string, string>;
}

const newSection = (): Open => ({ values: new Map(), sections: new Map(), places: new Map() });

/**
 * Parses a file: `key = value`, sections in brackets (the number of brackets is the depth), comments, quotes, lists
 * with commas, and values in triple quotes over several lines. Throws a plain Error that names the line, but never its
 * content.
 */
export function parseConfigObj(text: string, file: string): Section {
  const root = newSection();
  const path: Open[] = [root];
  const lines = text.replace(/^\ufeff/, '').split(/\r?\n/);
  const broken = (at: number, why: string) => new Error(`line ${at + 1} ${why}`);
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at]!.trim();
    if (line === '' || line.startsWith('#')) continue;
    const header = /^(\[+)\s*(.+?)\s*(\]+)\s*(?:#.*)?$/.exec(line);
    if (header) {
      const [, open = '', name = '', close = ''] = header;
      const parent = path[open.length - 1];
      if (open.length !== close.length || !parent) throw broken(at, 'is not the name of a section');
      const section = newSection();
      parent.sections.set(unquoted(name), section);
      path.splice(open.length, path.length, section);
      continue;
    }
    const [, key, raw] = /^("[^"]*"|'[^']*'|[^=]*?)\s*=\s*(.*)$/.exec(line) ?? [];
    if (key === undefined || raw === undefined || key === '') throw broken(at, 'is not `key = value`');
    path.at(-1)!.places.set(unquoted(key), `${file}:${at + 1}`);
    let value: string | readonly string[];
    const quotes = /^("""|''')/.exec(raw)?.[0];
    if (quotes === undefined) {
      const read = readValue(raw);
      if (read === undefined) throw broken(at, 'has a quote that is not closed');
      value = read;
    } else {
      const begin = at;
      // As in ConfigObj, the closing quotes are the last ones in their line, so a value may contain others.
      const endOf = (text: string) => new RegExp(`^(.*?)${quotes}\\s*(?:#.*)?$`).exec(text)?.[1];
      const read = [raw.slice(3)];
      while (!read.at(-1)!.includes(quotes)) {
        at += 1;
        if (at >= lines.length) throw broken(begin, 'begins a text in three quotes that does not end');
        read.push(lines[at]!);
      }
      const last = endOf(read.pop()!);
      if (last === undefined) throw broken(at, 'has something behind the text in three quotes');
      value = [...read, last].join('\n');
    }
    path.at(-1)!.values.set(unquoted(key), value);
  }
  return root;
}

const unquoted = (text: string): string => /^(["'])(.*)\1$/.exec(text)?.[2] ?? text;

/** Parses a value, or a list if there is a comma outside of quotes. Returns undefined if a quote is not closed. */
function readValue(raw: string): string | readonly string[] | undefined {
  const parts: string[] = [];
  let rest = raw;
  let isList = false;
  for (;;) {
    rest = rest.trimStart();
    if (rest === '' || rest.startsWith('#')) break;
    const quote = rest[0]!;
    let part: string;
    if (quote === '"' || quote === "'") {
      const end = rest.indexOf(quote, 1);
      if (end < 0) return undefined;
      part = rest.slice(1, end);
      rest = rest.slice(end + 1);
    } else {
      // A comment must follow a space.
      const end = /,|\s+#/.exec(rest)?.index ?? rest.length;
      part = rest.slice(0, end).trimEnd();
      rest = rest.slice(end);
    }
    if (part !== '' || quote === '"' || quote === "'") parts.push(part);
    rest = rest.trimStart();
    if (!rest.startsWith(',')) break;
    isList = true;
    rest = rest.slice(1);
  }
  return isList ? parts : (parts[0] ?? '');
}

/** Returns a value as text. Joins the parts of a list again. */
export const textIn = (section: Section | undefined, key: string): string | undefined => {
  const value = section?.values.get(key);
  const text = typeof value === 'object' ? value.join(', ') : value;
  // certbot writes None for a missing value.
  return text === 'None' || text === '' ? undefined : text;
};

export const listIn = (section: Section | undefined, key: string): readonly string[] => {
  const value = section?.values.get(key);
  if (value === undefined || value === 'None' || value === '') return [];
  return typeof value === 'string' ? [value] : value;
};
