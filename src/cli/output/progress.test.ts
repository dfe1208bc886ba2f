import { describe, expect, it } from 'vitest';
import { fail } from '../../core/errors/errors.ts';
import type { Event } from '../../core/plan/event.ts';
import { present } from '../../core/text/present.ts';
import { spanText } from '../../core/text/span.ts';
import { failureText } from './failure.ts';
import {
  jsonProgress,
  liveProgress,
  onceEachAlarm,
  plainProgress,
  quietProgress,
  serviceProgress,
  verboseProgress,
} from './progress.ts';
import { formatTable } from './table.ts';
import { dateText, fromNow, styleOf, wrap } from './text.ts';

const style = styleOf({ isTerminal: false, env: {} });
const event = (
  name: Event['event'],
  certificate: string | undefined,
  message: string,
  level: Event['level'] = 'info',
): Event => ({
  v: 1,
  time: '2026-11-24T10:00:00Z',
  level,
  event: name,
  message,
  ...present({ certificate }),
});

/** A terminal of the few control sequences that are used: what a person would see. */
function screen() {
  const lines: string[] = [''];
  const state = { cursorHidden: false };
  return {
    columns: 40,
    rows: 8,
    state,
    visible: () => lines.join('\n').trimEnd(),
    write(text: string) {
      for (const [part] of text.matchAll(/\x1b\[\??\d*[A-Za-z]|\n|\r|[^\x1b\n\r]+/g)) {
        if (part === '\n') lines.push('');
        else if (part === '\x1b[?25l') state.cursorHidden = true;
        else if (part === '\x1b[?25h') state.cursorHidden = false;
        else if (part.endsWith('A')) {
          const up = Number(part.slice(2, -1));
          // What is below is cleared next, so it may go at once.
          lines.splice(lines.length - 1 - up, up + 1, '');
        } else if (part !== '\r' && part !== '\x1b[J') lines[lines.length - 1] += part;
      }
    },
  };
}

describe('what a run is going to do', () => {
  const planned = (data: Event['data']): Event => ({
    ...event('run.planned', undefined, 'there are 9 certificates: 2 now, 7 by 2026-11-24T14:05:00.000Z\na: later'),
    ...present({ data }),
  });
  const shown = 'there are 9 certificates: 2 now, 7 by 2026-11-24 14:05 UTC\n  a: later';

  it.each([
    ['several of which some must wait', { certificates: 9, waiting: [] }, shown],
    ['several of which none must wait', { certificates: 9 }, ''],
    ['one, of which the result tells', { certificates: 1, waiting: [] }, ''],
  ])('is shown for %s', (_what, data, text) => {
    const [plain, live] = [screen(), { ...screen(), columns: 100 }];
    for (const progress of [plainProgress({ write: plain.write }, style), liveProgress(live, style)]) {
      progress.report(planned(data));
      progress.stop();
    }
    expect([plain.visible(), live.visible()]).toEqual([text, text]);
  });
});

describe('a message about a certificate', () => {
  it.each([
    ['as', 'asking the CA', 'as: asking the CA'],
    ['as', 'as the CA asked', 'as: as the CA asked'],
    ['as', 'as: it failed', 'as: it failed'],
    ['a.test', 'a.test has no address', 'a.test has no address'],
    ['a.test', 'a.test: it failed', 'a.test: it failed'],
    ['a.test', 'a.test.example has no address', 'a.test: a.test.example has no address'],
  ])('%s: %s', (name, message, line) => {
    let text = '';
    plainProgress({ write: (more) => (text += more) }, style).report(event('certificate.step', name, message));
    expect(text).toBe(`${line}\n`);
    const error = fail('usage/invalid', { what: message });
    expect(failureText(error, name, { language: 'en', style, width: 200 }).split('\n')[0]).toBe(line);
  });
});

describe('liveProgress', () => {
  it('redraws one line a certificate, keeps warnings, and gives the terminal back', () => {
    const terminal = screen();
    const progress = liveProgress(terminal, style);
    progress.report(event('certificate.started', 'a', 'working on a.example.com'));
    progress.report(event('certificate.step', 'b', 'ordering'));
    expect(terminal.visible()).toBe('  a: working on a.example.com\n  b: ordering');
    expect(terminal.state.cursorHidden).toBe(true);
    progress.report(event('certificate.waiting', 'a', 'waiting for\nns1'));
    progress.report(event('preflight.finding', 'b', 'IPv6 could not be tried', 'warn'));
    expect(terminal.visible()).toBe('  a: waiting for ns1\n  b: IPv6 could not be tried');
    progress.report(event('certificate.step', 'b', 'ordering'));
    expect(terminal.visible()).toBe('warning: b: IPv6 could not be tried\n  a: waiting for ns1\n  b: ordering');
    progress.report(event('certificate.failed', 'b', 'no zone', 'error'));
    expect(terminal.visible()).toBe(
      'warning: b: IPv6 could not be tried\n  1 done, 1 in progress\n  a: waiting for ns1',
    );
    progress.stop();
    expect(terminal.visible()).toBe('warning: b: IPv6 could not be tried');
    expect(terminal.state.cursorHidden).toBe(false);
  });

  it('never draws more lines than the screen has, nor longer ones', () => {
    const terminal = screen();
    const progress = liveProgress(terminal, style);
    for (let i = 0; i < 30; i++) progress.report(event('certificate.step', `c${i}`, 'x'.repeat(100)));
    const lines = terminal.visible().split('\n');
    expect(lines[0]).toBe('  0 done, 30 in progress');
    expect(lines).toHaveLength(6);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(40);
  });
});

describe('other ways', () => {
  const collect = () => {
    const out = { text: '', write: (text: string) => (out.text += text) };
    return out;
  };

  it('is a line an event without a terminal, with nothing that moves a cursor', () => {
    const out = collect();
    const progress = plainProgress(out, style);
    progress.report(event('run.started', undefined, 'x'));
    progress.report(event('certificate.step', 'a', 'ordering'));
    progress.report(event('deploy.alarm', 'a', 'still the old one', 'alarm'));
    expect(out.text).toBe('a: ordering\nALARM: a: still the old one\n');
  });

  it('is every event as it is with --json, and only alarms with --quiet', () => {
    const json = collect();
    const quiet = collect();
    const events = [event('certificate.step', 'a', 'x'), event('deploy.alarm', 'a', 'y', 'alarm')];
    for (const each of events) {
      jsonProgress(json).report(each);
      quietProgress(quiet, style).report(each);
    }
    expect(
      json.text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Event),
    ).toEqual(events);
    expect(quiet.text).toBe('ALARM: a: y\n');
  });
});

