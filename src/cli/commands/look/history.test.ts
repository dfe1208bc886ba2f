import { describe, expect, it } from 'vitest';
import { behaves, commandLine, jsonLines, type Row } from '../../../../test/support/command-line.ts';
import type { RunEntry } from '../../../core/history/run-entry.ts';
import { durationText } from './history.ts';
import { valid } from './test-statuses.ts';

const run = (own: Partial<RunEntry>): RunEntry => ({
  ...{ id: 'r1', trigger: 'renew', node: 'web-1', process: 'command' },
  ...{ startedAt: '2026-11-24T09:00:00.000Z', endedAt: '2026-11-24T09:00:12.000Z', ms: 12_400 },
  ...{ result: 'done', did: ['renewed', 'delivered'], steps: [], targets: [] },
  ...own,
});

const renewed = run({
  version: 'v2',
  steps: [
    { step: 'lease', ms: 400 },
    { step: 'validate', ms: 3_100 },
    { step: 'deploy', ms: 8_900 },
  ],
  targets: [
    { target: 'nginx', result: 'delivered' },
    { target: 'files', node: 'web-1', result: 'delivered' },
  ],
});
const failing = run({
  ...{ trigger: 'run', process: 'daemon', result: 'failed', did: [], ms: 75_000, count: 5 },
  since: '2026-11-24T01:00:00.000Z',
  steps: [{ step: 'validate', ms: 75_000 }],
  ...{ code: 'acme/invalid-authorization', message: 'le could not validate a.test', caSays: 'dns; no such value' },
});
const shown = (...history: readonly RunEntry[]) => ({
  argv: 'show abc --history',
  fleet: { status: [valid], history },
});

describe('show --history', () => {
  it.each<Row>([
    {
      what: 'what a run did, how long that took, and what failed since',
      ...shown(renewed, failing),
      stdout: `2026-11-24 09:00 UTC (60 minutes ago): failed at: validation, 1 min 15 s
  Run by       \`certfleet run\` on the node web-1
  Repeated     5 times since 2026-11-24 01:00 UTC
  Steps        validation 1 min 15 s
  Message      le could not validate a.test
  Code         acme/invalid-authorization
  The CA says  dns; no such value

2026-11-24 09:00 UTC (60 minutes ago): renewed and delivered, 12 s
  Run by       \`certfleet renew\` on the node web-1
  Version      v2
  Steps        checks 0.4 s, validation 3.1 s, delivery 8.9 s
  Target       nginx has it
  Target       files of node web-1 has it
`,
    },
    {
      what: 'what was forced, and which target lacks it',
      ...shown(
        run({
          ...{ trigger: 'issue', forced: true, result: 'pending', did: ['revoked', 'issued', 'delivered'] },
          targets: [
            { target: 'nginx', result: 'pending', message: 'no reload' },
            { target: 'cdn', result: 'pending', code: 'deploy/settling' },
          ],
          moreTargets: 3,
        }),
      ),
      says: [
        'revoked, issued and delivered, but a target lacks it, 12 s\n',
        '`certfleet issue --force` on',
        'nginx lacks it: no reload\n',
        'cdn is rolling it out\n',
        '             and 3 more targets\n',
      ],
    },
    {
      what: 'that a run goes on with one that was cut off',
      ...shown(
        run({ continued: { startedAt: '2026-11-24T08:00:00.000Z', step: 'challenges', cutOff: '32 on web-2' } }),
        run({ result: 'stopped', did: [], steps: [{ step: 'order', ms: 1 }] }),
      ),
      says: [
        'stopped at: order, 12 s\n',
        'Goes on      with the run of 2026-11-24 08:00 UTC, which was interrupted (process 32 on web-2, at: challenges)\n',
      ],
    },
    {
      what: 'that nothing was done yet',
      ...shown(),
      stdout: 'No run has done anything to abc yet, as far as the store knows.\n',
    },
    { what: 'nothing of a certificate that is not there', argv: 'show other --history', code: 2, warns: ['other'] },
  ])('$what', behaves);

  it('prints all of it as JSON, the latest first', async () => {
    const { argv, fleet } = shown(renewed, failing);
    expect(jsonLines(await commandLine({ fleet }).run(...argv.split(' '), '--json'))).toEqual([
      expect.objectContaining({ object: 'history', certificate: 'abc', runs: [failing, renewed] }),
    ]);
  });

  it.each([
    [0, '0.0 s'],
    [9_940, '9.9 s'],
    [9_999, '10 s'],
    [61_000, '1 min 1 s'],
    [7_260_000, '2 h 1 min'],
  ])('words %d ms as %s', (ms, text) => {
    expect(durationText(ms)).toBe(text);
  });
});
