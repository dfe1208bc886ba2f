import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fail, isFailure, reasonOf } from '../../src/core/errors/errors.ts';
import { isDnsName, isWithin } from '../../src/core/names/dns-name.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { lookAtEndpoint } from '../../src/engine/looks/endpoint.ts';
import { createLooks } from '../../src/engine/looks/looks.ts';
import { lookAtPath } from '../../src/engine/looks/request-path.ts';
import { findHiddenWildcard } from '../../src/engine/looks/wildcard.ts';
import { createServerPoll } from '../../src/engine/zones/server-poll.ts';
import { createZones } from '../../src/engine/zones/zone.ts';
import { decodeAnswer } from '../../src/lib/dns/answer.ts';
import type { Dns, DnsType } from '../../src/ports/dns.ts';
import { type FakeClock, fakeClock } from '../../src/testing/fake-clock.ts';
import { codePoint, webUrl } from '../support/any-text.ts';

// Name servers, and the web servers that they lead to, may say anything. Whatever it is, each search ends in time, with
// a result or an error of ours, after a limited number of questions, and in words that are safe to print.

const numRuns = process.env['CERTFLEET_LONG'] ? 1_500 : 12;
const mostTestMs = 600_000;
const caller = new AbortController().signal;

// ── what a name server may send ──────────────────────────────────────────────────────────────────────────────────

/** A name as text, whose octets may be anything; `?` stands for the name in question, `^` for its parent. */
const names = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('?', '^', 'x.?', '*.?', '*.^', 'y.x.?', 'test', '', 'a.test', 'b.test') },
  { weight: 2, arbitrary: fc.constantFrom('ns.test', 'ns1.?', 'ns2.^', 'certfleet-no-such-name.?') },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      '\x1b[31m.test',
      '\u202e.test',
      'a b.test',
      '\\.test',
      '\x7f\n\r.?',
      'l'.repeat(63),
      Array(60).fill('d').join('.'),
    ),
  },
  { weight: 1, arbitrary: fc.string({ unit: codePoint, maxLength: 40 }) },
);
const addresses = fc.oneof(fc.ipV4(), fc.constantFrom('127.0.0.1', '10.0.0.1', '192.0.2.1'));
const texts = fc.oneof(
  fc.string({ unit: codePoint, maxLength: 60 }),
  fc.constantFrom('ca.example', 'ca.example; accounturi=x\x1b[2J', '\u202eca', ';', 'x'.repeat(255), 'the value'),
);
const record = fc.record({
  owner: names,
  type: fc.constantFrom(1, 2, 2, 5, 5, 6, 6, 16, 28, 46, 257, 257),
  ttl: fc.constantFrom(0, 60, 0xffff_ffff),
  name: names,
  address: addresses,
  text: texts,
  tag: fc.constantFrom('issue', 'issuewild', 'iodef', 'tbs', '\x07', 'i s'),
  flags: fc.constantFrom(0, 1, 128),
});
type Record_ = typeof record extends fc.Arbitrary<infer R> ? R : never;

const reply = fc.record({
  /** Whether it answers as a good server would, or adds records to that, or says something else. */
  mode: fc.constantFrom('good', 'good', 'good', 'good', 'good', 'good', 'good', 'more', 'other'),
  /** How many name servers or addresses a good answer has. */
  plenty: fc.constantFrom(1, 1, 2, 3, 20, 300),
  /** How long it takes; beyond 6 s there is no answer. */
  delayMs: fc.constantFrom(0, 0, 0, 0, 0, 0, 0, 1, 400, 1_400, 6_000),
  rcode: fc.constantFrom(0, 0, 0, 0, 3, 3, 2, 5, 11),
  authoritative: fc.boolean(),
  answers: fc.array(record, { maxLength: 5 }),
  authorities: fc.array(record, { maxLength: 3 }),
  additionals: fc.array(record, { maxLength: 2 }),
  /** How often the answers are repeated with other names and addresses. */
  times: fc.oneof(fc.constant(1), fc.constant(1), fc.integer({ min: 2, max: 600 })),
  /** Octets that are changed in the end. */
  noise: fc.oneof(
    { weight: 5, arbitrary: fc.constant([]) },
    fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { minLength: 1, maxLength: 2 }),
  ),
});
type Reply = typeof reply extends fc.Arbitrary<infer R> ? R : never;

