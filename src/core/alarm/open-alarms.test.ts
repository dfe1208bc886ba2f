import { describe, expect, it } from 'vitest';
import { maxDocumentBytes } from '../lineage/document-limits.ts';
import { encodeDocument } from '../lineage/lineage.ts';
import type { AlarmKind } from './alarm.ts';
import { afterSending, behind, claimed, isClaimed, newsFor } from './alarm-news.ts';
import type { Condition } from './conditions.ts';
import { type AlarmDocument, afterLook, decodeAlarms, noAlarms, steadyRhythm, timerRhythm } from './open-alarms.ts';

const hourMs = 3_600_000;
const startMs = Date.parse('2026-03-01T00:00:00Z');
const at = (hours: number) => new Date(startMs + hours * hourMs);
const minute = 1 / 60;

const condition = (key: string, kind: AlarmKind = 'failing'): Condition => ({
  ...{ key, kind, certificate: key, message: `${key} fails`, hint: 'look' },
});
const look = (document: AlarmDocument, hours: number, keys: readonly (string | Condition)[], rhythm = steadyRhythm) =>
  afterLook(document, {
    conditions: keys.map((one) => (typeof one === 'string' ? condition(one) : one)),
    covers: () => true,
    now: at(hours),
    rhythm,
  });
const numbered = (count: number) => Array.from({ length: count }, (_, n) => `c${n}`);

/**
 * Each step: hours since the start, the conditions at that time, and the message that follows: + opened, = repeated,
 * - resolved. Then what is open, if that is something else than the conditions.
 */
const lives: readonly (readonly [
  what: string,
  rhythm: typeof steadyRhythm,
  steps: readonly (readonly [hours: number, conditions: string, message: string, open?: string])[],
])[] = [
  [
    'one is sent once, repeated each day, and resolved after two good looks',
    steadyRhythm,
    [
      [0, 'a', '+a'],
      [1, 'a', ''],
      [23.9, 'a', ''],
      [24.4, 'a', ''], // waits for others
      [24.5, 'a', '=a'],
      [48.9, 'a', ''],
      [49, 'a', '=a'],
      [50, '', '', 'a'],
      [50 + minute / 2, '', '', 'a'],
      [50 + minute, '', '-a'],
      [51, '', ''],
      [52, 'a', '+a'],
    ],
  ],
  [
    'a bad look between two good ones counts',
    steadyRhythm,
    [
      [0, 'a', '+a'],
      [1, '', '', 'a'],
      [1.5, 'a', ''],
      [2, '', '', 'a'],
      [2 + minute, '', '-a'],
    ],
  ],
  [
    'what ends before its message is made is never sent',
    steadyRhythm,
    [
      [0, 'a', '+a'],
      [minute, 'a b', ''],
      [2 * minute, 'a', '', 'a b'],
      [3 * minute, 'a', ''],
      [6 * minute, 'a', ''],
    ],
  ],
  [
    'what is over before the next message is open no longer, and sent with that message',
    steadyRhythm,
    [
      [0, 'a', '+a'],
      [minute, '', '', 'a'],
      [2 * minute, '', ''],
      [5 * minute, 'b', '+b -a'],
    ],
  ],
  [
    'what is over and comes back between two messages is in neither',
    steadyRhythm,
    [
      [0, 'a', '+a'],
      [minute, '', '', 'a'],
      [2 * minute, '', ''],
      [3 * minute, 'a', ''],
      [6 * minute, 'a', ''],
      [7 * minute, '', '', 'a'],
      [8 * minute, '', '-a'],
    ],
  ],
  [
    'messages keep their distance, and take along what is due',
    steadyRhythm,
    [
      [0, 'a', '+a'],
      [minute, 'a b', ''],
      [2 * minute, 'a b c', ''],
      [5 * minute, 'a b c', '+b +c'],
      [24.1, 'a b c', ''],
      [24.2, 'a b c d', '+d =a =b =c'],
      [48.3, 'a b c d', ''],
      [48.7, 'a b c d', '=a =b =c =d'],
    ],
  ],
  [
    'runs of a timer that come a little early each day repeat each day',
    timerRhythm,
    [
      [0, 'a', '+a'],
      [0.1, 'a b', '+b'],
      [23, 'a b', '=a =b'],
      [46, 'a b', '=a =b'],
      [58, 'a', '', 'a b'],
      [69, 'a', '=a -b'],
    ],
  ],
];

