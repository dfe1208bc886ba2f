import packet from 'dns-packet';
import { describe, expect, it } from 'vitest';
import { answersQuestion, encodeQuestion, formatError, isTruncated, type Question } from './dns-message.ts';
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
