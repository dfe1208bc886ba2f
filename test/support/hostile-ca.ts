import { createPublicKey } from 'node:crypto';
import fc from 'fast-check';
import { fail } from '../../src/core/errors/errors.ts';
import type { Http, HttpRequest, HttpResponse } from '../../src/ports/http.ts';
import { toPem } from '../../src/x509/pem.ts';
import { testCertificate, testParty } from '../../src/x509/test-certificates.ts';

// What a hostile CA can send: one honest answer of the simulated CA, changed. For test/simulation/hostile-ca.test.ts.

/** Changes an answer; `lost`: the connection is cut instead. */
export type Change = (honest: HttpResponse) => HttpResponse | 'lost';

/** Which answers are changed, and how. */
export interface Lie {
  /** The beginning of the request's path. */
  readonly path: string;
  /** How many such answers are honest before. */
  readonly skip: number;
  readonly times: number;
  readonly change: Change;
  /** For the report of a counterexample. */
  readonly what: string;
}

const letters = fc.constantFrom(
  'x',
  '\x1b[2J',
  '\u202e',
  '\u200b',
  '\ud800',
  '\u0000',
  '\n',
  '汉',
  '"',
  '\u009b',
  '{certificate}',
);
export const hostileText: fc.Arbitrary<string> = fc
  .tuple(letters, fc.constantFrom(1, 3, 100, 2_500, 60_000))
  .map(([letter, count]) => letter.repeat(count));

const urls = fc.constantFrom(
  ...[
    'http://169.254.169.254/',
    'file:///etc/passwd',
    '/order/../../x',
    'https://ca.test/\n\x1b[2J',
    'javascript:1',
    '',
  ],
  ...[
    `https://ca.test/${'y'.repeat(100_000)}`,
    'https://elsewhere.test/new-order',
    'https://ca.test:0/',
    '//ca.test/a',
  ],
);
const hugeList = fc.constantFrom(101, 5_000).map((length) => Array.from({ length }, (_, n) => `https://ca.test/${n}`));
const identifier = fc.constantFrom(
  { type: 'dns', value: 'victim.test' },
  { type: 'dns', value: '../../etc' },
  { type: 'dns', value: '\u202emoc.elpmaxe' },
  { type: 'ip', value: '127.0.0.1' },
  { type: 'dns', value: `${'a.'.repeat(500)}test` },
  { type: 'dns', value: '__proto__' },
);
const types = [
  'rateLimited',
  'unauthorized',
  'badNonce',
  'compound',
  'userActionRequired',
  'accountDoesNotExist',
  'caa',
];
export const hostileProblem = fc.record({
  type: fc.oneof(
    fc.constantFrom(...types).map((type) => `urn:ietf:params:acme:error:${type}`),
    hostileText,
  ),
  detail: hostileText,
  title: hostileText,
  instance: fc.oneof(urls, hostileText),
  status: fc.constantFrom<unknown>(400, 200, -1, 'x'),
  identifier,
  subproblems: fc
    .tuple(fc.constantFrom(0, 1, 100, 1_000), hostileText, identifier)
    .map(([length, detail, about]) =>
      Array.from({ length }, () => ({ type: detail.slice(0, 100), detail: detail.slice(0, 2_500), identifier: about })),
    ),
});

const statuses = fc.constantFrom(
  'invalid',
  'pending',
  'ready',
  'processing',
  'valid',
  'deactivated',
  'revoked',
  'x',
  7,
);
const times = fc.constantFrom(
  ...['9999-12-31T23:59:59Z', '0000-01-01T00:00:00Z', '2026-11-24T12:00:00+99:99', '1970-01-01T00:00:00Z', 'soon'],
);
const any: fc.Arbitrary<unknown> = fc.oneof(
  ...[hostileText, hugeList, fc.jsonValue()],
  fc.constantFrom<unknown>(null, -1, 1e308, true, [], {}, [null]),
);
const urlFields = [
  'url',
  'finalize',
  'certificate',
  'authorizations',
  'newNonce',
  'newAccount',
  'newOrder',
  'renewalInfo',
];
/** A wrong value for each kind of field. */
const wrong = fc.record({
  token: fc.constantFrom('../../x', 'a b', '', 'A'.repeat(5_000), '\x1b[2J', 'token'),
  url: fc.oneof(urls, urls, hugeList),
  identifier,
  error: hostileProblem,
  status: statuses,
  time: times,
  text: hostileText,
  any,
});
type Wrong = typeof wrong extends fc.Arbitrary<infer T> ? T : never;

/** What belongs in the field that a path leads to, at least by its kind. */
function wrongFor(path: readonly (string | number)[], all: Wrong): unknown {
  const name = path.findLast((key) => !/^\d+$/.test(String(key)));
  if (urlFields.includes(String(name))) return all.url;
  if (name === 'token' || name === 'error' || name === 'status') return all[name];
  if (name === 'identifier' || name === 'identifiers') return path.at(-1) === name ? [all.identifier] : all.identifier;
  if (name === 'value') return all.identifier.value;
  if (['start', 'end', 'expires', 'validated'].includes(String(name))) return all.time;
  return all.text;
}

