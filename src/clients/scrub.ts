import type { Secret } from '../core/secret.ts';

/** A shorter secret is none, and removing it would garble the text. */
const shortestSecret = 4;
/** A server may show only the beginning of a secret. */
const beginning = 8;

/**
 * A text without these secrets, however a server has written them: in another case, broken into lines, in base64 or hex,
 * with the escapes of URLs, HTML or JSON, also twice. Text and secrets are brought into one spelling and compared there,
 * which takes a time that grows with the length of the text alone.
 */
export function withoutSecrets(text: string, secrets: Iterable<Secret>): string {
  const plain = spelledPlainly(text);
  const found: (readonly [number, number])[] = [];
  for (const form of formsOf(secrets)) {
    const needle = form.slice(0, form.length < 2 * beginning ? form.length : beginning);
    let from = 0;
    for (let at = plain.text.indexOf(needle); at >= 0; at = plain.text.indexOf(needle, from)) {
      let length = needle.length;
      while (length < form.length && plain.text[at + length] === form[length]) length += 1;
      from = at + length;
      found.push([plain.starts[at]!, plain.ends[from - 1]!]);
    }
  }
  let clean = '';
  let shown = 0;
  for (const [start, end] of found.sort((a, b) => a[0] - b[0])) {
    if (start >= shown) clean += `${text.slice(shown, start)}***`;
    shown = Math.max(shown, end);
  }
  return clean + text.slice(shown);
}

/** Each secret in the spelling of {@link spelledPlainly}; one of several lines also line by line. */
function formsOf(secrets: Iterable<Secret>): ReadonlySet<string> {
  const forms = new Set<string>();
  for (const secret of secrets) {
    const whole = secret.reveal();
    if (whole.length < shortestSecret) continue;
    const bytes = Buffer.from(whole);
    const lines = whole.split(/\r?\n/).filter((line) => line.length > 20 && !line.startsWith('-----'));
    const spelled = [
      ...[whole, inUrl(whole), JSON.stringify(whole).slice(1, -1)],
      ...[bytes.toString('base64'), bytes.toString('base64url'), bytes.toString('hex')],
      ...(lines.length > 1 ? lines : []),
    ];
    for (const form of spelled) {
      const { text } = spelledPlainly(form);
      if (text.length >= Math.min(shortestSecret, whole.length)) forms.add(text);
    }
  }
  return forms;
}

/** A lone surrogate has no spelling in a URL. */
const inUrl = (text: string): string => encodeURIComponent(Buffer.from(text).toString());

const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: ' ' };

/** One character: with the escapes of JSON, HTML and URLs, of which the first character may itself be escaped. */
const character =
  /\\+(?:u([0-9a-f]{4})|x([0-9a-f]{2})|[nrt])|&(?:amp;)*(?:#(\d{1,7})|#x([0-9a-f]{1,6})|(amp|lt|gt|quot|apos|nbsp));|%(?:25)*([0-9a-f]{2})|\s+|\\+|./gisu;

interface Plain {
  readonly text: string;
  /** Where each character of it begins and ends in the original. */
  readonly starts: readonly number[];
  readonly ends: readonly number[];
}

/** A text in small letters, without escapes, blanks, line breaks and backslashes. */
function spelledPlainly(original: string): Plain {
  let text = '';
  const [starts, ends]: [number[], number[]] = [[], []];
  for (const match of original.matchAll(character)) {
    const [whole, unicode, byte, decimal, hex, entity, percent] = match;
    const code = unicode ?? byte ?? hex ?? percent;
    const number = code === undefined ? Number(decimal ?? Number.NaN) : Number.parseInt(code, 16);
    const isEscape = whole.length > 1 && !Number.isNaN(number) && number <= 0x10_ff_ff;
    const one = isEscape ? String.fromCodePoint(number) : (entities[entity?.toLowerCase() ?? ''] ?? whole);
    if (/^[\s\\]/.test(one)) continue;
    const small = one.toLowerCase();
    text += small;
    for (let at = 0; at < small.length; at += 1) {
      starts.push(match.index);
      ends.push(match.index + whole.length);
    }
  }
  return { text, starts, ends };
}