describe('what people are spared', () => {
  const plain = (events: readonly Event[]): string => {
    const out = { text: '', write: (text: string) => (out.text += text) };
    const progress = plainProgress(out, style);
    for (const each of events) progress.report(each);
    progress.stop();
    return out.text;
  };

  it('is a date to the millisecond, a step that only the store knows, and the same warning again', () => {
    const step = { ...event('certificate.step', 'a', 'it is the current certificate'), data: { step: 'deploy' } };
    const failing = (name: string) => event('sweep.failed', name, 'it could not be removed', 'warn');
    const waiting = event('certificate.waiting', 'a', 'waiting until 2026-11-24T10:51:19.345Z');
    expect(plain([waiting, step, failing('a'), failing('a'), failing('b')])).toBe(
      'a: waiting until 2026-11-24 10:51 UTC\n' +
        'warning: a: it could not be removed\nwarning: b: it could not be removed\n',
    );
  });

  it.each([
    { planned: 5, started: 5, shown: 5 },
    { planned: 6, started: 5, shown: 0 },
    // More were due on a closer look.
    { planned: 1, started: 7, shown: 5 },
    { planned: undefined, started: 7, shown: 5 },
  ])('is each step of many certificates: $planned planned, $started started', ({ planned, started, shown }) => {
    const names = Array.from({ length: started }, (_, index) => `c${index}`);
    const plan = { ...event('run.planned', undefined, 'x'), data: { certificates: planned ?? 0 } };
    const steps = names.flatMap((name) => [
      event('certificate.started', name, 'x'),
      event('certificate.step', name, 'y'),
    ]);
    const warning = event('certificate.waiting', 'c0', 'z', 'warn');
    const text = plain([...(planned === undefined ? [] : [plan]), ...steps, warning]);
    expect(text).toBe(
      `${names
        .slice(0, shown)
        .map((name) => `${name}: x\n${name}: y\n`)
        .join('')}warning: c0: z\n`,
    );
  });

  it('is a result, which is printed in the end', () => {
    const life = ['certificate.revoked', 'certificate.exported'] as const;
    const results = ['certificate.issued', 'renewal.scheduled', 'certificate.deployed', ...life] as const;
    expect(plain(results.map((name) => event(name, 'a', 'x')))).toBe('');
  });

  it('is a finding that the failure repeats, and no other', () => {
    const finding = (name: string, verdict: string) =>
      ({ ...event('preflight.finding', name, `${name} ${verdict}`, 'warn'), data: { verdict } }) as const;
    const failed = event('certificate.failed', 'a', 'a no; the CA was not asked', 'error');
    const goesOn = event('certificate.step', 'b', 'ordering');
    expect(plain([finding('a', 'no'), finding('b', 'no'), finding('a', 'cannot-tell'), failed, goesOn])).toBe(
      'warning: a: a cannot-tell\nwarning: b: b no\nb: ordering\n',
    );
    expect(plain([finding('a', 'no')])).toBe('warning: a: a no\n');
  });
});