const wireName = (text: string): Buffer =>
  Buffer.concat([
    ...text
      .split('.')
      .filter((label) => label !== '')
      .map((label) => {
        const bytes = Buffer.from(label).subarray(0, 63);
        return Buffer.concat([Buffer.from([bytes.length]), bytes]);
      }),
    Buffer.alloc(1),
  ]);

function wireRecord(owner: string, type: number, ttl: number, data: Buffer): Buffer {
  const fixed = Buffer.alloc(10);
  fixed.writeUInt16BE(type, 0);
  fixed.writeUInt16BE(1, 2);
  fixed.writeUInt32BE(ttl, 4);
  fixed.writeUInt16BE(data.length, 8);
  return Buffer.concat([wireName(owner), fixed, data]);
}

function hostileRecord(one: Record_, asked: string, turn: number): Buffer {
  const parent = asked.slice(asked.indexOf('.') + 1);
  const inPlace = (text: string) => text.replace('?', asked).replace('^', parent);
  const text = Buffer.from(one.text).subarray(0, 255);
  const data = (): Buffer => {
    switch (one.type) {
      case 1:
        return Buffer.from(one.address.split('.').map((octet, at) => (Number(octet) + (at === 3 ? turn : 0)) & 255));
      case 28:
        return Buffer.concat([Buffer.alloc(10), Buffer.from([255, 255]), Buffer.from([127, 0, turn >> 8, turn & 255])]);
      case 16:
        return Buffer.concat([Buffer.from([text.length]), text]);
      case 257:
        return Buffer.concat([Buffer.from([one.flags, one.tag.length]), Buffer.from(one.tag), text]);
      default:
        return wireName(turn === 0 ? inPlace(one.name) : `n${turn}.${inPlace(one.name)}`);
    }
  };
  return wireRecord(inPlace(one.owner), one.type, one.ttl, data());
}

/** What a good server says: the zones `a.test` and `b.test`, where everything exists, and an alias between them. */
function goodAnswer(asked: string, type: DnsType, plenty: number): { answers: Buffer[]; authorities: Buffer[] } {
  const zone = ['a.test', 'b.test'].find((one) => isWithin(asked, one)) ?? 'test';
  const soa = Buffer.concat([wireName('ns.test'), wireName('x.test'), Buffer.alloc(20)]);
  const many = (make: (at: number) => Buffer) => Array.from({ length: plenty }, (_, at) => make(at));
  switch (type) {
    case 'SOA':
      if (asked === zone) return { answers: [wireRecord(zone, 6, 60, soa)], authorities: [] };
      break;
    case 'NS':
      return { answers: many((at) => wireRecord(asked, 2, 60, wireName(`ns${at}.${asked}`))), authorities: [] };
    case 'A':
      return {
        answers: many((at) => wireRecord(asked, 1, 60, Buffer.from([198, 51, at >> 8, at & 255]))),
        authorities: [],
      };
    case 'TXT':
      return { answers: [wireRecord(asked, 16, 60, Buffer.from('\tthe value'))], authorities: [] };
    case 'CNAME':
      if (plenty === 3 && zone === 'a.test')
        return { answers: [wireRecord(asked, 5, 60, wireName(`x.${asked.length}.b.test`))], authorities: [] };
      break;
    case 'CAA':
      if (plenty > 3)
        return { answers: many(() => wireRecord(asked, 257, 60, Buffer.from('\0\x05issueca.other'))), authorities: [] };
      break;
    default:
  }
  return { answers: [], authorities: [wireRecord(zone, 6, 60, soa)] };
}