describe('of the alarms,', () => {
  it.each(lives)('%s', (_what, rhythm, steps) => {
    let document = noAlarms;
    for (const [hours, conditions, message, open = conditions] of steps) {
      const { serial } = document;
      document = decodeAlarms(
        encodeDocument(look(document, hours, conditions.split(' ').filter(Boolean), rhythm).document),
        'memory',
      );
      const news = newsFor({ ...document, notifiers: { ops: { upTo: serial } } }, 'ops', { node: 'n', now: at(hours) });
      const { opened = [], repeated = [], resolved = [] } = news ?? {};
      const words = [['+', opened] as const, ['=', repeated] as const, ['-', resolved] as const].flatMap(
        ([sign, alarms]) => alarms.map(({ key }) => sign + key),
      );
      expect([hours, words.join(' '), Object.keys(document.open).sort().join(' ')]).toEqual([hours, message, open]);
      expect(document.serial).toBe(message === '' ? serial : serial + 1);
    }
  });

  it('events tell at once what opens and what is over', () => {
    let document = noAlarms;
    const steps = [
      [0, 'a'],
      [minute, 'a b'],
      [2 * minute, 'b'],
      [3 * minute, 'b'],
      [4 * minute, 'a b'],
    ] as const;
    const events = steps.map(([hours, conditions]) => {
      const looked = look(document, hours, conditions.split(' '));
      document = looked.document;
      return [...looked.opened.map(({ key }) => `+${key}`), ...looked.resolved.map(({ key }) => `-${key}`)].join(' ');
    });
    expect(events).toEqual(['+a', '+b', '', '-a', '+a']);
  });

  it('a look that changes nothing leaves the document as it is', () => {
    const { document } = look(noAlarms, 0, ['a']);
    expect(look(document, 1, ['a']).document).toBe(document);
    expect(look(noAlarms, 1, []).document).toBe(noAlarms);
  });

  it('those that a look does not cover stay open', () => {
    const { document } = look(noAlarms, 0, ['a']);
    const facts = { conditions: [], covers: () => false, rhythm: timerRhythm };
    expect(afterLook(document, { ...facts, now: at(1) }).document).toBe(document);
  });

  it('a time that only a wrong clock can have stored holds nothing back', () => {
    const ahead = look(noAlarms, 24 * 365, ['a']).document;
    expect(look(ahead, 1, ['a']).repeated.map(({ key }) => key)).toEqual(['a']);
    const good = look(look(noAlarms, 0, ['a']).document, 24 * 365, []).document;
    expect(look(look(good, 1, []).document, 2, []).resolved).toHaveLength(1);
  });

  it('a thousand fit into the store, and what has no room is counted', () => {
    const long = (n: number): Condition => ({
      ...condition(`${n}.${'x'.repeat(n % 2 === 0 ? 240 : 5)}.test`),
      ...{ message: '測'.repeat(2_000), hint: 'h'.repeat(2_000), url: `https://${'u'.repeat(900)}` },
    });
    const conditions = Array.from({ length: 3_000 }, (_, n) => long(n));
    let document = noAlarms;
    for (const count of [9, 18, 27, 3_000]) {
      document = look(document, count, conditions.slice(0, count)).document;
      expect(encodeDocument(document).length).toBeLessThanOrEqual(maxDocumentBytes);
    }
    const known = Object.keys(document.open).length;
    expect(known).toBeGreaterThan(300);
    expect(document.more).toEqual({ failing: 3_000 - known });
    expect(look(document, 3_001, conditions).opened).toEqual([]);
    const news = newsFor(document, 'ops', { node: 'n', now: at(3_001) })!;
    expect(news.opened).toEqual([]);
    expect(news.more).toMatchObject([{ kind: 'failing', change: 'opened', count: 3_000 }]);
    const over = look(look(document, 3_002, []).document, 3_003, []).document;
    expect(Object.keys(over.open)).toEqual([]);
    expect(encodeDocument(over).length).toBeLessThanOrEqual(maxDocumentBytes);
  });
});

