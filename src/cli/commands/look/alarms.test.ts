import { expect, it } from 'vitest';
import { commandLine, jsonLines } from '../../../../test/support/command-line.ts';

const run = (...args: readonly string[]) => commandLine({}).run('alarms', 'test', ...args);

it('names the notifier, and says what became of the message', async () => {
  expect(await run('ops')).toMatchObject({
    code: 0,
    stdout: 'Sent a test message to ops (slack). Look whether it has arrived.\n',
    calls: [{ testAlarms: 'ops' }],
  });
  expect(jsonLines(await run('ops', '--json'))).toEqual([
    { v: 1, object: 'alarms-test', name: 'ops', type: 'slack', ok: true },
  ]);
  expect((await run('ops', '--quiet')).stdout).toBe('');
  expect(await run()).toMatchObject({ code: 2, calls: [] });
});
