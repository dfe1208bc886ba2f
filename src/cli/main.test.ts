import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { commandLine, type Done, type FakeAnswers, jsonLines } from '../../test/support/command-line.ts';
import { isLong } from '../../test/support/seeded.ts';
import { fail } from '../core/errors/errors.ts';
import { unchanged } from './commands/look/test-statuses.ts';

describe('failures', () => {
  const broken = (error: unknown, env = {}) => {
    const open = () => {
      throw error;
    };
    return commandLine({ env, fleet: { open } }).run('status');
  };
  const unusable = fail(
    'store/unusable',
    { path: '/s', reason: 'read-only', advice: 'Mend it.' },
    { cause: new Error('tell-nobody') },
  );

  it.each([
    ['a bug', new TypeError('x is not a function'), {}, 1, false],
    ['a failure', unusable, {}, 7, false],
    ['a failure with CERTFLEET_DEBUG', unusable, { CERTFLEET_DEBUG: '1' }, 7, false],
    ['a bug with CERTFLEET_DEBUG', new TypeError('x is not a function'), { CERTFLEET_DEBUG: '1' }, 1, true],
  ])(
    '%s: frames only of a bug and when asked for, and never the words of a cause',
    async (what, error, env, code, frames) => {
      const done = await broken(error, env);
      expect(done.code).toBe(code);
      expect(done.stderr.includes('    at ')).toBe(frames);
      expect(done.stderr).not.toContain('tell-nobody');
      if (what === 'a bug') expect(done.stderr).toContain('something went wrong inside certfleet');
    },
  );

  it('never rejects, whatever is thrown', async () => {
    await fc.assert(
      fc.asyncProperty(fc.anything(), async (thrown) => {
        expect((await broken(thrown)).code).toBe(1);
      }),
      { numRuns: 50 },
    );
  });

  it('never rejects, whatever is typed', async () => {
    const words = ['issue', 'renew', 'config', 'check', '-d', '--name', '--json', '--dns', 'example.com', '--'];
    const word = fc.oneof(fc.string(), fc.constantFrom(...words, '__proto__'));
    await fc.assert(
      fc.asyncProperty(fc.array(word, { maxLength: 6 }), async (argv) => {
        expect([0, 2]).toContain((await commandLine().run(...argv)).code);
      }),
      { numRuns: isLong ? 3_000 : 100 },
    );
  });
});

it('takes 80 columns for those of a terminal that does not know its size', async () => {
  const [unsized, usual] = await Promise.all(
    [0, 80].map((columns) => commandLine({ columns, isTerminal: true }).run('issue', '-d', 'a.test')),
  );
  expect(usual?.stderr).toContain('cannot issue for');
  expect(unsized).toEqual(usual);
});

describe('signals', () => {
  const untilAborted = (signal: AbortSignal) =>
    new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));

  type Renew = NonNullable<FakeAnswers['renew']>;
  /** A `renew` that has reached the fleet. */
  async function started(renew: Renew, given: Parameters<typeof commandLine>[0] = {}, ...flags: readonly string[]) {
    let reached = () => {};
    const inside = new Promise<void>((resolve) => {
      reached = resolve;
    });
    const line = commandLine({
      ...given,
      fleet: {
        renew: (...call: Parameters<Renew>) => {
          reached();
          return renew(...call);
        },
      },
    });
    let ended: Done | undefined;
    const running = line.run('renew', ...flags).then((done) => {
      ended = done;
      return done;
    });
    await Promise.race([inside, running]);
    expect(ended).toBeUndefined();
    return { line, running, ended: () => ended };
  }
  const obedient: Renew = (_, { signal }) => untilAborted(signal);

  it.each([
    ['SIGINT', 130, 'Press Ctrl-C again'],
    ['SIGTERM', 143, 'Send it again'],
  ] as const)('%s aborts, cleans up and exits %i', async (name, code, again) => {
    const { line, running } = await started(obedient);
    line.kill(name);
    const done = await running;
    expect(done).toMatchObject({ code, closed: 1, exits: [] });
    for (const words of [
      'Stopping: cleaning up for at most 8 s.',
      again,
      'Unfinished work was cleaned up or journalled',
    ])
      expect(done.stderr).toContain(words);
    expect(line.listening()).toBe(0);
    expect(line.clock.waiting).toBe(0);

    const json = await started(obedient, {}, '--json');
    json.line.kill(name);
    const events = await json.running;
    expect(events).toMatchObject({ code, stderr: '' });
    expect(jsonLines(events)).toEqual([
      expect.objectContaining({ event: 'run.started' }),
      {
        ...{ v: 1, time: '2026-11-24T10:00:00.000Z', level: 'error', event: 'run.finished' },
        message: `stopped by ${name}; unfinished work was cleaned up or journalled`,
        data: { exitCode: code },
      },
    ]);
  });

  it('says at a question that nothing was changed', async () => {
    let asked = () => {};
    const asking = new Promise<void>((resolve) => {
      asked = resolve;
    });
    const line = commandLine({
      program: '/usr/local/bin/certfleet',
      files: { '/etc/cron.d/x': '', '/usr/sbin/cron': '' },
      typed: (stopped) => {
        asked();
        return untilAborted(stopped);
      },
    });
    const running = line.run('install-timer', '--cron', '--log-file', '/log');
    await Promise.race([asking, running]);
    line.kill('SIGINT');
    const { code, stderr, logs, written } = await running;
    expect([code, written]).toEqual([130, {}]);
    expect(stderr).toMatch(/Change this file\? \[y\/N\] \n\nStopped\. Nothing was changed\.\n$/);
    expect(logs['/log']).not.toContain('journalled');
  });

  it('keeps the code of a run that is done when the signal comes', async () => {
    const done = () => [unchanged('a')];
    const { line, running } = await started((_, { signal }) => untilAborted(signal).catch(done), {}, '--json');
    line.kill('SIGTERM');
    const { code, stdout } = await running;
    expect(code).toBe(0);
    expect(stdout.match(/run\.finished/g)).toHaveLength(1);
  });

  it('waits no longer than shutdownBudget', async () => {
    const given = { files: { '/c.yaml': 'shutdownBudget: 3s' } };
    const { line, running, ended } = await started(() => new Promise(() => {}), given, '--config', '/c.yaml');
    line.kill('SIGTERM');
    await line.clock.advance(2_999);
    expect(ended()).toBeUndefined();
    await line.clock.advance(1);
    const done = await running;
    expect(done).toMatchObject({ code: 143 });
    expect(done.stderr).toContain('The rest is journalled');
  });

  it('ends at once at the second one, with the terminal given back', async () => {
    const step = { v: 1, time: '', level: 'info', event: 'certificate.step', certificate: 'a' } as const;
    const { line } = await started(
      (_, { reporter, signal }) => {
        reporter.report({ ...step, message: 'validating' });
        return untilAborted(signal).catch(() => new Promise<never>(() => {}));
      },
      { isTerminal: true },
    );
    expect(line.state.stderr).toContain('\x1b[?25l');
    line.kill('SIGINT');
    line.kill('SIGINT');
    expect(line.exits).toEqual([130]);
    expect(line.state.stderr.lastIndexOf('\x1b[?25h')).toBeGreaterThan(line.state.stderr.lastIndexOf('\x1b[?25l'));
  });
});