/** Every place of a JSON value. */
function placesOf(json: unknown, path: readonly (string | number)[] = []): (readonly (string | number)[])[] {
  if (typeof json !== 'object' || json === null) return [path];
  return [path, ...Object.entries(json).flatMap(([key, one]) => placesOf(one, [...path, key]))];
}

function replaced(json: unknown, [key, ...rest]: readonly (string | number)[], by: unknown): unknown {
  if (key === undefined) return by;
  const copy = (Array.isArray(json) ? [...json] : { ...(json as object) }) as Record<string, unknown>;
  if (rest.length === 0 && by === undefined) delete copy[key];
  else copy[key] = replaced(copy[key], rest, by);
  return copy;
}

const text = (body: Uint8Array): string => new TextDecoder().decode(body);
const json = (body: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(body));

/** Replaces or removes one place of the body: by something of its kind, or by anything. */
const inBody =
  (where: number, how: 'kind' | 'any' | 'gone', all: Wrong): Change =>
  (honest) => {
    try {
      const read = JSON.parse(text(honest.body)) as unknown;
      const places = placesOf(read).slice(1);
      const path = places[where % places.length] ?? [];
      const by = how === 'gone' ? undefined : how === 'any' ? all.any : wrongFor(path, all);
      return { ...honest, body: json(replaced(read, path, by)) };
    } catch {
      return { ...honest, body: json(all.any) };
    }
  };

const header = fc.oneof(
  fc.tuple(
    fc.constant('retry-after'),
    fc.constantFrom(
      '-1',
      '0',
      '1e99',
      '99999999999999999999',
      '3',
      '60',
      '86400',
      'Fri, 31 Dec 9999 23:59:59 GMT',
      'soon',
    ),
  ),
  fc.tuple(fc.constantFrom('location', 'link'), fc.oneof(urls, hostileText)),
  fc.tuple(
    fc.constant('link'),
    fc.constantFrom('<'.repeat(16_000), `<${'x'.repeat(8_000)}>;rel="up"`, '<a>;rel="index"'.repeat(900)),
  ),
  fc.tuple(fc.constant('replay-nonce'), fc.constantFrom('', 'a b', 'n'.repeat(10_000), '\x1b[2J')),
  fc.tuple(fc.constant('date'), fc.constantFrom('Thu, 01 Jan 1970 00:00:00 GMT', 'Fri, 31 Dec 9999 23:59:59 GMT', 'x')),
  fc.tuple(fc.constant('age'), fc.constantFrom('999999999', '-1', 'x')),
  fc.tuple(
    fc.constant('content-type'),
    fc.oneof(hostileText, fc.constantFrom('text/html', 'application/problem+json')),
  ),
);

const withHeader =
  (name: string, content: string): Change =>
  (honest) => ({
    ...honest,
    headers: { ...honest.headers, [name]: content },
  });
const withoutHeader =
  (name: string): Change =>
  (honest) => {
    const { [name]: _gone, ...headers } = honest.headers;
    return { ...honest, headers };
  };

function damaged(pem: string): string {
  const der = Buffer.from(pem.replaceAll(/-----.*-----|\n/g, ''), 'base64');
  der[der.length - 3]! ^= 1;
  return toPem(der);
}

const stranger = testParty('Stranger');
const unrelated = testCertificate({
  subject: 'Stranger',
  issuer: stranger,
  publicKey: createPublicKey(stranger.key),
  isCa: true,
});

const blocks = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n?/g;
/** What can be served instead of the chain, from its certificates. */
export const chains: Readonly<Record<string, (certificates: readonly string[]) => string>> = {
  'the leaf alone': ([leaf = '']) => leaf,
  'no leaf': ([, ...rest]) => rest.join(''),
  'a thousand issuers': (all) => all.join('') + (all[1] ?? '').repeat(1_000),
  'two leaves': (all) => `${all[0]}${all.join('')}`,
  'a damaged signature': ([leaf = '', ...rest]) => damaged(leaf) + rest.join(''),
  'a private key behind it': (all) => `${all.join('')}-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n`,
  'a megabyte of comments': (all) => `${'# x\n'.repeat(250_000)}${all.join('')}`,
  'dirty comments': (all) => `\x1b[2J\u202e\n${all.join('\u0000\n')}`,
  'an unrelated certificate behind it': ([leaf = '']) => leaf + unrelated,
  'an unrelated certificate at the end': (all) => all.join('') + unrelated,
  'no certificate': () => '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n',
};

type Named = readonly [what: string, change: Change];

const places: fc.Arbitrary<Named> = fc
  .tuple(fc.nat({ max: 60 }), fc.constantFrom('kind', 'kind', 'kind', 'any', 'gone'), wrong)
  .map(([n, how, all]) => [`place ${n}: ${how}`, inBody(n, how, all)]);
