import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeAnswer } from './answer.ts';
import { answersQuestion } from './message.ts';
import { answerTo, askedName } from './test-answers.ts';

const question = { name: askedName, type: 'TXT', recursive: false, edns: true } as const;

/** A record as bytes, with the name `a`. */
function record(
  type: number,
  data: Uint8Array,
  {
    name = Buffer.from([1, 0x61, 0]),
    count = 1,
    classOf = 1,
  }: { name?: Buffer; count?: number; classOf?: number } = {},
) {
  const fixed = Buffer.alloc(10);
  fixed.writeUInt16BE(type, 0);
  fixed.writeUInt16BE(classOf, 2);
  fixed.writeUInt32BE(60, 4);
  fixed.writeUInt16BE(data.length, 8);
  return Array.from({ length: count }, () => Buffer.concat([name, fixed, data]));
}

/** An answer without a question, with these records. */
function answerOf(...records: readonly Buffer[]): Buffer {
  const header = Buffer.alloc(12);
  header[2] = 0x84;
  header.writeUInt16BE(records.length, 6);
  return Buffer.concat([header, ...records]);
}

const bytes = (...parts: readonly (number | string)[]): Buffer =>
  Buffer.concat(parts.map((part) => (typeof part === 'number' ? Buffer.from([part]) : Buffer.from(part, 'latin1'))));
const [ns, cname, txt, caa, aaaa] = [2, 5, 16, 257, 28];

