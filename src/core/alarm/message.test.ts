import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Alarm, AlarmNews } from './alarm.ts';
import { bytesOf, messageOf } from './message.ts';

const alarm = (more: Partial<Alarm> = {}): Alarm => ({
  key: 'failing/www',
  kind: 'failing',
  certificate: 'www.example.com',
  message: 'the CA could not reach www.example.com: connection refused',
  hint: 'Open port 80.',
  since: '2026-11-29T09:58:03.120Z',
  ...more,
});
const news = (more: Partial<AlarmNews> = {}): AlarmNews => ({
  ...{ node: 'web-1', at: '2026-11-29T10:00:00.000Z', opened: [], repeated: [], resolved: [], more: [] },
  ...more,
});
const wide = { title: 150, most: 100_000 };

describe('messageOf', () => {
  it('says all of one alarm, in order', () => {
    const opened = [alarm({ code: 'acme/problem', url: 'https://ca.example/unpause?x=1' })];
    expect(messageOf(news({ opened }), wide)).toEqual({
      title: 'certfleet: www.example.com: it cannot be renewed',
      text: `New: www.example.com: it cannot be renewed
the CA could not reach www.example.com: connection refused
What to do: Open port 80.
Page: https://ca.example/unpause?x=1
Since 2026-11-29 09:58 UTC; certfleet explain acme/problem

certfleet on web-1, 2026-11-29 10:00 UTC`,
    });
  });

  it.each<[Partial<AlarmNews>, string]>([
    [{}, 'certfleet: nothing new'],
    [{ isTest: true }, 'certfleet: a test of alarms'],
    [{ resolved: [alarm()] }, 'certfleet: Resolved: www.example.com: it cannot be renewed'],
    [{ repeated: [alarm({ kind: 'store', certificate: undefined! })] }, 'certfleet: Still: the store cannot be used'],
    [
      { opened: [alarm({ kind: 'node-missing', certificate: undefined!, node: 'web-3' })] },
      'certfleet: web-3: a node is missing',
    ],
    [{ opened: [alarm(), alarm()], resolved: [alarm()] }, 'certfleet: 2 new, 1 resolved (alarms)'],
    [
      { opened: [alarm()], more: [{ kind: 'expiring', change: 'opened', count: 40, certificates: ['a'] }] },
      'certfleet: 41 new (alarms)',
    ],
  ])('%j has the title %s', (more, title) => {
    expect(messageOf(news(more), wide).title).toBe(title);
  });

  it('counts what is grouped, with some names', () => {
    const certificates = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
    const { text } = messageOf(
      news({ more: [{ kind: 'expiring', change: 'repeated', count: 40, certificates }] }),
      wide,
    );
    expect(text).toContain('Still: 40 × it expires soon\na, b, c, d, e and 35 more\n');
  });

  it('has one form of times, also in sentences', () => {
    const opened = [
      alarm({ message: 'it expires at 2026-11-29T10:47:31.000Z', hint: 'Wait until 2026-11-30T00:00:00Z.' }),
    ];
    const { text } = messageOf(news({ opened }), wide);
    expect(text).toContain('it expires at 2026-11-29 10:47 UTC\nWhat to do: Wait until 2026-11-30 00:00 UTC.\n');
    expect(text).not.toMatch(/\dT\d/);
  });

  it('leaves out the hint of what is resolved', () => {
    const { text } = messageOf(news({ resolved: [alarm()] }), wide);
    expect(text).not.toContain('What to do');
  });

  it('leaves out whole alarms from the end, and counts them', () => {
    const opened = ['a', 'b', 'c', 'd'].map((certificate) => alarm({ certificate }));
    const { text } = messageOf(news({ opened }), { title: 60, most: 480 });
    expect(text).toContain('New: b: it cannot be renewed');
    expect(text).not.toContain('New: c:');
    expect(text).toContain('2 more did not fit here; certfleet status shows all certificates.');
  });

  it('stays in its room, on lines of its own, whatever the texts are', () => {
    const texts = fc.oneof(
      fc.string({ unit: 'grapheme', maxLength: 300 }),
      fc.constantFrom(
        'x'.repeat(5_000),
        '证书'.repeat(900),
        '🔥'.repeat(900),
        'a\r\nBcc: b@c.test',
        '\u001b[31m\u202e',
      ),
    );
    const alarms = fc.array(
      fc.record({ message: texts, hint: texts, certificate: texts, code: texts, url: texts, since: texts }).map(alarm),
      { maxLength: 12 },
    );
    fc.assert(
      fc.property(
        alarms,
        alarms,
        fc.integer({ min: 400, max: 5_000 }),
        fc.boolean(),
        (opened, resolved, most, inBytes) => {
          const sizeOf = inBytes ? bytesOf : (text: string) => text.length;
          const { title, text } = messageOf(news({ opened, resolved }), { title: 80, most, sizeOf });
          expect(sizeOf(`${title}\n\n${text}`)).toBeLessThanOrEqual(most);
          expect(title.length).toBeLessThanOrEqual(80);
          expect(`${title}${text}`).not.toMatch(/(?!\n)[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u202e]/u);
          expect(title).not.toContain('\n');
          expect(text).toMatch(/certfleet on web-1, 2026-11-29 10:00 UTC$/);
        },
      ),
    );
  });
});
