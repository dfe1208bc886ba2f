import { existsSync } from 'node:fs';
import { freePort, portAccepts, type Service, startService } from './service.ts';

/**
 * Debian's moto: AWS in one process, which keeps load balancers, certificates and instances, and checks little.
 * `aws-cloud.ts` stands in front of it and is as strict as AWS.
 */
export interface Moto {
  readonly url: string;
  readonly service: Service;
  /** A call of a query service, unsigned; its answer's result. */
  query(service: MotoService, action: string, params?: Readonly<Record<string, string>>): Promise<Tree>;
  /** A call of ACM. */
  json(action: string, body: object): Promise<Record<string, unknown>>;
  stop(): Promise<void>;
}

export type MotoService = 'elasticloadbalancing' | 'ec2';

export const motoRegion = 'eu-west-1';
const versions = { elasticloadbalancing: '2015-12-01', ec2: '2016-11-15' } as const;

/** Debian's Python, because another one on PATH has none of Debian's modules. */
const python = '/usr/bin/python3';

/** Debian's packages; without flask-cors moto's server ends at once. */
export const hasMoto = (): boolean =>
  ['moto', 'flask_cors', 'docker'].every((name) => existsSync(`/usr/lib/python3/dist-packages/${name}`));

/** moto compiles the template of an action again for each rule that it lists, 16 ms each time; this keeps it. */
const keepTemplates = 'import functools, jinja2; jinja2.Template = functools.lru_cache(jinja2.Template)';

export async function startMoto(): Promise<Moto> {
  const port = await freePort();
  const args = ['moto_server', '-H', '127.0.0.1', '-p', String(port)];
  const service = await startService({
    name: 'moto',
    program: python,
    args: [
      '-c',
      `${keepTemplates}; import sys; sys.argv=${JSON.stringify(args)}; from moto.server import main; main()`,
    ],
    ready: () => portAccepts(port),
    deadlineMs: 60_000,
  });
  const url = `http://127.0.0.1:${port}`;
  return {
    url,
    service,
    async query(name, action, params = {}) {
      const form = new URLSearchParams({ Action: action, Version: versions[name], ...params });
      const response = await fetch(url, { method: 'POST', headers: motoHeaders(name), body: form });
      const text = await response.text();
      if (!response.ok) throw new Error(`moto refused ${action}: ${text}`);
      const answer = childOf(parseXml(text), `${action}Response`) ?? {};
      return childOf(answer, `${action}Result`) ?? answer;
    },
    async json(action, body) {
      const response = await fetch(url, {
        method: 'POST',
        headers: {
          ...motoHeaders('acm'),
          'content-type': 'application/x-amz-json-1.1',
          'x-amz-target': `CertificateManager.${action}`,
        },
        body: JSON.stringify(body),
      });
      const text = await response.text();
      if (!response.ok) throw new Error(`moto refused ${action}: ${text}`);
      return text === '' ? {} : (JSON.parse(text) as Record<string, unknown>);
    },
    stop: () => service.stop(),
  };
}

/** moto reads region and service from the credential's scope, and checks nothing of it. */
export const motoHeaders = (service: string): Record<string, string> => ({
  authorization: `AWS4-HMAC-SHA256 Credential=AKIDTESTRIG/20260101/${motoRegion}/${service}/aws4_request, SignedHeaders=host, Signature=0`,
});

// ── XML as AWS writes it: elements and text, no attributes that matter ─────────────────────────────────────────

export interface Tree {
  readonly [name: string]: readonly (Tree | string)[];
}

export function parseXml(text: string): Tree {
  const root: Record<string, (Tree | string)[]> = {};
  const open: { name: string; fields: Record<string, (Tree | string)[]>; words: string }[] = [
    { name: '', fields: root, words: '' },
  ];
  for (const [, closes, name = '', closed, words = ''] of text.matchAll(/<(\/)?([\w.:-]+)[^>]*?(\/)?>|([^<]+)/g)) {
    const current = open.at(-1)!;
    if (name === '') current.words += words;
    else if (closed) current.fields[name] = [...(current.fields[name] ?? []), ''];
    else if (closes === undefined) open.push({ name, fields: {}, words: '' });
    else {
      open.pop();
      const { fields } = open.at(-1)!;
      const value = Object.keys(current.fields).length > 0 ? current.fields : unescapeXml(current.words.trim());
      fields[name] = [...(fields[name] ?? []), value];
    }
  }
  return root;
}

const entities: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };
const unescapeXml = (text: string): string =>
  text
    .replace(/&#(\d+);/g, (_whole, code: string) => String.fromCodePoint(Number(code)))
    .replace(/&(lt|gt|amp|quot|apos);/g, (_whole, name: string) => entities[name]!);
export const escapeXml = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/** The first element of a name. */
export const child = (tree: Tree | string | undefined, name: string): Tree | string | undefined =>
  typeof tree === 'object' ? tree[name]?.[0] : undefined;
export const childOf = (tree: Tree | string | undefined, name: string): Tree | undefined => {
  const found = child(tree, name);
  return typeof found === 'object' ? found : undefined;
};
export const textIn = (tree: Tree | string | undefined, ...path: readonly string[]): string => {
  let at: Tree | string | undefined = tree;
  for (const name of path) at = child(at, name);
  return typeof at === 'string' ? at : '';
};
/** The members of a list. */
export const listIn = (tree: Tree | string | undefined, name: string, member = 'member'): readonly Tree[] =>
  (childOf(tree, name)?.[member] ?? []).filter((one): one is Tree => typeof one === 'object');
export const textsIn = (tree: Tree | string | undefined, name: string, member = 'member'): readonly string[] =>
  (childOf(tree, name)?.[member] ?? []).filter((one): one is string => typeof one === 'string');