const problems: fc.Arbitrary<Named> = fc
  .tuple(hostileProblem, fc.constantFrom(400, 403, 404, 409, 429, 500, 503))
  .map(([problem, status]) => [
    `problem ${status}`,
    ({ headers }) => ({
      status,
      headers: { ...headers, 'content-type': 'application/problem+json' },
      body: json(problem),
    }),
  ]);
const headers: fc.Arbitrary<Named> = fc.oneof(
  header.map(([name, content]): Named => [`header ${name}`, withHeader(name, content)]),
  fc
    .constantFrom('location', 'replay-nonce', 'content-type', 'date')
    .map((name): Named => [`no ${name}`, withoutHeader(name)]),
);
const bytes = (body: string): Change => {
  const encoded = new TextEncoder().encode(body);
  return (honest) => ({ ...honest, body: encoded });
};
const bodies: fc.Arbitrary<Named> = fc
  .oneof(hostileText, fc.constantFrom('', '<html>', '[]', '[['.repeat(50_000), 'x'.repeat(2_000_000)))
  .map((body) => ['body', bytes(body)]);
const broken: fc.Arbitrary<Named> = fc.oneof(
  fc
    .constantFrom(100, 204, 301, 404, 429, 500, 503, 999)
    .map((status): Named => [`status ${status}`, (honest) => ({ ...honest, status })]),
  fc.constant<Named>(['lost', () => 'lost']),
);
const chainOf =
  (name: string): Change =>
  (honest) =>
    bytes(chains[name]!(text(honest.body).match(blocks) ?? []))(honest);
const certificates: fc.Arbitrary<Named> = fc.constantFrom(...Object.keys(chains)).map((name) => [name, chainOf(name)]);

/** Lies that are written down, for {@link chains}, a problem document, or one field of an answer. */
export const served = (name: string): Lie => ({ ...always('/certificate/', name), change: chainOf(name) });
export const refused = (path: string, status: number, problem: object): Lie => ({
  ...always(path, 'problem'),
  change: ({ headers }) => ({
    status,
    headers: { ...headers, 'content-type': 'application/problem+json' },
    body: json(problem),
  }),
});
export const field = (path: string, place: readonly string[], by: unknown): Lie => ({
  ...always(path, place.join('.')),
  change: (honest) => ({ ...honest, body: json(replaced(JSON.parse(text(honest.body)), place, by)) }),
});
const always = (path: string, what: string) => ({ path, what, skip: 0, times: Number.POSITIVE_INFINITY });

const weighted = (main: fc.Arbitrary<Named>, weight: number) =>
  fc.oneof(
    { arbitrary: main, weight },
    { arbitrary: problems, weight: 2 },
    { arbitrary: headers, weight: 2 },
    { arbitrary: bodies, weight: 1 },
    { arbitrary: broken, weight: 1 },
  );
const changes = weighted(places, 6);
const changesOf: Readonly<Record<string, readonly [weight: number, change: fc.Arbitrary<Named>]>> = {
  '/directory': [2, changes],
  '/new-nonce': [1, headers],
  '/new-account': [1, changes],
  '/new-order': [3, changes],
  '/order/': [1, changes],
  '/authorization/': [4, weighted(places, 12)],
  '/challenge/': [1, changes],
  '/finalize/': [2, changes],
  '/certificate/': [3, weighted(certificates, 12)],
  '/renewal-info/': [1, changes],
  '/': [1, changes],
};

export const lie: fc.Arbitrary<Lie> = fc
  .oneof(
    ...Object.entries(changesOf).map(([path, [weight, change]]) => ({
      weight,
      arbitrary: fc.tuple(fc.constant(path), change),
    })),
  )
  .chain(([path, [what, change]]) =>
    fc.record({
      path: fc.constant(path),
      what: fc.constant(what),
      change: fc.constant(change),
      skip: fc.constantFrom(0, 0, 0, 1, 2, 5),
      times: fc.constantFrom(1, 2, Number.POSITIVE_INFINITY),
    }),
  );

/** What the client did; `isOver` ends the lies. */
export interface Seen {
  readonly requests: HttpRequest[];
  isOver: boolean;
}

/** The simulated CA behind these lies. */
export function lyingHttp(honest: Http, lies: readonly Lie[], seen: Seen): Http {
  const counts = lies.map(() => 0);
  return {
    async request(request) {
      seen.requests.push(request);
      const { pathname, hostname } = new URL(request.url);
      const failed = () => fail('network/failed', { method: request.method, url: '', reason: 'cut' });
      if (hostname !== 'ca.test') throw failed();
      let answer = await honest.request(request);
      for (const [n, one] of lies.entries()) {
        if (seen.isOver || !pathname.startsWith(one.path)) continue;
        const count = counts[n]!++;
        if (count < one.skip || count >= one.skip + one.times) continue;
        const changed = one.change(answer);
        if (changed === 'lost') throw failed();
        answer = changed;
      }
      request.signal.throwIfAborted();
      if (answer.body.length > (request.maxBytes ?? 1024 * 1024))
        throw fail('network/too-large', { method: request.method, url: '', limit: request.maxBytes ?? 0 });
      return answer;
    },
    close: async () => undefined,
  };
}