describe('a message', () => {
  const holder = { bootId: 'b', pidNamespace: 'n', pid: 1, startTime: '1' };
  const from = { node: 'n', now: at(0) };

  it('lists nine alarms of a kind, and counts ten', () => {
    const few = newsFor(look(noAlarms, 0, numbered(9)).document, 'ops', from)!;
    expect([few.opened.length, few.more]).toEqual([9, []]);
    const many = look(noAlarms, 0, [...numbered(10), condition('t', 'target')]).document;
    const news = newsFor(many, 'ops', from)!;
    expect(news.opened.map(({ key }) => key)).toEqual(['t']);
    expect(news.more).toEqual([{ kind: 'failing', change: 'opened', count: 10, certificates: ['c0', 'c1', 'c2'] }]);
    const over = look(look(many, 1, []).document, 2, []).document;
    const after = { ...over, notifiers: { ops: { upTo: 1 } } };
    expect(newsFor(after, 'ops', from)?.more).toMatchObject([{ change: 'resolved', count: 10 }]);
    expect(newsFor(after, 'ops', from)?.resolved.map(({ key, message }) => `${key}: ${message}`)).toEqual([
      't: t fails',
    ]);
  });

  it('goes to each notifier until that has sent it, and resolved alarms stay as long', () => {
    const names = ['mail', 'chat'];
    let { document } = look(noAlarms, 0, ['a']);
    expect(behind(document, names, at(0))).toEqual(names);
    const sent = [
      { notifier: 'mail', serial: 1, hasFailed: false },
      { notifier: 'chat', serial: 1, hasFailed: true },
    ];
    document = afterSending(document, { sent, names, now: at(0) });
    expect(behind(document, names, at(0))).toEqual([]);
    expect(behind(document, names, at(minute))).toEqual(['chat']);
    expect(newsFor(document, 'chat', from)?.opened).toHaveLength(1);

    document = look(look(document, 1, ['b']).document, 2, ['b']).document;
    expect([
      newsFor(document, 'mail', from)?.resolved.length,
      newsFor(document, 'chat', from)?.resolved.length,
    ]).toEqual([1, 0]);
    document = afterSending(document, { sent: [{ notifier: 'mail', serial: 3, hasFailed: false }], names, now: at(2) });
    expect(document.resolved).toHaveLength(1);
    document = afterSending(document, { sent: [{ notifier: 'chat', serial: 3, hasFailed: false }], names, now: at(2) });
    expect([document.resolved, behind(document, names, at(3))]).toEqual([[], []]);
  });

  it('of a notifier that was down says only what is so by now', () => {
    const told = { ...look(noAlarms, 0, ['a', 'b']).document, notifiers: { ops: { upTo: 1 } } };
    let document: AlarmDocument = told;
    // Both end, and one of them comes back.
    for (const [hours, keys] of [
      [1, ['c']],
      [2, ['c']],
      [3, ['a']],
      [4, ['a']],
    ] as const)
      document = look(document, hours, keys).document;
    const news = newsFor(document, 'ops', from)!;
    expect([news.opened.map(({ key }) => key), news.resolved.map(({ key }) => key)]).toEqual([['a'], ['b']]);
  });

  it('of which nothing is left is none', () => {
    const { document } = look(look(look(noAlarms, 0, ['a']).document, 1, []).document, 2, []);
    expect(newsFor(document, 'ops', from)).toBeUndefined();
  });

  it('is sent by one process, unless that is dead, too slow, or has a wrong clock', () => {
    const document = claimed(noAlarms, holder, at(0));
    const cases = [
      [at(0), 'unknown', true],
      [at(0), 'dead', false],
      [at(3 * minute), 'alive', false],
      [at(-48), 'unknown', false],
    ] as const;
    for (const [now, state, expected] of cases) expect(isClaimed(document, now, () => state)).toBe(expected);
    expect(isClaimed(afterSending(document, { sent: [], names: [], now: at(0) }), at(0), () => 'alive')).toBe(false);
  });
});