describe('an answer', () => {
  it('has records as the port says', () => {
    const name = 'Www.Example.COM';
    const bytes = answerTo(7, {
      answers: [
        { type: 'A', name, ttl: 5, data: '192.0.2.1' },
        { type: 'AAAA', name, ttl: 5, data: '2001:db8::1' },
        { type: 'CNAME', name, ttl: 5, data: 'Lb.Example.NET' },
        { type: 'NS', name, ttl: 5, data: 'NS1.example.com' },
        { type: 'TXT', name, ttl: 5, data: [Buffer.from('one '), Buffer.from('two')] },
        { type: 'SOA', name, ttl: 5, data: { mname: 'NS1.example.com', rname: 'hostmaster.example.com', serial: 1 } },
        { type: 'CAA', name, ttl: 5, data: { flags: 128, tag: 'issue', value: 'ca.example; accounturi=x' } },
      ],
      additionals: [
        {
          type: 'OPT',
          name: '.',
          udpPayloadSize: 1232,
          extendedRcode: 0,
          ednsVersion: 0,
          flags: 0,
          flag_do: false,
          options: [],
        },
      ],
    });
    const answer = decodeAnswer(bytes);
    expect(answer).toMatchObject({ rcode: 'NOERROR', authoritative: true, authorities: [], additionals: [] });
    expect(answer.answers.every((record) => record.name === 'www.example.com' && record.ttl === 5)).toBe(true);
    expect(answer.answers.map(({ type, value }) => [type, value])).toEqual([
      ['A', '192.0.2.1'],
      ['AAAA', '2001:db8::1'],
      ['CNAME', 'lb.example.net'],
      ['NS', 'ns1.example.com'],
      ['TXT', 'one two'],
      ['SOA', 'ns1.example.com'],
      ['CAA', '128 issue ca.example; accounturi=x'],
    ]);
  });

  it.each([
    [0, 'NOERROR'],
    [2, 'SERVFAIL'],
    [3, 'NXDOMAIN'],
    [5, 'REFUSED'],
    [11, 'RCODE11'],
  ])('with code %i is %s', (code, rcode) => {
    expect(decodeAnswer(answerTo(7, { flags: code })).rcode).toBe(rcode);
  });

  it.each<[what: string, bytes: Buffer, values: readonly string[]]>([
    ['a name in capitals', answerOf(...record(ns, bytes(2, 'NS', 3, 'Abc', 0))), ['ns.abc']],
    ['a dot in a label', answerOf(...record(cname, bytes(3, 'a.b', 3, 'com', 0))), ['a\\046b.com']],
    ['a backslash in a label', answerOf(...record(cname, bytes(5, '\\046b', 0))), ['\\092046b']],
    ['a space, a bell and a NUL in a label', answerOf(...record(ns, bytes(3, ' \x07\0', 0))), ['\\032\\007\\000']],
    ['an escape sequence in a text', answerOf(...record(txt, bytes(4, '\x1b[2J'))), ['\\027[2J']],
    ['U+202E, in UTF-8', answerOf(...record(txt, bytes(3, '\xe2\x80\xae'))), ['\\226\\128\\174']],
    ['a space in a tag of CAA', answerOf(...record(caa, bytes(0, 2, 'i ', 'x y'))), ['0 i\\032 x y']],
    ['a line feed in a value of CAA', answerOf(...record(caa, bytes(128, 5, 'issue', 'ca\n'))), ['128 issue ca\\010']],
    ['an empty text', answerOf(...record(txt, bytes(0))), ['']],
    ['no text', answerOf(...record(txt, bytes())), ['']],
    ['another class', answerOf(...record(txt, bytes(1, 'x'), { classOf: 3 })), []],
    ['an unknown type', answerOf(...record(999, bytes('whatever'))), ['']],
    ['a mapped address', answerOf(...record(aaaa, bytes('\0'.repeat(10), '\xff\xff\x7f\0\0\x01'))), ['::ffff:7f00:1']],
  ])('with %s has only printable ASCII', (_what, message, values) => {
    expect(decodeAnswer(message).answers.map(({ value }) => value)).toEqual(values);
  });

  /** An empty name at the offset 25, and from 26 on pointers, each to the one before. */
  const chain = (length: number) => {
    const pointers = Buffer.alloc(length * 2 + 1);
    for (let at = 0; at < length; at++) pointers.writeUInt16BE(0xc000 + (at === 0 ? 25 : 24 + at * 2), 1 + at * 2);
    return record(999, pointers);
  };
  const pointerTo = (offset: number) => bytes(0xc0 | (offset >> 8), offset & 0xff);
  const longName = bytes(...Array.from({ length: 3 }, () => [63, '\x01'.repeat(63)]).flat(), 0);

  it.each<[what: string, bytes: Buffer, says: string]>([
    ['a pointer to itself', answerOf(...record(ns, pointerTo(25))), 'leads nowhere'],
    ['a pointer forwards', answerOf(...record(ns, pointerTo(0x3fff))), 'leads nowhere'],
    ['two pointers in a circle', answerOf(...record(ns, bytes(0xc0, 27, 0xc0, 25))), 'leads nowhere'],
    ['a label and a pointer to it', answerOf(...record(ns, bytes(1, 'a', 0xc0, 25))), 'leads nowhere'],
    ['a long chain of pointers', answerOf(...chain(500), ...record(ns, pointerTo(24 + 500 * 2))), 'leads nowhere'],
    ['a label of the reserved kind', answerOf(...record(ns, bytes(0x41, 'a', 0))), 'too long'],
    [
      'a name of 256 octets',
      answerOf(...record(ns, bytes(...Array(4).fill(bytes(63, 'a'.repeat(63)).toString('latin1')), 0))),
      'too long',
    ],
    ['5,000 records', answerOf(...record(txt, bytes(0), { count: 5_000 })), '5000 records'],
    ['records that are not there', answerOf(...record(txt, bytes(0), { count: 9 })).subarray(0, 100), 'too early'],
    [
      'a text that is longer than its record',
      answerOf(...record(txt, bytes(9, 'x')), ...record(txt, bytes(0))),
      'cannot be read',
    ],
    [
      'a tag that is longer than its record',
      answerOf(...record(caa, bytes(0, 9, 'x')), ...record(txt, bytes(0))),
      'cannot be read',
    ],
    [
      'a name that is longer than its record',
      answerOf(...record(ns, bytes(3, 'a')), ...record(txt, bytes(0))),
      'cannot be read',
    ],
    ['an address of three octets', answerOf(...record(1, bytes('abc'))), 'an address'],
    ['an address of five octets', answerOf(...record(1, bytes('abcde'))), 'an address'],
    [
      'compressed names, a hundred times as long as the message',
      answerOf(
        ...record(999, longName),
        ...Array.from({ length: 4_000 }, (_, at) => record(ns, bytes(2, at >> 8, at & 0xff, 0xc0, 25))).flat(),
      ),
      'texts in it are too long',
    ],
  ])('with %s is an error, soon', (_what, message, says) => {
    const began = performance.now();
    expect(() => decodeAnswer(message)).toThrow(says);
    expect(performance.now() - began).toBeLessThan(5_000);
  });

  it('may have a thousand values, or two thousand name servers', () => {
    const values = Array.from({ length: 1_100 }, (_, at) => String(at).padStart(43, '0'));
    const long = answerOf(...values.flatMap((value) => record(txt, bytes(43, value))));
    expect(decodeAnswer(long).answers.map(({ value }) => value)).toEqual(values);
    const names = Array.from({ length: 2_500 }, (_, at) => `ns${at}`);
    const many = answerOf(...names.flatMap((name) => record(ns, bytes(name.length, name, 0))));
    expect(decodeAnswer(many).answers.map(({ value }) => value)).toEqual(names);
  });

  it('may have a name with many pointers', () => {
    expect(decodeAnswer(answerOf(...chain(100), ...record(ns, pointerTo(24 + 100 * 2)))).answers[1]?.value).toBe('');
  });

  it('of any bytes is an Error or printable, and ends', () => {
    const name = 'a.example.com';
    const whole = answerTo(7, {
      answers: [
        { type: 'TXT', name, data: 'x'.repeat(200) },
        { type: 'CNAME', name, data: 'b.example.com' },
        { type: 'CAA', name, data: { flags: 0, tag: 'issue', value: 'ca.example' } },
        { type: 'A', name, data: '192.0.2.1' },
      ],
      authorities: [{ type: 'NS', name: 'example.com', data: 'ns.example.com' }],
      additionals: [{ type: 'AAAA', name: 'ns.example.com', data: '2001:db8::1' }],
    });
    const compressed = answerOf(
      ...record(ns, bytes(2, 'ns', 7, 'example', 3, 'com', 0)),
      ...record(ns, bytes(3, 'ns2', 0xc0, 28), { name: pointerTo(28) }),
      ...record(txt, bytes(3, 'abc', 0, 1, 'd'), { name: pointerTo(28) }),
      ...record(caa, bytes(0, 5, 'issue', 'ca.example'), { name: pointerTo(12) }),
    );
    const base = fc.constantFrom<Buffer>(whole, compressed);
    const octet = fc.oneof(fc.nat(255), fc.constantFrom(0, 1, 0x3f, 0x40, 0xc0, 0xff, 0x1b, 0x2e, 0x5c));
    const anything = fc.oneof(
      fc.uint8Array({ maxLength: 700 }),
      // A piece that is replaced.
      fc
        .tuple(base, fc.nat(400), fc.array(octet, { minLength: 1, maxLength: 60 }))
        .map(([message, where, piece]) =>
          Buffer.concat([message.subarray(0, where), Buffer.from(piece), message.subarray(where + piece.length)]),
        ),
      // A few octets that are changed.
      fc
        .tuple(base, fc.array(fc.tuple(fc.nat(400), octet), { minLength: 1, maxLength: 8 }))
        .map(([message, changes]) => {
          const changed = Buffer.from(message);
          for (const [where, value] of changes) changed[where % changed.length] = value;
          return changed;
        }),
      // An end that is missing.
      fc.tuple(base, fc.nat(400)).map(([message, end]) => message.subarray(0, end)),
      // Counts that promise more than there is.
      fc.tuple(base, fc.nat(0xffff), fc.nat(0xffff)).map(([message, answers, authorities]) => {
        const lying = Buffer.from(message);
        lying.writeUInt16BE(answers, 6);
        lying.writeUInt16BE(authorities, 8);
        return lying;
      }),
    );
    fc.assert(
      fc.property(anything, (input) => {
        const bytes = Buffer.from(input);
        answersQuestion(bytes, 7, question);
        let answer: ReturnType<typeof decodeAnswer>;
        try {
          answer = decodeAnswer(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
          expect((error as Error).message).toMatch(/^[\x20-\x7e]{1,100}$/);
          return;
        }
        for (const { name, type, value, ttl } of [...answer.answers, ...answer.authorities, ...answer.additionals]) {
          expect(name).toMatch(/^[\x21-\x7e]{0,1020}$/);
          expect(type).toMatch(/^[A-Z0-9]+$/);
          expect(value).toMatch(/^[\x20-\x7e]*$/);
          expect(Number.isSafeInteger(ttl)).toBe(true);
        }
      }),
      { numRuns: process.env['CERTFLEET_LONG'] ? 50_000 : 800 },
    );
  });
});
