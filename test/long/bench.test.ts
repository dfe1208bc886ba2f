import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { hasPostgres } from '../support/postgres.ts';
import { repositoryRoot } from '../support/service.ts';
import { describeWith } from '../support/vitest.ts';

const run = promisify(execFile);
const bench = (...args: readonly string[]) =>
  run(process.execPath, ['--import', 'tsx', 'scripts/bench.ts', ...args], { cwd: repositoryRoot });

// A printed row: its ratio, its title, and below it the measurements.
const row = (what: string) => new RegExp(String.raw`^ +\d+\.\d\d  ${what}.*\n +certfleet \d.*; .*\d`, 'm');

describeWith(['certbot', 'acme-tiny', 'pebble', 'nginx', 'named', 'openssl', hasPostgres], '`npm run bench`', () => {
  it('measures every row, once and with few certificates', async () => {
    const { stdout } = await bench('--rounds', '1', '--scale', '0.02');
    for (const what of [
      '--version against',
      'one certificate',
      'peak memory of one issue',
      '2 certificates in one command',
      '8 certificates in one command: client CPU',
      '2 certificates in one command: rate with an encrypted store',
      'a CA at a distance, 8 certificates',
      'apex and wildcard over RFC 2136, 1 times',
      'renew, nothing due, 20 lineages',
      'renew, nothing due, 200 lineages',
      'import of 200 lineages of certbot, in seconds',
      'import of 200 lineages of certbot, largest memory',
      'renewing 20 lineages imported',
      'run, nothing due, 2000 lineages: largest memory',
      'run, 2000 lineages, 12 s of polls and looks',
      'run, 100 renewals in a row: memory',
      '2 orders at once: calls',
      '50 orders one after another: calls',
      'one certificate, HTTP-01, cold process, store in PostgreSQL',
      'run, nothing due, 2000 lineages in PostgreSQL: ready',
      'three idle replicas on PostgreSQL, 6 s: polls an hour',
      '40 certificates due at once, three replicas on PostgreSQL, one killed every 5 s: rate',
      'three responders on PostgreSQL, 5000 random tokens a second: reads',
    ])
      expect(stdout).toMatch(row(what));
    expect(stdout).toMatch(/^(Missed: \n|Every bound is kept)/m);
    expect(stdout).not.toMatch(/NaN|Infinity|undefined/);
  }, 900_000);

  it('runs the named rows, and lists all rows if a name is unknown', async () => {
    const { stdout } = await bench('--rounds', '1', 'start');
    expect(stdout).toMatch(row('--version against'));
    expect(stdout.match(/^ +\d+\.\d\d {2}/gm)).toHaveLength(1);
    await expect(bench('nosuch')).rejects.toMatchObject({ code: 2, stderr: expect.stringContaining('start, one,') });
  });
});
