import { expect, it } from 'vitest';
import { commandLine } from '../../../../test/support/command-line.ts';

const declaring = (...names: readonly string[]): string =>
  JSON.stringify({
    store: { type: 'file', path: '/store' },
    issuers: { le: { directory: 'https://ca.test/directory', agreeToTerms: true } },
    solvers: { web: { type: 'http01-webroot', folders: '/srv' } },
    certificates: names.map((name) => ({ name, identifiers: [`${name}.example.com`] })),
  });

it('reads the configuration again at SIGHUP, with its flags, and ends with 0', async () => {
  const files: Record<string, string> = { '/c.yaml': declaring('a') };
  const line = commandLine({ files, fleet: { keepsRunning: true } });
  const running = line.run('run', '--config', '/c.yaml');
  const read: unknown[] = ['run'];
  await expect.poll(() => line.calls, { timeout: 10_000 }).toEqual(read);
  for (const [text, declared] of [
    [declaring('a', 'b'), ['a', 'b']],
    ['issuers: 1', ['/c.yaml:1: issuers must be a group of names, not a number']],
  ] as const) {
    files['/c.yaml'] = text;
    line.kill('SIGHUP');
    read.push({ declare: declared });
    await expect.poll(() => line.calls).toEqual(read);
  }
  line.kill('SIGTERM');
  const { code, calls } = await running;
  expect([code, calls, line.listening()]).toEqual([0, read, 0]);
});

it('only answers challenges in the role of a responder, and knows no other role', async () => {
  const files = { '/c.yaml': declaring('a') };
  const line = commandLine({ files });
  const done = await line.run('run', '--role', 'responder', '--config', '/c.yaml');
  // It reads no configuration again, but a request to do so must not end it.
  expect([done.code, done.calls, line.listening()]).toEqual([0, ['respond'], 0]);
  const wrong = await commandLine({ files }).run('run', '--role', 'master', '--config', '/c.yaml');
  expect([wrong.code, wrong.calls]).toEqual([2, []]);
  expect(wrong.stderr).toContain('--role master: expected node or responder');
});

it.each([
  ['', true, true],
  ['--store /other', true, false],
  ['', false, false],
  ['--role responder', true, false],
])('makes a new store for declared certificates: run %s', async (flags, declares, makes) => {
  const { store: _, ...configuration } = JSON.parse(declaring(...(declares ? ['a'] : []))) as Record<string, unknown>;
  const line = commandLine({ files: { '/c.yaml': JSON.stringify(configuration) } });
  const { code, madeStore } = await line.run('run', '--config', '/c.yaml', ...flags.split(' ').filter(Boolean));
  expect([code, madeStore]).toEqual([0, makes]);
});

it('tells a failure once', async () => {
  const { code, stderr } = await commandLine({ files: { '/c.yaml': declaring('a') } }).run(
    ...['run', '--node', 'a b', '--config', '/c.yaml', '--log-file', '/log'],
  );
  expect([code, stderr.split('--node a b').length - 1]).toEqual([2, 1]);
});
