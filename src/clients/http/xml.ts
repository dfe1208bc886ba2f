import {
  type XmlElement as Element,
  parseXml as read,
  type XmlDocument,
  XmlDocumentType,
  XmlProcessingInstruction,
  XmlText,
} from '@rgrove/parse-xml';
import { present } from '../../core/text/present.ts';

/**
 * An element of an HTTP API's XML: elements, text, character references and CDATA. A document type and processing
 * instructions are refused, because no such API sends them.
 */
export interface XmlElement {
  readonly name: string;
  readonly children: readonly XmlElement[];
  /** The text directly inside the element, trimmed; empty if the element has children. */
  readonly text: string;
  /** The attributes, if there are any. */
  readonly attributes?: Readonly<Record<string, string>>;
}

class BadXml extends Error {}

const deepest = 60;

/** Parses XML. Throws if it is not well-formed. Removes namespace prefixes from names. */
export function parseXml(text: string): XmlElement {
  // The library removes each carriage return separately, which is slow if there are many.
  const document = read(text.trimStart().replace(/\r\n?/g, '\n'), { preserveDocumentType: true });
  for (const node of document.children) refuse(node);
  return elementOf(document.root!, 0);
}

function elementOf({ name, children, attributes }: Element, depth: number): XmlElement {
  if (depth > deepest) throw new BadXml(`${name} is too deep`);
  const elements: XmlElement[] = [];
  let said = '';
  for (const node of children) {
    refuse(node);
    if (node instanceof XmlText) said += node.text;
    else elements.push(elementOf(node as Element, depth + 1));
  }
  return {
    name: localName(name),
    children: elements,
    text: elements.length > 0 ? '' : said.trim(),
    ...present({ attributes: Object.keys(attributes).length > 0 ? attributes : undefined }),
  };
}

function refuse(node: XmlDocument['children'][number] | Element['children'][number]): void {
  if (node instanceof XmlDocumentType || node instanceof XmlProcessingInstruction)
    throw new BadXml(`${node.type} is refused`);
}

const localName = (qualified: string): string => qualified.slice(qualified.indexOf(':') + 1);

export const escapeXml = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/** Returns the element at a path below another, or undefined. */
export const xmlAt = (element: XmlElement, ...path: readonly string[]): XmlElement | undefined =>
  path.reduce<XmlElement | undefined>((at, step) => at?.children.find((child) => child.name === step), element);

/** Returns the text at a path, or undefined if there is none. */
export const xmlText = (element: XmlElement, ...path: readonly string[]): string | undefined =>
  xmlAt(element, ...path)?.text || undefined;