describe('text', () => {
  const now = new Date('2026-11-24T10:00:00Z');

  it.each([
    ['2027-02-22T09:30:00Z', '2027-02-22', 'in 89 days'],
    ['2026-11-26T09:30:00Z', '2026-11-26 09:30 UTC', 'in 47 hours'],
    ['2026-11-24T08:30:00Z', '2026-11-24 08:30 UTC', '90 minutes ago'],
    ['2026-11-24T10:00:30Z', '2026-11-24 10:00 UTC', 'in less than a minute'],
  ])('words %s', (iso, date, relative) => {
    expect(dateText(iso, now)).toBe(date);
    expect(fromNow(iso, now)).toBe(relative);
  });

  it('counts one as one', () => {
    expect(spanText(60_000)).toBe('1 minute');
    expect(spanText(59_999)).toBe('less than a minute');
    expect(spanText(525_600 * 60_000)).toBe('365 days');
  });

  it('colours only where it may', () => {
    expect(styleOf({ isTerminal: true, env: {} }).bad('x')).toBe('\x1b[31mx\x1b[0m');
    expect(styleOf({ isTerminal: true, env: { NO_COLOR: '1' } }).bad('x')).toBe('x');
    expect(styleOf({ isTerminal: true, env: { TERM: 'dumb' } }).bad('x')).toBe('x');
  });

  it('wraps at spaces and keeps long words whole', () => {
    expect(wrap('aa bb cc\ndddddddd', 5, '  ')).toBe('aa bb\n  cc\n  dddddddd');
  });

  it('aligns a table; cuts or wraps the last column, and leaves out what may be left out', () => {
    expect(
      formatTable(
        ['A', 'LONG'],
        [
          ['x', 'y'],
          ['xxx', ''],
        ],
        80,
      ),
    ).toBe('A    LONG\nx    y\nxxx');
    const row = ['x'.repeat(12), 'y'.repeat(12), 'z'.repeat(12)];
    const narrow = { leaveOut: [1], cutLast: true };
    expect(formatTable(['A', 'B', 'C'], [row], 40, narrow)).toBe(
      `A             B             C\n${row[0]}  ${row[1]}  ${row[2]}`,
    );
    expect(formatTable(['A', 'B', 'C'], [row], 38, narrow)).toBe(
      `A             B             C\n${row[0]}  ${row[1]}  ${'z'.repeat(9)}…`,
    );
    expect(formatTable(['A', 'B', 'C'], [row], 25, narrow)).toBe(`A             C\n${row[0]}  ${'z'.repeat(10)}…`);
    expect(formatTable(['A', 'B'], [['x', 'one two three four five six seven']], 30)).toBe(
      'A  B\nx  one two three four five six\n   seven',
    );
  });
});

it('prints a line for each event of a service, with advice for failures, and remembers none', () => {
  let text = '';
  const to = { write: (more: string) => (text += more) };
  const failed = event('certificate.failed', 'a', 'the CA is down', 'error');
  const events = [
    event('run.started', undefined, 'run'),
    event('run.ready', undefined, 'it takes care of the certificates from now on'),
    event('certificate.started', 'a', 'working on a.example.com'),
    event('certificate.step', 'a', 'ordered'),
    event('certificate.issued', 'a', 'issued'),
    event('certificate.deployed', 'a', 'deployed to edge'),
    { ...failed, data: { code: 'acme/down', retryAt: '2026-11-24T10:01:00Z' } },
    event('certificate.pending', 'a', 'edge is down', 'warn'),
    event('certificate.pending', 'a', 'edge is down', 'warn'),
  ];
  for (const hasTimes of [true, false]) {
    text = '';
    for (const one of events) serviceProgress(to, { ...style, hasTimes }).report(one);
    const at = hasTimes ? '2026-11-24T10:00:00Z ' : '';
    expect(text.split('\n')).toEqual([
      `${at}it takes care of the certificates from now on`,
      `${at}a: issued`,
      `${at}a: deployed to edge`,
      `${at}error: a: the CA is down`,
      '  It is tried again at 2026-11-24T10:01:00Z. More: certfleet explain acme/down',
      `${at}warning: a: edge is down`,
      `${at}warning: a: edge is down`,
      '',
    ]);
  }
});

it.each([
  ['the time of each event with --verbose', false, '10:00:00.000 a: x\n'],
  ['the date, too, if the command goes on for months', true, '2026-11-24T10:00:00.000Z a: x\n'],
])('prints %s', (_what, isService, line) => {
  let text = '';
  const progress = verboseProgress({ write: (more) => (text += more) }, { ...style, isService });
  progress.report({ ...event('log', 'a', 'x'), time: '2026-11-24T10:00:00.000Z' });
  expect(text).toBe(line);
});

it('prints an alarm of a service once, whichever of those that tell it comes first', () => {
  let text = '';
  const to = { write: (more: string) => (text += more) };
  const progress = onceEachAlarm(serviceProgress(to, { ...style, hasTimes: false }));
  const deployed = event('deploy.alarm', 'a', 'edge is old', 'alarm');
  const raised = event('alarm.raised', 'a', 'edge is old', 'alarm');
  for (const one of [deployed, { ...raised, level: 'info' as const }]) progress.report(one);
  for (const one of [raised, deployed]) progress.report(one);
  for (const one of [event('node.missing', undefined, 'b is missing', 'alarm')]) progress.report(one);
  progress.report(event('alarm.resolved', 'a', 'resolved: edge is old'));
  expect(text).toBe('ALARM: a: edge is old\nALARM: a: edge is old\na: resolved: edge is old\n');
});