function wireReply(one: Reply, asked: string, type: DnsType): Buffer {
  const { mode, times, noise } = one;
  const good = mode === 'other' ? { answers: [], authorities: [] } : goodAnswer(asked, type, one.plenty);
  const hostile = (list: readonly Record_[], turns = 1) =>
    mode === 'good'
      ? []
      : Array.from({ length: turns }, (_, turn) => list.map((record) => hostileRecord(record, asked, turn))).flat();
  const sections = [
    [...hostile(one.answers, times), ...good.answers],
    [...good.authorities, ...hostile(one.authorities)],
    hostile(one.additionals),
  ];
  const header = Buffer.alloc(12);
  header[2] = mode !== 'other' || one.authoritative ? 0x84 : 0x80;
  header[3] = mode === 'other' ? one.rcode : 0;
  for (const [at, list] of sections.entries()) header.writeUInt16BE(list.length, 6 + at * 2);
  const message = Buffer.concat([header, ...sections.flat()]).subarray(0, 65_535);
  for (const [where, value] of noise) message[where % message.length] = value;
  return message;
}

/** A DNS in which every server gives these replies in turn. */
function hostileDns(clock: FakeClock, replies: readonly Reply[]) {
  const count = { questions: 0, open: 0, most: 0 };
  const dns: Dns = {
    async query({ address }, { name, type }, signal) {
      signal.throwIfAborted();
      const failed = (reason: string) =>
        fail('dns/lookup-failed', { server: address, question: `${type} ${name}`, reason });
      if (!isDnsName(name)) throw failed('it is not a valid DNS name');
      const next = replies[count.questions++ % replies.length]!;
      count.open += 1;
      count.most = Math.max(count.most, count.open);
      try {
        if (next.delayMs > 0) await clock.sleep(next.delayMs, signal);
        if (next.delayMs >= 6_000) throw failed('no answer in time');
        return decodeAnswer(wireReply(next, name, type));
      } catch (error) {
        if (signal.aborted || isFailure(error)) throw error;
        throw failed(reasonOf(error));
      } finally {
        count.open -= 1;
      }
    },
    exchange: () => Promise.reject(new Error('not here')),
    systemResolvers: () => [],
  };
  return { dns, count };
}

// ── what must hold ───────────────────────────────────────────────────────────────────────────────────────────────

const unsafe = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;

function expectSafe(words: string): void {
  expect(words).not.toMatch(unsafe);
  expect(words.length).toBeLessThan(10_000);
}

/** Every text in a result. */
function textsIn(result: unknown): readonly string[] {
  if (typeof result === 'string') return [result];
  if (typeof result !== 'object' || result === null) return [];
  return Object.values(result).flatMap(textsIn);
}

/** Runs a search in simulated time. It must end within `mostMs`, with a result or an error of ours. */
async function run<T>(clock: FakeClock, mostMs: number, search: () => Promise<T>): Promise<T | undefined> {
  const began = clock.monotonicMs();
  const end = search().then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  let settled: Awaited<typeof end> | undefined;
  end.then((result) => {
    settled = result;
  });
  // Microtasks and immediate answers first; then time passes.
  for (let turns = 0; !settled && turns < 200; turns++) await new Promise((next) => setImmediate(next));
  while (!settled && clock.monotonicMs() - began <= mostMs) await clock.advance(200);
  if (!settled) throw new Error(`it did not end within ${mostMs} ms`);
  if ('value' in settled) {
    for (const words of textsIn(settled.value)) expectSafe(words);
    return settled.value;
  }
  const { error } = settled;
  if (!isFailure(error) && (error as Error).name !== 'TimeoutError') throw error;
  expect(isFailure(error, 'bug/')).toBe(false);
  expectSafe((error as Error).message);
  return undefined;
}

const replies = fc.array(reply, { minLength: 1, maxLength: 30 });

function setUp(list: readonly Reply[]) {
  const clock = fakeClock();
  const { dns, count } = hostileDns(clock, list);
  const warnings: string[] = [];
  const log = { warn: (line: string) => void warnings.push(line) };
  const zones = createZones({ dns, clock, log, resolvers: [{ address: '192.0.2.53', port: 53 }] });
  return { clock, dns, count, warnings, zones };
}
type Bed = ReturnType<typeof setUp>;

const name = '_acme-challenge.www.a.test';

