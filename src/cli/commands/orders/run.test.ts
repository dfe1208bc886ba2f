import { expect, it } from 'vitest';
import { commandLine } from '../../../../test/support/command-line.ts';

const declaring = (...names: readonly string[]): string =>
  JSON.stringify({
    store: { type: 'file', path: '/store' },
    issuers: { le: { directory: 'https://ca.test/directory', agreeToTerms: true } },
    solvers: { web: { type: 'http01-webroot', folders: '/srv' } },
    certificates: names.map((name) => ({ name, identifiers: [`${name}.example.com`] })),
  });

it('reads the configuration again at SIGHUP, keeps it if the new one is not valid, and ends with 0', async () => {
  const files: Record<string, string> = { '/c.yaml': declaring('a') };
  const line = commandLine({ files, fleet: { keepsRunning: true } });
  const running = line.run('run', '--config', '/c.yaml');
  const declared = () => line.state.settings?.certificates.map(({ name }) => name);
  await expect.poll(declared).toEqual(['a']);
  files['/c.yaml'] = declaring('a', 'b');
  line.kill('SIGHUP');
  await expect.poll(declared).toEqual(['a', 'b']);
  files['/c.yaml'] = declaring('c').replace('le', 'other');
  line.kill('SIGHUP');
  await expect.poll(() => line.state.stderr).toContain('the configuration of before stays in use: /c.yaml');
  expect(declared()).toEqual(['a', 'b']);
  line.kill('SIGTERM');
  const { code, calls } = await running;
  expect([code, calls, line.listening()]).toEqual([0, ['run', { declare: ['a', 'b'] }], 0]);
});
