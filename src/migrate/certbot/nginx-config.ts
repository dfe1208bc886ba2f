import { posix } from 'node:path';

/** A directive in nginx's configuration. */
export interface Directive {
  readonly name: string;
  readonly args: readonly string[];
  /** Undefined if the directive ends with a semicolon. */
  readonly block?: readonly Directive[];
  /** `FILE:LINE` */
  readonly at: string;
}

export interface Listen {
  /** `*`, `[::]` or an address. */
  readonly address: string;
  readonly port: number;
  readonly isDefault: boolean;
  readonly isTls: boolean;
}

/** A server block. */
export interface Server {
  readonly at: string;
  readonly names: readonly string[];
  readonly listens: readonly Listen[];
  readonly directives: readonly Directive[];
  /** The inherited directives of the `http` block. */
  readonly outer: readonly Directive[];
}

/** How the server that a request reaches responds to a challenge. */
export type Answer =
  | { readonly how: 'webroot'; readonly folder: string }
  | { readonly how: 'stateless' }
  | { readonly how: 'no'; readonly why: string };

/** Returns the server blocks in the output of `nginx -T`. Fails with an `Error` if the output is incomplete. */
export function readNginx(dump: string): readonly Server[] {
  const files = new Map<string, readonly Directive[]>();
  for (const [path, text] of filesIn(dump)) files.set(path, parse(text, path));
  const [main = ''] = files.keys();
  const whole = included(files.get(main) ?? [], files, posix.dirname(main), 0);
  return whole
    .filter(({ name }) => name === 'http')
    .flatMap(({ block: outer = [] }) =>
      outer.flatMap(({ name, block, at }) =>
        name === 'server' && block
          ? { at, directives: block, outer, names: namesIn(block), listens: listensIn(block) }
          : [],
      ),
    );
}

