import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { type Bind, bindPrograms, startBind } from '../support/bind.ts';
import { itDrawn } from '../support/drawn.ts';
import { buildCertfleet, type Certfleet, outcomesOf, readLineage, succeeded } from '../support/e2e.ts';
import { type Nginx, startNginx } from '../support/nginx.ts';
import { type Pebble, startPebble } from '../support/pebble.ts';
import { atEnd, freePort, temporaryFolder } from '../support/service.ts';
import { describeWith, noteSkipped, stopAllAfterwards } from '../support/vitest.ts';

// `deploy: [files, reload]`, where `reload` is a command that reads what `files` wrote. It runs after the targets
// listed before it were tried, if one of them took this version since its last success, and stays pending until all of
// them have it.

stopAllAfterwards();

describeWith(['pebble', 'nginx', ...bindPrograms], 'a reload after its files', () => {
  let certfleet: Certfleet;
  let bind: Bind;
  let nginx: Nginx;
  let pebble: Pebble;
  let webroot: string;
  beforeAll(async () => {
    webroot = await temporaryFolder('webroot');
    const httpPort = await freePort();
    [certfleet, nginx, bind] = await Promise.all([
      buildCertfleet(),
      startNginx({ webroot, httpPort }),
      startBind({ zones: [{ name: 'example.test', records: ['www A 127.0.0.1'] }] }),
    ]);
    pebble = await startPebble({ dnsServer: bind.server, httpPort });
  });

  interface Fixture {
    run(...args: readonly string[]): ReturnType<Certfleet>;
    /** SHA-256 of the chain in a target's files. */
    has(target: 'small' | 'good'): Promise<string>;
    /** What each run of the command found, by target. */
    reloads(): Promise<readonly string[]>;
    fill(): Promise<void>;
    free(): Promise<void>;
    states(): Promise<Readonly<Record<string, string | undefined>>>;
  }

  /** `small` is on its own disk, which can be filled; `good` always works. */
  async function prepare(deploy: readonly string[]): Promise<Fixture | undefined> {
    const folder = await temporaryFolder('reload');
    const [disk, good, log] = [join(folder, 'disk'), join(folder, 'good'), join(folder, 'reloads')];
    await mkdir(disk);
    await writeFile(log, '');
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m,mode=755', 'certfleet-test', disk], { stdio: 'ignore' });
    } catch {
      noteSkipped('not tested: a reload after files on a full disk (mounting a tmpfs needs root)');
      return undefined;
    }
    atEnd(() => void execFileSync('umount', ['--lazy', disk]));
    const chain = (root: string) => join(root, 'live/www/fullchain.pem');
    const hash = `sha256sum < ${deploy.includes('small') ? chain(disk) : chain(good)} | cut -c1-64`;
    const config = join(folder, 'certfleet.yaml');
    await writeFile(
      config,
      JSON.stringify({
        store: { type: 'file', path: join(folder, 'store') },
        issuers: { own: { directory: pebble.directoryUrl, caFile: pebble.caFile, agreeToTerms: true, test: true } },
        solvers: { web: { type: 'http01-webroot', folders: [webroot] } },
        deployers: {
          small: { type: 'files', path: disk },
          good: { type: 'files', path: good },
          reload: { type: 'command', run: `${hash} >> ${log}`, path: join(folder, 'reload') },
        },
        certificates: [{ name: 'www', identifiers: ['www.example.test'], deploy }],
        preflight: { resolvers: [bind.server], http01Port: nginx.httpPort },
        deployTimeout: '1s',
      }),
    );
    const filler = join(disk, 'filler');
    return {
      run: (...args) => certfleet([...args, '--config', config]),
      has: async (target) => {
        const text = await readFile(chain(target === 'small' ? disk : good));
        return createHash('sha256').update(text).digest('hex');
      },
      reloads: async () => (await readFile(log, 'utf8')).trim().split('\n').filter(Boolean),
      // Fill the disk completely, with small blocks at the end.
      fill: async () => {
        for (const size of [1_048_576, 65_536, 4_096])
          for (let at = 0; at < 64; at += 1)
            try {
              execFileSync('dd', ['if=/dev/zero', `of=${filler}-${size}-${at}`, `bs=${size}`, 'count=1'], {
                stdio: 'ignore',
              });
            } catch {
              break;
            }
      },
      free: async () => {
        for (const size of [1_048_576, 65_536, 4_096])
          for (let at = 0; at < 64; at += 1) await rm(`${filler}-${size}-${at}`, { force: true });
      },
      states: async () => {
        const { deployments, current } = await readLineage(join(folder, 'store'), 'www');
        return Object.fromEntries(
          deploy.map((target) => {
            const at = deployments[target];
            return [target, at && at.version === current?.id ? at.state : 'of another version'];
          }),
        );
      },
    };
  }

  itDrawn('is not lost if the disk of the files was full', async (context) => {
    const at = await prepare(['small', 'reload']);
    if (!at) return context.skip();
    succeeded(await at.run('issue'));
    const first = await at.has('small');
    expect(await at.reloads()).toEqual([first]);

    await at.fill();
    const failed = await at.run('renew', '--force', '--json');
    expect(failed.status, failed.stdout + failed.stderr).toBe(6);
    expect(outcomesOf(failed)).toEqual([expect.objectContaining({ result: 'pending' })]);
    // None of the targets before it took the version, so there is nothing to reload yet.
    expect(await at.has('small')).toBe(first);
    expect(await at.reloads()).toEqual([first]);
    expect(await at.states()).toEqual({ small: 'pending', reload: 'pending' });

    await at.free();
    const mended = await at.run('renew');
    succeeded(mended);
    const second = await at.has('small');
    expect(second).not.toBe(first);
    expect(await at.reloads()).toEqual([first, second]);
    expect(await at.states()).toEqual({ small: 'current', reload: 'current' });

    succeeded(await at.run('renew'));
    expect(await at.reloads()).toEqual([first, second]);
  });

  it('is not held up by a dead target, and runs again for it later', async (context) => {
    const at = await prepare(['good', 'small', 'reload']);
    if (!at) return context.skip();
    succeeded(await at.run('issue'));
    const first = await at.has('small');
    expect((await at.reloads()).length).toBe(1);

    await at.fill();
    const failed = await at.run('renew', '--force');
    expect(failed.status, failed.stdout + failed.stderr).toBe(6);
    expect([await at.has('small'), (await at.has('good')) === first]).toEqual([first, false]);
    // `good` took it, so it runs; `small` has not, so it stays pending.
    expect((await at.reloads()).length).toBe(2);
    expect(await at.states()).toEqual({ good: 'current', small: 'pending', reload: 'pending' });

    // Nothing took the version since it last ran.
    expect((await at.run('renew')).status).toBe(6);
    expect((await at.reloads()).length).toBe(2);

    await at.free();
    succeeded(await at.run('renew'));
    const reloads = await at.reloads();
    expect(reloads.length).toBe(3);
    expect(reloads.at(-1)).toBe(await at.has('small'));
    expect(await at.states()).toEqual({ good: 'current', small: 'current', reload: 'current' });
  });

  it('runs after all targets before it, not at the same time', async (context) => {
    const at = await prepare(['good', 'reload', 'small']);
    if (!at) return context.skip();
    succeeded(await at.run('issue'));
    const before = (await at.reloads()).length;
    await at.fill();
    expect((await at.run('renew', '--force')).status).toBe(6);
    // `small` comes after it, so its failure does not matter for the reload.
    expect((await at.reloads()).length).toBe(before + 1);
    expect(await at.states()).toEqual({ good: 'current', reload: 'current', small: 'pending' });
  });
});