/** As in preflight, which allows ten seconds for all checks together. */
const inPreflight =
  (search: (bed: Bed, signal: AbortSignal) => Promise<unknown>) =>
  async (bed: Bed): Promise<unknown> => {
    const limit = bed.clock.deadline(10_000, caller);
    try {
      return await search(bed, limit.signal);
    } finally {
      limit.done();
    }
  };

const caaQuestion = {
  name: 'www.a.test',
  wildcard: false,
  caaIdentities: ['ca.example'],
  accountUrl: undefined,
  challengeTypes: ['dns-01'],
} as const;

const searches: readonly [what: string, mostMs: number, mostQuestions: number, (bed: Bed) => Promise<unknown>][] = [
  ['the zone of a name', 31_000, 127, ({ zones }) => zones.findZone(name, caller)],
  ['the servers of a zone', 31_000, 33, ({ zones }) => zones.nameservers('a.test', caller)],
  ['an answer', 31_000, 5 * (33 + 16), ({ zones }) => zones.ask('a.test', { name, type: 'CNAME' }, caller)],
  ['where a challenge goes', 61_000, 8_000, ({ zones }) => zones.resolveChain(name, caller)],
  [
    'a poll of a zone',
    66_000,
    33 + 256 * 6,
    async ({ zones, dns, clock }) => {
      const poll = createServerPoll({ dns, clock });
      return poll(await zones.nameservers('a.test', caller), { zone: 'a.test', name, value: 'the value' }, caller);
    },
  ],
  [
    'the addresses',
    10_500,
    1_000,
    inPreflight(({ zones, clock }, signal) => createLooks(zones, clock, true).addresses('www.a.test', signal)),
  ],
  [
    'CAA',
    10_500,
    8_000,
    inPreflight(({ zones, clock }, signal) => createLooks(zones, clock, true).caa(caaQuestion, signal)),
  ],
  [
    'a hidden wildcard',
    10_500,
    8_000,
    inPreflight(({ zones }, signal) => findHiddenWildcard(zones, { zone: 'a.test', name }, signal)),
  ],
];

describe('whatever name servers answer', () => {
  it.each(searches)(
    'the search for %s ends',
    async (_what, mostMs, mostQuestions, search) => {
      await fc.assert(
        fc.asyncProperty(replies, async (list) => {
          const bed = setUp(list);
          await run(bed.clock, mostMs, () => search(bed));
          expect(bed.count.questions).toBeLessThanOrEqual(mostQuestions);
          expect(bed.count.most).toBeLessThanOrEqual(32 * 6);
          for (const warning of bed.warnings) expectSafe(warning);
        }),
        { numRuns },
      );
    },
    mostTestMs,
  );

  it('a zone that only refers further down is not followed for long', async () => {
    const clock = fakeClock();
    const deep = Array(100).fill('d').join('.');
    let questions = 0;
    const dns: Dns = {
      async query(_server, question) {
        questions += 1;
        const nothing = { rcode: 'NOERROR', authoritative: false, answers: [], authorities: [], additionals: [] };
        const base = { name: question.name, ttl: 60 };
        if (question.type === 'NS') return { ...nothing, answers: [{ ...base, type: 'NS', value: 'ns.test' }] };
        if (question.type === 'A') return { ...nothing, answers: [{ ...base, type: 'A', value: '192.0.2.1' }] };
        if (question.type === 'AAAA') return nothing;
        // Refers to the zone one label further down each time.
        depth += 1;
        const zone = `${Array(depth).fill('d').join('.')}.test`;
        return { ...nothing, authorities: [{ name: zone, ttl: 60, type: 'NS', value: 'ns.test' }] };
      },
      exchange: () => Promise.reject(new Error('not here')),
      systemResolvers: () => [],
    };
    let depth = 0;
    const zones = createZones({ dns, clock, resolvers: [{ address: '192.0.2.53', port: 53 }] });
    const asking = zones.ask('test', { name: `${deep}.test`, type: 'CNAME' }, caller);
    await expect(asking).rejects.toMatchObject({
      code: 'dns/no-nameserver',
      message: expect.stringContaining('the last of 4 delegations'),
    });
    expect(questions).toBeLessThanOrEqual(5 * 4);
  });
});

