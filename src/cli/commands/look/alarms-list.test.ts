import { expect, it } from 'vitest';
import { commandLine } from '../../../../test/support/command-line.ts';
import type { OpenAlarms } from '../../../fleet.ts';
import { valid } from './test-statuses.ts';

type Fields = OpenAlarms['open'][number];

const alarm: Fields = {
  ...{ key: 'failing abc', kind: 'failing', certificate: 'abc', message: 'abc has failed 3 times: no answer' },
  ...{ hint: 'Wait.', since: '2026-11-24T10:00:00Z', toldAt: '2026-11-24T10:05:00Z' },
};

it.each<[string, readonly Fields[], RegExp]>([
  ['alarms', [alarm], /^abc has failed 3 times: no answer\n {2}Wait\.\n {2}\(failing, since .*, last told on .*\)\n$/],
  ['alarms list', [], /^No alarm is open\.\n$/],
  ['alarms --json', [alarm], /^\{"v":1,"object":"alarm","key":"failing abc",.*"toldAt":"2026-11-24T10:05:00Z"\}\n$/],
  ['status', [alarm], /\n1 alarm is open: `certfleet alarms` lists it\.\n/],
  ['status', [alarm, { ...alarm, key: 'b' }], /\n2 alarms are open: `certfleet alarms` lists them\.\n/],
  ['status', [], /^(?!.*alarm)/s],
  ['status --json', [alarm, { ...alarm, key: 'b' }], /\n\{"v":1,"object":"alarms","open":2\}\n$/],
  ['status --json', [], /^(?!.*alarm)/s],
])('certfleet %s says what is open', async (argv, alarms, expected) => {
  const done = await commandLine({ fleet: { status: [valid], alarms } }).run(...argv.split(' '));
  expect(done.stdout).toMatch(expected);
  expect(done.code).toBe(0);
});

it.each([
  ['', 'These are the alarms of the default store.'],
  [' --store /other', ''],
])('lists the alarms of a store although the configuration is broken: alarms%s', async (flags, says) => {
  const files = { '/broken.yaml': 'certificate: []\n' };
  const line = commandLine({ fleet: { status: [valid], alarms: [alarm] }, files });
  const done = await line.run('alarms', '--config', '/broken.yaml', ...flags.split(' ').filter(Boolean));
  expect([done.code, done.stdout]).toEqual([0, expect.stringContaining('abc has failed 3 times: no answer')]);
  expect(done.stderr).toContain('/broken.yaml:1');
  expect(done.stderr).toContain(says);
});
