/**
 * Reads the XML that HTTP APIs answer with: elements, text, character references and CDATA. A document type and
 * processing instructions inside are refused, because no such API sends them.
 */
export interface XmlElement {
  readonly name: string;
  readonly children: readonly XmlElement[];
  /** The text directly inside it, trimmed; empty if it has elements. */
  readonly text: string;
  /** If it has any. */
  readonly attributes?: Readonly<Record<string, string>>;
}

class BadXml extends Error {}

const deepest = 60;
const name = '[A-Za-z_][\\w.:-]*';
const attribute = `\\s+(${name})\\s*=\\s*(?:"([^"<]*)"|'([^'<]*)')`;
const openTag = new RegExp(`<(${name})((?:${attribute})*)\\s*(/?)>`, 'y');
const closeTag = new RegExp(`</(${name})\\s*>`, 'y');
const chars = /[^<]+/y;
const cdata = /<!\[CDATA\[([\s\S]*?)\]\]>/y;
const comment = /<!--(?:(?!--)[\s\S])*-->/y;
const prologue = /^\ufeff?\s*(?:<\?xml\s[^<>]*\?>)?\s*/;

/** Throws for anything that is not well-formed. Names lose their namespace prefix. */
export function parseXml(text: string): XmlElement {
  let at = prologue.exec(text)![0].length;
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    if (found) at += found[0].length;
    return found;
  };
  const skip = () => {
    while (take(comment) || take(/\s+/y));
  };

  const element = (depth: number): XmlElement => {
    const open = take(openTag);
    if (!open || depth > deepest) throw new BadXml(`no element at character ${at}`);
    const children: XmlElement[] = [];
    let said = '';
    const attributes = attributesOf(open[2]!);
    if (open.at(-1) === '/') return { name: localName(open[1]!), children, text: '', ...attributes };
    for (;;) {
      const close = take(closeTag);
      if (close) {
        if (close[1] !== open[1]) throw new BadXml(`${close[1]} ends ${open[1]}`);
        return { name: localName(open[1]!), children, text: children.length > 0 ? '' : said.trim(), ...attributes };
      }
      if (take(comment)) continue;
      const verbatim = take(cdata);
      if (verbatim) {
        said += verbatim[1]!;
        continue;
      }
      const part = take(chars);
      if (part) said += unescaped(part[0]);
      else children.push(element(depth + 1));
    }
  };

  skip();
  const root = element(0);
  skip();
  if (at < text.length) throw new BadXml(`more after the end at character ${at}`);
  return root;
}

function attributesOf(text: string): Pick<XmlElement, 'attributes'> {
  const found = [...text.matchAll(new RegExp(attribute, 'g'))];
  if (found.length === 0) return {};
  return {
    attributes: Object.fromEntries(found.map(([, key, double, single]) => [key!, unescaped(double ?? single ?? '')])),
  };
}

const localName = (qualified: string): string => qualified.slice(qualified.indexOf(':') + 1);

const named: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };

const unescaped = (text: string): string =>
  text.replace(/&(?:#(\d{1,7})|#x([0-9a-fA-F]{1,6})|(\w+));|&/g, (whole, decimal, hex, entity: string | undefined) => {
    if (entity !== undefined && Object.hasOwn(named, entity)) return named[entity]!;
    const code = decimal !== undefined ? Number(decimal) : hex !== undefined ? Number.parseInt(hex, 16) : -1;
    if (code < 1 || code > 0x10_ffff || (code >= 0xd800 && code <= 0xdfff))
      throw new BadXml(`${whole} is no character`);
    return String.fromCodePoint(code);
  });

/** The element at a path below another, or undefined. */
export const xmlAt = (element: XmlElement, ...path: readonly string[]): XmlElement | undefined =>
  path.reduce<XmlElement | undefined>((at, step) => at?.children.find((child) => child.name === step), element);

/** The text at a path, or undefined if there is none. */
export const xmlText = (element: XmlElement, ...path: readonly string[]): string | undefined =>
  xmlAt(element, ...path)?.text || undefined;
