import packet from 'dns-packet';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { answersQuestion, encodeQuestion, formatError, isTruncated, type Question } from './message.ts';
import { answerTo, askedName } from './test-answers.ts';

const question: Question = { name: askedName, type: 'TXT', recursive: false, edns: true };

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

  it('has the bytes that dns-packet writes, whatever the name and type', () => {
    const label = fc.stringMatching(/^[a-z0-9_-]{1,63}$/);
    const asked = fc.record({
      name: fc.array(label, { maxLength: 4 }).map((labels) => labels.join('.').slice(0, 253).replace(/\.$/, '')),
      type: fc.constantFrom('A', 'AAAA', 'CAA', 'CNAME', 'NS', 'SOA', 'TXT'),
      recursive: fc.boolean(),
      edns: fc.boolean(),
    });
    const opt = { type: 'OPT', name: '.', udpPayloadSize: 1232, extendedRcode: 0, ednsVersion: 0, flags: 0 } as const;
    fc.assert(
      fc.property(fc.nat(0xffff), asked, (id, { name, type, recursive, edns }) => {
        const expected = packet.encode({
          type: 'query',
          id,
          flags: recursive ? packet.RECURSION_DESIRED : 0,
          questions: [{ type, name, class: 'IN' }],
          additionals: edns ? [{ ...opt, flag_do: false, options: [] }] : [],
        });
        expect(encodeQuestion(id, { name, type, recursive, edns })).toEqual(expected);
      }),
    );
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

it('says when an answer is cut', () => {
  expect(isTruncated(answerTo(7, { flags: packet.TRUNCATED_RESPONSE }))).toBe(true);
  expect(isTruncated(answerTo(7))).toBe(false);
});
