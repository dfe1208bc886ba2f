import { execFile } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { cp, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, expect, it } from 'vitest';
import { temporaryOfDead } from '../support/left-temporaries.ts';
import { isLong } from '../support/seeded.ts';
import { bareEnvironment, temporaryFolder } from '../support/service.ts';
import { treeOf } from '../support/tree.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';
import { readLineage, temporaries } from './inspect.ts';
import {
  comesByChance,
  pointsTimeout,
  type Ran,
  type Rig,
  recordedNames,
  type State,
  samplePoints,
  startRig,
} from './rig.ts';

// SIGKILL before and after every effect of `import certbot --in-place`, of a renewal into certbot's folder, and of
// `import --undo`. Debian's certbot must read the folder and renew, whatever was killed.

const name = 'abc.example.test';
const execute = promisify(execFile);

describeWith(['pebble', 'named', 'nsupdate', 'dig', 'certbot'], 'kill points in certbot’s folder', () => {
  let rig: Rig;
  let state: State;
  let root: string;
  stopAllAfterwards();
  beforeAll(async () => {
    rig = await startRig();
    state = await rig.state('webroot', undefined, {
      change: (whole) => ({ ...whole, solvers: {}, certificates: [] }),
    });
    root = join(state.folder, 'letsencrypt');
    await certbot(root, ...['certonly', '--webroot', '-w', rig.webroot, '-d', name]);
  });

  const certbot = async (folder: string, ...args: readonly string[]): Promise<string> => {
    const own = ['--config-dir', folder, '--work-dir', `${folder}-work`, '--logs-dir', `${folder}-logs`, '-n'];
    const ca = ['--server', rig.proxy.directoryUrl, '--agree-tos', '--register-unsafely-without-email'];
    const env = { ...bareEnvironment(), REQUESTS_CA_BUNDLE: rig.proxy.caFile };
    const { stdout, stderr } = await execute('certbot', [...args, ...own, ...ca], { env });
    return `${stdout}${stderr}`;
  };
  const run = (more: { readonly stopAt?: string; readonly record?: string }, ...argv: readonly string[]) =>
    rig.run(state, { command: 'renew', argv: [...argv, '--config', state.config], ...more });
  const works = async (running: Promise<Ran>, what: string) => {
    const ran = await running;
    expect(ran.status, `${what}\n${ran.stderr}`).toBe(0);
  };
  const places = () => ({ root, store: state.store });
  const save = async (to: string): Promise<string> => {
    for (const [part, path] of Object.entries(places())) await copy(path, join(to, part)).catch(() => undefined);
    return to;
  };
  const putBack = async (from: string): Promise<void> => {
    for (const [part, path] of Object.entries(places())) {
      await rm(path, { recursive: true, force: true });
      await copy(join(from, part), path).catch(() => undefined);
    }
  };

  it('certbot reads the folder and renews, and certfleet ends its work', { timeout: pointsTimeout }, async () => {
    const folder = await temporaryFolder('saved');
    const takeOver = ['import', 'certbot', root, '--in-place'];
    const before = await treeOf(root);
    const untouched = await save(join(folder, 'untouched'));
    await works(run({}, ...takeOver), 'import');
    const imported = await save(join(folder, 'imported'));
    await works(run({}, 'renew', '--force'), 'renew');
    expect(await treeOf(root)).not.toEqual(before);
    const renewed = await save(join(folder, 'renewed'));
    const undo = ['import', 'certbot', root, '--undo'];

    /** The same command again, and what must be then. */
    const series = [
      {
        from: untouched,
        argv: takeOver,
        end: () => works(run({}, ...takeOver), 'import again'),
      },
      {
        from: imported,
        argv: ['renew', '--force'],
        async end() {
          await works(run({}, 'renew'), 'renew again');
          await works(run({}, 'renew', '--force'), 'another renewal');
          const { current } = (await readLineage(state, name))!;
          expect(await serialIn(root)).toBe(BigInt(`0x${current!.facts.serial}`));
        },
      },
      {
        from: renewed,
        argv: undo,
        async end() {
          const { status, stderr } = await run({}, ...undo);
          if (status !== 0) expect(stderr).toContain('Nothing to undo');
          expect(await treeOf(root)).toEqual(before);
        },
      },
    ];
    const points: { readonly one: (typeof series)[number]; readonly point: string }[] = [];
    for (const one of series) {
      await putBack(one.from);
      const record = join(folder, `effects-${points.length}`);
      await works(run({ record }, ...one.argv), 'the undisturbed run');
      for (const effect of await recordedNames(record))
        for (const when of ['before', 'after']) points.push({ one, point: `${effect}@${when}` });
    }
    const numbers = points.map((_, at) => String(at));
    for (const number of samplePoints(numbers, 1, 'certbot’s folder')) {
      const { one, point } = points[Number(number)]!;
      let ran: Ran;
      for (let tries = 4; ; tries -= 1) {
        await putBack(one.from);
        ran = await run({ stopAt: point }, ...one.argv);
        if (ran.status !== 0 || tries === 1) break;
      }
      if (ran.status === 0 && comesByChance(point)) continue;
      expect(ran.status, `${one.argv[0]} ${point}: was not reached\n${ran.stderr}`).toBe('SIGKILL');
      if (one.argv !== takeOver) await plantTemporaries();
      await certbotRenews(join(await temporaryFolder('copy'), 'etc'), point);
      await one.end();
      expect(await temporaries(root), point).toEqual([]);
      if (isLong) expect(await certbot(root, 'certificates'), point).toContain(`Certificate Name: ${name}`);
    }
  });

  /** What a kill inside an effect leaves: a file or link that has not got its name yet. */
  async function plantTemporaries(): Promise<void> {
    for (const part of ['live', 'archive']) {
      const folder = join(root, part, name);
      await writeFile(join(folder, temporaryOfDead(1)), 'half a key', { mode: 0o600 });
      await symlink('nowhere.pem', join(folder, temporaryOfDead(2)));
    }
  }

  /** On a copy, so that certfleet finds what it left. */
  async function certbotRenews(to: string, point: string): Promise<void> {
    await copy(root, to);
    const conf = join(to, `renewal/${name}.conf`);
    await writeFile(conf, (await readFile(conf, 'utf8')).replaceAll(root, to));
    const serial = await serialIn(to);
    const told = await certbot(to, 'renew', '--force-renewal', '--no-random-sleep-on-renew');
    expect(told, point).toContain('all renewals succeeded');
    expect(await serialIn(to), point).not.toBe(serial);
  }
});

const copy = (from: string, to: string) =>
  mkdir(to, { recursive: true }).then(() =>
    cp(from, to, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true }),
  );

const serialIn = async (root: string): Promise<bigint> =>
  BigInt(`0x${new X509Certificate(await readFile(join(root, 'live', name, 'cert.pem'))).serialNumber}`);
