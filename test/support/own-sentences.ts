import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseAst } from 'rolldown/parseAst';

type Node = Readonly<Record<string, unknown>> & { readonly type: string; readonly start: number };

const isNode = (value: unknown): value is Node =>
  typeof value === 'object' && value !== null && typeof (value as { type?: unknown }).type === 'string';

/** Stands where the program fills something in. */
const gap = '\ue000';

export const filledWith = (text: string, value: string): string => text.replaceAll(gap, value);

/** A sentence in a source, with gaps. */
export interface OwnSentence {
  readonly file: string;
  readonly line: number;
  readonly text: string;
}

/** What describes an adapter or its options (pages have words for it), a log line, or what is compared. */
const skippedCalls =
  /^(z|secret|endpoint|credentialsFile|duration|address|log|.*\.(meta|describe|debug|info|warn|includes|startsWith|endsWith|replace|replaceAll|split|refine|check|log))$/;
const skippedProperties = new Set([
  ...['id', 'title', 'homepage', 'apiDocs', 'since', 'tested', 'notes', 'traits', 'aliases', 'examples', 'names'],
]);
const skippedNodes = new Set([
  'ImportDeclaration',
  'ExportAllDeclaration',
  'TSTypeAnnotation',
  'TSTypeAliasDeclaration',
]);

const most = 64;

/** The constants in scope that are texts; undefined for other names. */
type Names = ReadonlyMap<string, readonly string[] | undefined>;

/** Returns the names inside a function or a block. */
function namesWithin(node: Node, outer: Names): Names {
  const names = new Map(outer);
  for (const param of (node['params'] as readonly Node[] | undefined) ?? [])
    for (const name of identifiersIn(param)) names.set(name, undefined);
  for (const statement of [node['body']].flat().filter(isNode)) {
    const inner = isNode(statement['declaration']) ? statement['declaration'] : statement;
    for (const one of (inner['declarations'] as readonly Node[] | undefined) ?? [])
      for (const name of identifiersIn(one['id'] as Node))
        names.set(name, isNode(one['init']) ? textsOf(one['init'], names) : undefined);
  }
  return names;
}

const identifiersIn = (node: Node): readonly string[] =>
  node.type === 'Identifier' ? [String(node['name'])] : childrenOf(node).flatMap(identifiersIn);

/** Returns the constants that a file uses only as a part of other texts. */
function partsOnly(program: Node): ReadonlySet<string> {
  const [inTexts, elsewhere] = [new Set<string>(), new Set<string>()];
  const visit = (node: Node, isPart: boolean): void => {
    if (node.type === 'Identifier') (isPart ? inTexts : elsewhere).add(String(node['name']));
    for (const [key, value] of Object.entries(node))
      for (const child of [value].flat().filter(isNode)) {
        const isName =
          (key === 'id' && node.type === 'VariableDeclarator') || (key === 'key' && node['shorthand'] !== true);
        if (!isName || child.type !== 'Identifier') visit(child, isText(node) || (isPart && isChoice(node)));
      }
  };
  visit(program, false);
  return new Set([...inTexts].filter((name) => !elsewhere.has(name)));
}

const isText = ({ type, operator }: Node): boolean =>
  type === 'TemplateLiteral' || (type === 'BinaryExpression' && operator === '+');
const isChoice = ({ type }: Node): boolean => type === 'ConditionalExpression' || type === 'LogicalExpression';

const childrenOf = (node: Node): readonly Node[] => Object.values(node).flat().filter(isNode);

/** Returns each text that an expression can become, or undefined if it is no text. */
function textsOf(node: Node, names: Names): readonly string[] | undefined {
  switch (node.type) {
    case 'Identifier':
      return names.get(String(node['name']));
    case 'Literal':
      return typeof node['value'] === 'string' ? [node['value']] : undefined;
    case 'TemplateLiteral': {
      const quasis = node['quasis'] as readonly { readonly value: { readonly cooked: string } }[];
      const filled = (node['expressions'] as readonly Node[]).map((one) => textsOf(one, names) ?? [gap]);
      return quasis
        .map(({ value }, index) => product([value.cooked], filled[index] ?? ['']))
        .reduce<readonly string[]>(product, ['']);
    }
    case 'BinaryExpression': {
      if (node['operator'] !== '+') return undefined;
      const [left, right] = [textsOf(node['left'] as Node, names), textsOf(node['right'] as Node, names)];
      return left || right ? product(left ?? [gap], right ?? [gap]) : undefined;
    }
    case 'ConditionalExpression':
    case 'LogicalExpression': {
      const [a, b] =
        node.type === 'LogicalExpression'
          ? [node['left'] as Node, node['right'] as Node]
          : [node['consequent'] as Node, node['alternate'] as Node];
      const [first, second] = [textsOf(a, names), textsOf(b, names)];
      if (node['operator'] === '||') return [...(first ?? [gap]).filter((one) => one !== ''), ...(second ?? [gap])];
      return first || second ? [...(first ?? [gap]), ...(second ?? [gap])] : undefined;
    }
    case 'TSAsExpression':
    case 'ParenthesizedExpression':
      return textsOf(node['expression'] as Node, names);
    default:
      return undefined;
  }
}

