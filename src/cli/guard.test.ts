import { describe, expect, test } from 'vitest';
import { type CommandLine, commandLine } from '../../test/support/command-line.ts';
import { CertfleetError } from '../core/errors/errors.ts';
import type { Event } from '../core/plan/event.ts';
import type { Outcome } from '../core/plan/outcome.ts';
import { failing, valid } from './commands/look/test-statuses.ts';
import { guarded } from './guard.ts';

// Every command, with a fleet whose texts are as hostile as documents of another program may be, in every form of
// output. What this program itself writes to a terminal: colours, and moves of the cursor.
const own = /\x1b\[(\d*m|\d+A|J|\?25[lh])/g;
const dangerous = /(?![\t\n\r])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;
const evil = 'evil \x1b]0;title\x07 \x1b[8m \u009b2J \u202e reversed \u2066 \u200b \ufeff \u0000 end';

const error = new CertfleetError('acme/problem', evil, `hint ${evil}`, { retryAt: new Date('2026-11-24T11:00:00Z') });
const outcomes: readonly Outcome[] = [
  { certificate: 'abc', result: 'failed', message: evil, error },
  { certificate: 'def', result: 'pending', notAfter: '2027-02-22T09:30:00Z', message: evil, error },
  { certificate: 'ghi', result: 'unchanged', message: evil, failing: true },
  { certificate: 'jkl', result: 'issued', notAfter: '2027-02-22T09:30:00Z', message: evil },
];
const events: readonly Pick<Event, 'event' | 'level'>[] = [
  { event: 'certificate.step', level: 'info' },
  { event: 'preflight.finding', level: 'warn' },
  { event: 'sweep.failed', level: 'warn' },
  { event: 'deploy.alarm', level: 'alarm' },
  { event: 'certificate.failed', level: 'error' },
  { event: 'log', level: 'debug' },
];
const run: NonNullable<CommandLine['fleet']>['renew'] = (_request, { reporter }) => {
  for (const one of events)
    reporter.report({ v: 1, time: '2026-11-24T10:00:00Z', ...one, certificate: 'abc', message: evil, data: { evil } });
  return outcomes;
};
const deployments = [{ target: 'edge', state: 'pending', version: 'v1', message: evil }] as const;
const fleet: NonNullable<CommandLine['fleet']> = {
  issue: run,
  renew: run,
  status: [
    { ...failing, failure: { ...failing.failure, message: evil, hint: evil } },
    { ...valid, state: 'pending', deployments },
  ],
  sweep: { cleaned: [evil], failed: [{ what: evil, reason: evil, code: 'dns/refused' }], waiting: 1 },
  delete: { certificate: 'abc', isDeclared: false, keptBy: [evil], left: [evil] },
};

describe('no output has a dangerous character', () => {
  const commands = ['renew', 'issue abc', 'status', 'status abc', 'sweep', 'delete abc --yes'];
  const forms = ['', '--json', '--verbose', '--quiet', '--log-file /var/log/certfleet.log'];
  test.each(
    commands.flatMap((command) =>
      forms.flatMap((form) => [true, false].map((isTerminal) => [command, form, isTerminal] as const)),
    ),
  )('%s %s (terminal: %s)', async (command, form, isTerminal) => {
    const line = commandLine({ fleet, isTerminal, columns: 60 });
    const done = await line.run(...`${command} ${form}`.trim().split(' '));
    const { stdout, stderr, logs } = done;
    for (const text of [stdout, stderr, ...Object.values(logs)]) {
      expect(text.replaceAll(own, '')).not.toMatch(dangerous);
      // JSON writes some as escapes, which a reader turns back.
      for (const json of form === '--json' ? text.split('\n').filter(Boolean) : [])
        expect(JSON.stringify(JSON.parse(json))).not.toMatch(/\\u00[01][0-9a-f]|\\[bfr]/);
    }
  });
});

test('an error keeps its code, its time and its stack', () => {
  const clean = guarded(error);
  expect(clean).toMatchObject({ code: 'acme/problem', retryAt: error.retryAt, stack: error.stack });
  expect(clean.message).not.toMatch(dangerous);
});
