import type { Secret } from '../../core/errors/secret.ts';

/** A shorter value is not a secret, and removing it would garble the text. */
const shortestSecret = 4;
/** The length of a secret's prefix that is removed, because a server may show only the beginning. */
const beginning = 8;

/**
 * Removes secrets from a text, however a server wrote them: in another case, broken by line breaks, tags or invisible
 * characters, in base64 (also as part of a longer text) or hex, with the escapes of URLs, HTML, JSON or mail, also
 * twice. Compares text and secrets in one normal spelling, in time linear in the length of the text. Does not recognize
 * deliberate disguises, such as a reversed secret.
 */
export function withoutSecrets(text: string, secrets: Iterable<Secret>): string {
  const plain = spelledPlainly(text);
  const found: (readonly [number, number])[] = [];
  for (const form of new Set([...secrets].flatMap((secret) => [...formsOf(secret)]))) {
    const needle = form.slice(0, form.length < 2 * beginning ? form.length : beginning);
    let from = 0;
    for (let at = plain.text.indexOf(needle); at >= 0; at = plain.text.indexOf(needle, from)) {
      let length = needle.length;
      while (length < form.length && plain.text[at + length] === form[length]) length += 1;
      from = at + length;
      while (plain.text[from] === '=') from += 1;
      let end = plain.ends[from - 1]!;
      while (text[end] === '=') end += 1;
      found.push([plain.starts[at]!, end]);
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

const formsOfSecrets = new WeakMap<Secret, ReadonlySet<string>>();

/**
 * Returns a secret in the spelling of {@link spelledPlainly}, computed once, and each line of a secret with several
 * lines.
 */
function formsOf(secret: Secret): ReadonlySet<string> {
  const known = formsOfSecrets.get(secret);
  if (known) return known;
  const forms = new Set<string>();
  formsOfSecrets.set(secret, forms);
  const whole = secret.reveal();
  if (whole.length < shortestSecret) return forms;
  const bytes = Buffer.from(whole);
  const lines = whole.split(/\r?\n/).filter((line) => line.length > 20 && !line.startsWith('-----'));
  const spelled = [
    ...[whole, inUrl(whole), JSON.stringify(whole).slice(1, -1), whole.replaceAll('=', '=3D')],
    ...[bytes.toString('base64'), bytes.toString('base64url'), bytes.toString('hex')],
    ...[0, 1, 2].flatMap((before) => base64Within(bytes, before)),
    ...lines,
  ];
  for (const form of spelled) {
    // At the end of a line, `=` looks like a line break of quoted-printable.
    const text = spelledPlainly(form).text.replace(/(?<=.{8})=+$/, '');
    if (text.length >= Math.min(shortestSecret, whole.length)) forms.add(text);
  }
  return forms;
}

/**
 * Returns the part of a longer text's base64 that depends on these bytes alone, if it is long enough to be unambiguous.
 */
function base64Within(bytes: Buffer, before: number): readonly string[] {
  const longer = Buffer.concat([Buffer.alloc(before), bytes]);
  const [from, to] = [Math.ceil((before * 8) / 6), Math.floor((longer.length * 8) / 6)];
  if (to - from < beginning) return [];
  return (['base64', 'base64url'] as const).map((form) => longer.toString(form).slice(from, to));
}

/** Encodes a text for a URL. Replaces lone surrogates, which cannot be encoded. */
const inUrl = (text: string): string => encodeURIComponent(Buffer.from(text).toString());

const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: ' ' };

/** Invisible breaks within a word: HTML tags, terminal colours, the line breaks of quoted-printable. */
const breaks =
  /(?<breaks><\/?(?:br|wbr|b|i|u|em|strong|code|span|p|div)\b[^<>]{0,99}>|(?:\u001b|\\+u001b)\[[\d;]{0,20}[a-z]|=\r?\n(?=\S))/;
/** A byte in a list of bytes. */
const pair = /(?:0x|=)(?<pair>[0-9a-f]{2})(?![0-9a-z])/;
/** An escape of JSON, HTML or a URL, whose first character may itself be escaped. */
const escaped =
  /\\+(?:u(?<unicode>[0-9a-f]{4})|x(?<byte>[0-9a-f]{2})|[nrt])|&(?:amp;)*(?:#(?<decimal>\d{1,7});?|#x(?<hex>[0-9a-f]{1,6});?|(?<entity>amp|lt|gt|quot|apos|nbsp);)|%(?:25)*(?<percent>[0-9a-f]{2})/;
const character = new RegExp(
  `${breaks.source}|${pair.source}|${escaped.source}|(?<run>[a-z1-9/+_.]+)|\\s+|\\\\+|.`,
  'gisu',
);
/** Whitespace, invisible characters, and separators between the bytes of hex. */
const isNothing = /^[\s\\:,\-\p{Cc}\p{Default_Ignorable_Code_Point}]/u;

interface Plain {
  readonly text: string;
  /** Where each character begins and ends in the original. */
  readonly starts: readonly number[];
  readonly ends: readonly number[];
}

/** Returns a text in lower case, without escapes and ignorable characters. */
function spelledPlainly(original: string): Plain {
  let text = '';
  const [starts, ends]: [number[], number[]] = [[], []];
  for (const match of original.matchAll(character)) {
    const [whole] = match;
    const { breaks, pair, unicode, byte, decimal, hex, entity, percent, run } = match.groups!;
    const code = unicode ?? byte ?? hex ?? percent;
    const number = code === undefined ? Number(decimal ?? Number.NaN) : Number.parseInt(code, 16);
    const isEscape = whole.length > 1 && !Number.isNaN(number) && number <= 0x10_ff_ff;
    const one = isEscape ? String.fromCodePoint(number) : (pair ?? entities[entity?.toLowerCase() ?? ''] ?? whole);
    if (breaks !== undefined || isNothing.test(one)) continue;
    const small = one.toLowerCase();
    text += small;
    for (let at = 0; at < small.length; at += 1) {
      starts.push(match.index + (run === undefined ? 0 : at));
      ends.push(match.index + (run === undefined ? whole.length : at + 1));
    }
  }
  return { text, starts, ends };
}
