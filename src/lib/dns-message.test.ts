import packet from 'dns-packet';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  answersQuestion,
  decodeAnswer,
  encodeQuestion,
  formatError,
  isTruncated,
  type Question,
} from './dns-message.ts';

const question: Question = { name: '_acme-challenge.example.com', type: 'TXT', recursive: false, edns: true };

const answerTo = (id: number, more: Partial<packet.Packet> = {}): Buffer =>
  packet.encode({
    type: 'response',
    id,
    flags: packet.AUTHORITATIVE_ANSWER,
    questions: [{ type: 'TXT', name: question.name }],
    ...more,
  });

describe('a question', () => {
  it('is what dns-packet reads: one question, EDNS with 1232 bytes', () => {
    const decoded = packet.decode(encodeQuestion(7, { ...question, recursive: true }));
    expect(decoded).toMatchObject({ id: 7, type: 'query', flag_rd: true });
    expect(decoded.questions).toMatchObject([{ name: question.name, type: 'TXT', class: 'IN' }]);
    expect(decoded.additionals).toMatchObject([{ type: 'OPT', udpPayloadSize: 1232 }]);
    expect(packet.decode(encodeQuestion(7, { ...question, edns: false }))).toMatchObject({
      flag_rd: false,
      additionals: [],
    });
  });
});

describe('an answer belongs to a question', () => {
  it('with its id, name in any case, type and QR bit', () => {
    expect(answersQuestion(answerTo(7), 7, question)).toBe(true);
    const shouting = answerTo(7, { questions: [{ type: 'TXT', name: '_ACME-challenge.EXAMPLE.com' }] });
    expect(answersQuestion(shouting, 7, question)).toBe(true);
  });

  it.each([
    ['another id', answerTo(8)],
    ['another name', answerTo(7, { questions: [{ type: 'TXT', name: '_acme-challenge.example.org' }] })],
    ['another type', answerTo(7, { questions: [{ type: 'A', name: question.name }] })],
    ['no question', answerTo(7, { questions: [] })],
    [
      'two questions',
      answerTo(7, {
        questions: [
          { type: 'TXT', name: question.name },
          { type: 'TXT', name: 'a.b' },
        ],
      }),
    ],
    ['a question, not an answer', encodeQuestion(7, question)],
    ['too short', Buffer.from([0, 7, 0x80])],
    ['nothing', Buffer.alloc(0)],
  ])('not with %s', (_what, bytes) => {
    expect(answersQuestion(bytes, 7, question)).toBe(false);
  });

  it('where the server could not read it, without the question', () => {
    const refused = answerTo(7, { questions: [], flags: 1 });
    expect(answersQuestion(refused, 7, question)).toBe(true);
    expect(formatError(refused)).toBe(true);
  });
});

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

  it('says when it is cut', () => {
    expect(isTruncated(answerTo(7, { flags: packet.TRUNCATED_RESPONSE }))).toBe(true);
    expect(isTruncated(answerTo(7))).toBe(false);
  });

  it('of any bytes is an Error or well-formed, and ends', () => {
    const true_ = answerTo(7, { answers: [{ type: 'TXT', name: 'a.example.com', data: 'x'.repeat(200) }] });
    const anything = fc.oneof(
      fc.uint8Array({ maxLength: 700 }),
      fc
        .tuple(fc.nat(true_.length), fc.uint8Array({ minLength: 1, maxLength: 60 }))
        .map(([where, piece]) =>
          Buffer.concat([true_.subarray(0, where), piece, true_.subarray(where + piece.length)]),
        ),
      // Counts that promise more than there is.
      fc.tuple(fc.nat(0xffff), fc.nat(0xffff)).map(([answers, authorities]) => {
        const lying = Buffer.from(true_);
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
          return;
        }
        for (const record of [...answer.answers, ...answer.authorities, ...answer.additionals]) {
          expect(typeof record.name).toBe('string');
          expect(typeof record.value).toBe('string');
          expect(Number.isFinite(record.ttl)).toBe(true);
        }
      }),
      { numRuns: 3000 },
    );
  });
});