describe('whatever the servers at the addresses answer', () => {
  const answer = fc.record({
    status: fc.constantFrom(200, 204, 301, 302, 307, 404, 502, 503),
    location: fc.option(
      fc.oneof(
        webUrl,
        fc.string({ unit: codePoint, maxLength: 30 }),
        fc.constantFrom(
          '/again',
          'http://www.a.test/',
          `http://${'x'.repeat(5_000)}.test/`,
          'http://\u202ea.test',
          '\0',
        ),
      ),
      { nil: undefined },
    ),
    body: fc.oneof(fc.constant('the body'), fc.string({ unit: codePoint, maxLength: 30 })),
    fails: fc.constantFrom(false, false, false, true),
    words: fc.string({ unit: codePoint, maxLength: 30 }),
  });

  it(
    'the look by the public path ends, from 16 addresses at most',
    async () => {
      await fc.assert(
        fc.asyncProperty(replies, fc.array(answer, { minLength: 1, maxLength: 6 }), async (list, served) => {
          const bed = setUp(list);
          const looks = createLooks(bed.zones, bed.clock, false);
          const seen = new Set<string>();
          let requests = 0;
          const engine = {
            clock: bed.clock,
            connect: { looks: () => looks },
            vantage: {
              get: async (url: string, { address }: { readonly address: string }) => {
                seen.add(address);
                expect(new URL(url).hostname).toBe('www.a.test');
                const { fails, words, status, location, body } = served[requests++ % served.length]!;
                if (fails) throw fail('network/failed', { method: 'GET', url, reason: words });
                return { status, body, ...(location === undefined ? {} : { location }) };
              },
            },
          } as unknown as Engine;
          const deadline = bed.clock.deadline(10_000, caller);
          const look = {
            ...{ engine, deadline, identifier: { type: 'dns', value: 'www.a.test' } as const },
            settings: { resolvers: [], http01Port: 80 } as never,
            expected: { path: '/.well-known/acme-challenge/x', body: 'the body' },
          };
          await run(bed.clock, 10_500, () => lookAtPath(look));
          expect(seen.size).toBeLessThanOrEqual(16);
          expect(requests).toBeLessThanOrEqual(16 * 11);
        }),
        { numRuns },
      );
    },
    mostTestMs,
  );

  it(
    'the look at an endpoint ends, with 16 addresses at most',
    async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.uniqueArray(fc.oneof(fc.ipV4(), fc.ipV6()), { maxLength: 60 }),
          fc.array(fc.string({ unit: codePoint, maxLength: 30 }), { minLength: 1, maxLength: 5 }),
          async (addresses, words) => {
            let handshakes = 0;
            const text = () => words[handshakes % words.length]!;
            const look = {
              ...{ endpoint: 'www.a.test:443', expectFingerprint: 'ab' },
              now: new Date(0),
              resolve: async () => addresses,
              vantage: {
                handshake: async () => {
                  handshakes += 1;
                  if (handshakes % 3 === 0) throw fail('network/failed', { method: 'TLS', url: 'x', reason: text() });
                  return { certificateDer: new Uint8Array([1]) };
                },
              },
              pki: {
                readChain: () => {
                  if (handshakes % 3 === 1) throw new Error(text());
                  const identifiers = words.map((value) => ({ type: 'dns', value }) as const);
                  const facts = {
                    fingerprint: 'cd',
                    serial: text(),
                    notAfter: text(),
                    issuerName: text(),
                    identifiers,
                  };
                  return { certificates: [], facts: facts as never };
                },
              },
            };
            const verdict = await run(fakeClock(), 1_000, () => lookAtEndpoint(look, caller));
            expect(handshakes).toBe(Math.min(addresses.length, 16));
            expect(verdict?.words.includes('more addresses were not checked')).toBe(addresses.length > 16);
          },
        ),
        { numRuns },
      );
    },
    mostTestMs,
  );
});