const product = (left: readonly string[], right: readonly string[]): readonly string[] =>
  left.flatMap((one) => right.map((other) => one + other)).slice(0, most);

const calleeOf = (node: Node, source: string): string => {
  const callee = node['callee'] as Node & { readonly end: number };
  return source.slice(callee.start, callee.end);
};

function isSkipped(node: Node, { source, parts }: File): boolean {
  const declared = node.type === 'VariableDeclarator' ? String((node['id'] as Node)['name']) : '';
  if (parts.has(declared) || declared === 'title') return true;
  if (skippedNodes.has(node.type) || node.type.startsWith('TSType')) return true;
  if (node.type === 'CallExpression') {
    const callee = calleeOf(node, source);
    return skippedCalls.test(callee.replaceAll(/\s+/g, '')) || /^z\s*\./.test(callee);
  }
  if (node.type === 'Property') {
    const key = node['key'] as Node;
    return skippedProperties.has(String(key['name'] ?? key['value']));
  }
  return node.type === 'BinaryExpression' && node['operator'] !== '+';
}

interface Found {
  readonly start: number;
  readonly texts: readonly string[];
}

interface File {
  readonly source: string;
  /** Looked at where they stand in a sentence. */
  readonly parts: ReadonlySet<string>;
}

function* textsIn(node: Node, outer: Names, skips: (node: Node) => boolean): Iterable<Found> {
  if (skips(node)) return;
  const names = isNode(node['body']) || Array.isArray(node['body']) ? namesWithin(node, outer) : outer;
  const texts = node.type === 'Identifier' ? undefined : textsOf(node, names);
  if (texts) yield { start: node.start, texts };
  for (const child of childrenOf(node))
    if (!(texts && textsOf(child, names)) && !(node.type === 'Property' && child === node['key']))
      yield* textsIn(child, names, skips);
}

/** Reports whether a text has two English words in a row, apart from names and what is typed. */
const isSentence = (text: string): boolean =>
  !text.includes('\n') &&
  /(?<![\w.-])[a-z’']{2,} [a-z’']{2,}(?![\w-])|^[A-Z][a-z]+ .*\.$/.test(text.replaceAll(/`[^`]*`|https?:\S+/g, 'x1')) &&
  !isAsked.test(text);

/** What a database or a program is asked in its own language, and what a system says. */
const isAsked =
  /^\s*(\(?(select|insert|update|delete|create|grant|alter|with|do|set local|set session|drop|lock|comment|extract)\b|(show|set|abort|commit|del|new|add) (map|ssl)\b|<\?xml|exec (env|vi)\b|E[A-Z]+: |certfleet (doctor|store key|keystore)\b)|::text|^'' as anchor/;

/** Returns the sentences in the sources of a room, apart from tests. */
export async function ownSentences(room: string): Promise<readonly OwnSentence[]> {
  const found: OwnSentence[] = [];
  for await (const { file, source, program } of sourcesOf(room)) {
    const parts = partsOnly(program);
    for (const { start, texts } of textsIn(program, new Map(), (node) => isSkipped(node, { source, parts }))) {
      const line = source.slice(0, start).split('\n').length;
      for (const text of new Set(texts.map((one) => one.trim())))
        if (isSentence(filledWith(text, 'x1'))) found.push({ file, line, text });
    }
  }
  return found;
}

/** Returns all texts in the sources, apart from tests. */
export async function textsOfSources(): Promise<readonly string[]> {
  const found: string[] = [];
  for await (const { program } of sourcesOf(''))
    for (const { texts } of textsIn(program, new Map(), () => false)) found.push(...texts);
  return found;
}

async function* sourcesOf(room: string) {
  for (const name of await readdir(join('src', room), { recursive: true })) {
    if (!/\.tsx?$/.test(name) || /\.test\.tsx?$/.test(name) || /(^|\/)test-/.test(name) || name.includes('messages/zh'))
      continue;
    const file = join('src', room, name);
    const source = await readFile(file, 'utf8');
    yield { file, source, program: parseAst(source, { lang: name.endsWith('x') ? 'tsx' : 'ts' }) as unknown as Node };
  }
}