/** Splits the output of `nginx -T`, which prints each file once, below its path. */
function filesIn(dump: string): readonly (readonly [path: string, text: string])[] {
  const parts = dump.split(/^# configuration file (.+):$/m).slice(1);
  return parts.flatMap((path, at) => (at % 2 === 0 ? [[path, parts[at + 1]!.replace(/^\n/, '')] as const] : []));
}

function parse(text: string, file: string): readonly Directive[] {
  const top: Directive[] = [];
  const open: { readonly into: Directive[]; readonly head: Omit<Directive, 'block'> }[] = [];
  let into = top;
  let words: string[] = [];
  let [line, begun] = [1, 1];
  const token =
    /(\s+)|#[^\n]*|([;{}])|"((?:[^"\\]|\\[\s\S])*)"|'((?:[^'\\]|\\[\s\S])*)'|(?!["'])((?:\$\{[^}]*\}|\\[\s\S]|[^\s;{}])+)/y;
  for (token.lastIndex = 0; token.lastIndex < text.length; ) {
    const found = token.exec(text);
    if (!found) throw new Error(`${file}:${line}: a quotation mark has no other`);
    const [whole, , mark, double, single, bare] = found;
    const word = double ?? single ?? bare;
    if (word !== undefined) {
      if (words.length === 0) begun = line;
      words.push(word.replaceAll(/\\(["'\\])/g, '$1'));
    } else if (mark === '}') {
      const last = open.pop();
      if (!last) throw new Error(`${file}:${line}: unexpected }`);
      const block = into;
      into = last.into;
      into.push({ ...last.head, block });
    } else if (mark !== undefined) {
      const [name = '', ...args] = words;
      const head = { name, args, at: `${file}:${begun}` };
      words = [];
      if (mark === ';') into.push(head);
      else if (name.endsWith('_by_lua_block')) {
        const end = endOfBlock(text, token.lastIndex);
        line += text.slice(token.lastIndex, end).split('\n').length - 1;
        token.lastIndex = end;
      } else {
        open.push({ into, head });
        into = [];
      }
    }
    line += whole.split('\n').length - 1;
  }
  if (open.length > 0) throw new Error(`${file}: a block has no end`);
  return top;
}

/** Returns the end of a block of Lua, which has its own grammar with the same braces. */
function endOfBlock(text: string, from: number): number {
  let depth = 1;
  let at = from;
  for (; at < text.length && depth > 0; at++) depth += text[at] === '{' ? 1 : text[at] === '}' ? -1 : 0;
  return at;
}

/** Replaces each `include` by the files that it names. nginx itself has checked that they do not include each other. */
function included(
  directives: readonly Directive[],
  files: ReadonlyMap<string, readonly Directive[]>,
  folder: string,
  depth: number,
): readonly Directive[] {
  return directives.flatMap((directive): readonly Directive[] => {
    const { name, args, block } = directive;
    if (block) return [{ ...directive, block: included(block, files, folder, depth) }];
    if (name !== 'include' || depth > 20) return [directive];
    const pattern = globOf(posix.resolve(folder, args[0] ?? ''));
    const named = [...files].filter(([path]) => pattern.test(path)).sort(([a], [b]) => (a < b ? -1 : 1));
    return named.flatMap(([, inside]) => included(inside, files, folder, depth + 1));
  });
}

const globOf = (path: string): RegExp =>
  new RegExp(
    `^${path
      .replaceAll(/[.+^$()|{}\\]/g, '\\$&')
      .replaceAll('*', '[^/]*')
      .replaceAll('?', '[^/]')}$`,
  );

const namesIn = (block: readonly Directive[]): readonly string[] =>
  block.filter(({ name }) => name === 'server_name').flatMap(({ args }) => args);

function listensIn(block: readonly Directive[]): readonly Listen[] {
  const isOldTls = block.some(({ name, args }) => name === 'ssl' && args[0] === 'on');
  const all = block.filter(({ name, args }) => name === 'listen' && args[0]?.startsWith('unix:') !== true);
  // Without a `listen` directive, nginx listens on port 80.
  const given = block.some(({ name }) => name === 'listen') ? all.map(({ args }) => args) : [['80']];
  return given
    .filter((args) => !args.includes('quic'))
    .map(([where = '', ...more]) => {
      const [, port] = /(?:^|:)(\d+)$/.exec(where.replace(/\[[^\]]*\]/, 'x')) ?? [];
      const address = port === undefined ? where : where.slice(0, -port.length).replace(/:$/, '');
      return {
        address: ['', '0.0.0.0'].includes(address) ? '*' : address,
        port: Number(port ?? '80'),
        isDefault: more.includes('default_server') || more.includes('default'),
        isTls: isOldTls || more.includes('ssl'),
      };
    });
}

/**
 * Ranks how well a server's names match: an exact name, the longest wildcard on the left, one on the right, a regular
 * expression.
 */
function fitOf({ names }: Pick<Server, 'names'>, wanted: string): number {
  const fits = names.map((given) => {
    const name = given.toLowerCase();
    if (name === wanted || (name.startsWith('.') && name.slice(1) === wanted)) return 4e6;
    if (name.startsWith('*.') && wanted.endsWith(name.slice(1))) return 3e6 + name.length;
    if (name.startsWith('.') && wanted.endsWith(name)) return 3e6 + name.length + 1;
    if (name.endsWith('.*') && wanted.startsWith(name.slice(0, -1))) return 2e6 + name.length;
    return given.startsWith('~') && matches(given.slice(1), wanted, 'i') ? 1e6 : 0;
  });
  return Math.max(0, ...fits);
}

/**
 * Reports whether a pattern matches. A PCRE pattern that JavaScript does not support never matches; the check over the
 * public path reveals that.
 */
function matches(pattern: string, text: string, flags = ''): boolean {
  try {
    return new RegExp(pattern.replaceAll('(?P<', '(?<'), flags).test(text);
  } catch {
    return false;
  }
}

/** Returns the servers that requests for a name on a port reach: one for each address that nginx listens on. */
export function serversFor(servers: readonly Server[], name: string, port: number): readonly Server[] {
  const addresses = new Set(
    servers.flatMap(({ listens }) => listens.filter((one) => one.port === port).map(({ address }) => address)),
  );
  const chosen = [...addresses].map((address) => {
    const isAt = (one: Listen) => one.address === address && one.port === port;
    const here = servers.filter(({ listens }) => listens.some(isAt));
    const best = Math.max(...here.map((server) => fitOf(server, name)));
    if (best > 0) return here.find((server) => fitOf(server, name) === best)!;
    return here.find(({ listens }) => listens.some((one) => isAt(one) && one.isDefault)) ?? here[0]!;
  });
  return [...new Set(chosen)];
}

/** Returns the TLS server that has this name, not one that is only the default server. */
export function tlsServerFor(servers: readonly Server[], name: string): Server | undefined {
  const fits = servers
    .filter(({ listens }) => listens.some(({ isTls }) => isTls))
    .map((server) => ({ server, fit: fitOf(server, name) }))
    .filter(({ fit }) => fit > 0);
  const best = Math.max(...fits.map(({ fit }) => fit));
  return fits.find(({ fit }) => fit === best)?.server;
}

/** Returns a directive of the block itself, or else of the blocks around it. */
export const valueIn = (blocks: readonly (readonly Directive[])[], wanted: string): Directive | undefined =>
  blocks.flatMap((block) => block.find(({ name }) => name === wanted) ?? [])[0];

const challengePath = '/.well-known/acme-challenge/';
/** A token as long as those of CAs. */
const anyToken = 'x'.repeat(43);
const challenge = `${challengePath}${anyToken}`;

/** Variables that a server may use to decide whether to redirect a request to HTTPS or to another name. */
const ofRedirects = /^\$(host|http_host|scheme|https|request_uri|uri|server_port|ssl_protocol)$/;

/** Returns how a server responds to a challenge for a name, as far as its configuration shows. */
export function answerOf({ directives, outer, at }: Server, name: string, prefix: string): Answer {
  for (const one of directives) {
    const { name: directive, args, block = [] } = one;
    if (directive === 'if') {
      if (isStateless(one, name)) return { how: 'stateless' };
      const isRedirect = block.some((inside) => ['return', 'rewrite'].includes(inside.name));
      if (!isRedirect || !ofRedirects.test((args[0] ?? '').replace(/^\(/, ''))) continue;
      if (!isOfOther(args, name)) return { how: 'no', why: `${one.at} redirects it` };
    }
    if (directive === 'return') return { how: 'no', why: `${one.at} answers every request with \`return\`` };
    if (directive === 'rewrite' && matches(args[0] ?? '', challenge))
      return { how: 'no', why: `${one.at} rewrites it` };
  }
  const chain = locationsFor(directives, challenge);
  const [inner] = chain;
  for (const one of inner?.block ?? []) {
    if (one.name === 'return' || one.name.endsWith('_pass') || one.name === 'internal')
      return { how: 'no', why: `${one.at} answers it with \`${one.name}\`` };
    if (one.name === 'rewrite' && matches(one.args[0] ?? '', challenge))
      return { how: 'no', why: `${one.at} rewrites it` };
  }
  const blocks = [...chain.map(({ block = [] }) => block), directives, outer];
  const alias = valueIn(blocks.slice(0, chain.length), 'alias');
  const root = alias ?? valueIn(blocks, 'root');
  const path = posix.resolve(prefix, root?.args[0] ?? 'html');
  if (path.includes('$')) return { how: 'no', why: `${root?.at ?? at} has a variable in its folder` };
  // --http webroot: separates folders by commas.
  if (path.includes(',')) return { how: 'no', why: `${root?.at ?? at} has a comma in its folder` };
  if (!alias) return { how: 'webroot', folder: path };
  // nginx looks for the rest of the path, after the location's prefix, in the folder.
  const whole = `${path}/${challengePath.slice(inner?.args.at(-1)?.length ?? 0)}`.replaceAll(/\/+/g, '/');
  const folder = whole.endsWith(challengePath) ? whole.slice(0, -challengePath.length) : undefined;
  return folder === undefined
    ? { how: 'no', why: `${alias.at} serves it from a folder whose path does not end in ${challengePath}` }
    : { how: 'webroot', folder: folder || '/' };
}

/** Matches `if ($host = other.example)`, as certbot writes it. */
const isOfOther = ([variable = '', operator, value = '']: readonly string[], name: string): boolean =>
  /^\(\$(http_)?host$/.test(variable) && operator === '=' && value.replace(/\)$/, '').toLowerCase() !== name;

/** Reports whether this is what `certfleet stateless` prints for this name. */
function isStateless({ args, block = [] }: Directive, name: string): boolean {
  const answers = block.some((inside) => inside.name === 'return' && inside.args[1]?.startsWith('$certfleet_token.'));
  const pattern = args
    .slice(2)
    .join(' ')
    .replace(/\s*\)$/, '')
    .replaceAll('(?i:', '(?:');
  return answers && args[0] === '($certfleet_request' && matches(pattern, `${name}${challenge}`, 'i');
}

/** Returns the locations that nginx chooses for a path, the innermost first; none if the server itself responds. */
function locationsFor(directives: readonly Directive[], path: string): readonly Directive[] {
  const all = directives.filter(({ name, block }) => name === 'location' && block);
  const withKind = all.map((one) => {
    const [first = '', second] = one.args;
    return second === undefined ? { one, kind: '', text: first } : { one, kind: first, text: second };
  });
  const exact = withKind.find(({ kind, text }) => kind === '=' && text === path);
  const [longest] = withKind
    .filter(({ kind, text }) => ['', '^~'].includes(kind) && path.startsWith(text))
    .sort((a, b) => b.text.length - a.text.length);
  const regular =
    longest?.kind === '^~'
      ? undefined
      : withKind.find(({ kind, text }) => /^~\*?$/.test(kind) && matches(text, path, kind === '~*' ? 'i' : ''));
  const { one } = exact ?? regular ?? longest ?? {};
  return one ? [...locationsFor(one.block ?? [], path), one] : [];
}

/** Formats directives as text, for a block to add. */
export const nginxText = (directives: readonly Directive[], indent = '    '): string =>
  directives
    .map(({ name, args, block }) => {
      const head = [name, ...args.map(quoted)].join(' ');
      return block ? `${indent}${head} {\n${nginxText(block, `${indent}    `)}${indent}}\n` : `${indent}${head};\n`;
    })
    .join('');

const quoted = (word: string): string =>
  word === '' || /[\s;{}"'#]/.test(word) ? `"${word.replaceAll(/["\\]/g, '\\$&')}"` : word;
