import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, lchownSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { defaultSettings } from '../../src/config/settings/defaults.ts';
import type { CertfleetError } from '../../src/core/errors/errors.ts';
import type { Found } from '../../src/core/lineage/found.ts';
import commandDeployer from '../../src/deployers/command.ts';
import { registry } from '../../src/generated/registry.ts';
import { createFiles } from '../../src/lib/files/files.ts';
import { importers } from '../../src/migrate/importers.ts';
import type { VersionBundle } from '../../src/ports/deployer.ts';
import commandSolver from '../../src/solvers/command.ts';
import { createDeployWorld } from '../support/deploy-world.ts';
import { respondersOf } from '../support/responders.ts';
import { temporaryFolder } from '../support/service.ts';
import { createVersionMaker } from '../support/versions.ts';
import { noteSkipped, stopAllAfterwards } from '../support/vitest.ts';
import { ignore, makeBench, makeChallenge, signal, storeId } from './solver-bench.ts';

// What another user may have prepared in or near the folders of another client, which root imports.

stopAllAfterwards();
const stranger = 65_534;
const isRoot = process.geteuid?.() === 0;
if (!isRoot) noteSkipped('not tested: imports that other users prepared (needs root)');

const le = 'https://acme-v02.api.letsencrypt.org/directory';
let version: VersionBundle;
beforeAll(async () => {
  version = await (await createVersionMaker()).make('a.test', ['a.test']);
});

/** The files of a client with one certificate, by their paths below its folder. */
type Texts = Readonly<Record<string, string>>;
interface Client {
  readonly texts: (folder: string, hook: string) => Texts;
  /** A private key that servers read. */
  readonly key: string;
}
const clients: Readonly<Record<string, Client>> = {
  'acme.sh': {
    key: 'a.test_ecc/a.test.key',
    texts: (_folder, hook) => ({
      'account.conf': '',
      'a.test_ecc/a.test.conf': `Le_Domain='a.test'\nLe_Alt='no'\nLe_Webroot='no'\nLe_API='${le}'\nLe_ReloadCmd='${hook} all'\n`,
      'a.test_ecc/fullchain.cer': version.fullchainPem,
      'a.test_ecc/a.test.key': version.keyPem.reveal(),
    }),
  },
  dehydrated: {
    key: 'certs/a.test/privkey.pem',
    texts: (_folder, hook) => ({
      config: `HOOK=${hook}\nCHALLENGETYPE="dns-01"\n`,
      'certs/a.test/fullchain.pem': version.fullchainPem,
      'certs/a.test/privkey.pem': version.keyPem.reveal(),
    }),
  },
  lego: {
    key: 'certificates/a.test.key',
    texts: () => ({
      'certificates/a.test.json': JSON.stringify({ domain: 'a.test', certUrl: `${le}/cert/1` }),
      'certificates/a.test.crt': version.fullchainPem,
      'certificates/a.test.key': version.keyPem.reveal(),
    }),
  },
  uacme: {
    key: 'private/a.test/key.pem',
    texts: () => ({ 'a.test/cert.pem': version.fullchainPem, 'private/a.test/key.pem': version.keyPem.reveal() }),
  },
  certbot: {
    key: 'archive/a.test/privkey1.pem',
    texts: (folder, hook) => ({
      'renewal/a.test.conf': `privkey = ${folder}/live/a.test/privkey.pem\nfullchain = ${folder}/live/a.test/fullchain.pem\n[renewalparams]\nauthenticator = manual\npref_challs = dns-01,\nmanual_auth_hook = ${hook}\nserver = ${le}\n`,
      'archive/a.test/fullchain1.pem': version.fullchainPem,
      'archive/a.test/privkey1.pem': version.keyPem.reveal(),
      'live/a.test/fullchain.pem': '->../../archive/a.test/fullchain1.pem',
      'live/a.test/privkey.pem': '->../../archive/a.test/privkey1.pem',
    }),
  },
};
const all = Object.keys(clients);
const withCopies = all.filter((client) => client !== 'certbot');
const withHooks = all.filter((client) => client !== 'lego' && client !== 'uacme');

interface Machine {
  readonly base: string;
  readonly folder: string;
  /** A program of root. */
  readonly hook: string;
}

async function machineOf(client: string, more: (machine: Machine) => Texts = () => ({})): Promise<Machine> {
  const base = await temporaryFolder('import');
  const [folder, hook] = [join(base, 'client'), join(base, 'hooks/hook.sh')];
  const texts = { ...clients[client]!.texts(folder, hook), ...more({ base, folder, hook }) };
  mkdirSync(dirname(hook));
  writeFileSync(hook, '#!/bin/sh\n', { mode: 0o755 });
  for (const [name, text] of Object.entries(texts)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    if (text.startsWith('->')) symlinkSync(text.slice(2), join(folder, name));
    else writeFileSync(join(folder, name), text, { mode: 0o600 });
  }
  return { base, folder, hook };
}

/** What is found, in words: `taken`, or why not. */
async function outcome(client: string, folder: string): Promise<string> {
  const importer = await importers[client]!();
  const context = { files: createFiles(), env: {}, registry, settings: defaultSettings({}), inPlace: false };
  let found: Found;
  try {
    found = await importer.read(folder, context);
  } catch (error) {
    const { code, message, hint } = error as CertfleetError;
    return `${code}: ${message}. ${hint}`;
  }
  const [one] = found.certificates;
  return one === undefined ? 'nothing' : 'reason' in one ? one.reason : 'taken';
}

const give = (path: string): void => lchownSync(path, stranger, stranger);

describe.skipIf(!isRoot)('an import', () => {
  test.each(all)('of %s takes over what is root’s alone', async (client) => {
    const { folder } = await machineOf(client);
    expect(await outcome(client, folder)).toBe('taken');
  });

  test.each(withCopies)('of %s refuses a key that lies in a folder of another user', async (client) => {
    const { folder } = await machineOf(client);
    give(dirname(join(folder, clients[client]!.key)));
    expect(await outcome(client, folder)).toMatch(/belongs to user 65534.*chown root/s);
  });

  test.each(all)('of %s refuses a key in a file of another user', async (client) => {
    const { folder } = await machineOf(client);
    give(join(folder, clients[client]!.key));
    expect(await outcome(client, folder)).toMatch(/belongs to user 65534.*chown root/s);
  });

  test.each(all)('of %s does not wait for a pipe', { timeout: 20_000 }, async (client) => {
    const { folder } = await machineOf(client);
    const key = join(folder, clients[client]!.key);
    execFileSync('rm', [key]);
    execFileSync('mkfifo', [key]);
    expect(await outcome(client, folder)).toMatch(/a pipe of root/);
  });

  test('of certbot follows no link of another user in live/', async () => {
    const { base, folder } = await machineOf('certbot');
    const live = join(folder, 'live/a.test');
    for (const kind of ['fullchain', 'privkey']) {
      mkdirSync(join(base, 'secret'), { recursive: true, mode: 0o700 });
      writeFileSync(join(base, `secret/${kind}.pem`), readFileSync(join(live, `${kind}.pem`)), { mode: 0o600 });
      execFileSync('rm', [join(live, `${kind}.pem`)]);
      symlinkSync(join(base, `secret/${kind}.pem`), join(live, `${kind}.pem`));
      give(join(live, `${kind}.pem`));
    }
    expect(await outcome('certbot', folder)).toMatch(/live\/a\.test\/\w+\.pem belongs to user 65534.*run `rm /s);
    give(live);
    expect(await outcome('certbot', folder)).toMatch(/live\/a\.test belongs to user 65534/);
  });

  test('of dehydrated says that a link of another user leads to its folder of tokens', async () => {
    const { base, folder } = await machineOf('dehydrated');
    const link = join(base, 'tokens');
    symlinkSync('/root', link);
    give(link);
    writeFileSync(join(folder, 'config'), `WELLKNOWN=${link}\n`);
    const context = { files: createFiles(), env: {}, registry, settings: defaultSettings({}), inPlace: false };
    const found = await (await importers['dehydrated']!()).read(folder, context);
    const text = expect.stringMatching(/tokens belongs to user 65534, so no answers .*run `rm \S+tokens`/);
    expect(found.certificates[0]).toMatchObject({ remarks: expect.arrayContaining([{ kind: 'missing', text }]) });
  });

  const paths: readonly (readonly [string, (machine: Machine) => string, RegExp])[] = [
    [
      'a folder of another user',
      ({ base }) => {
        mkdirSync(join(base, 'app'));
        give(join(base, 'app'));
        return join(base, 'app/key.pem');
      },
      /new versions would be written to .*app\/key\.pem, but .*app belongs to user 65534.*chown root/,
    ],
    [
      'a folder for all',
      ({ base }) => {
        mkdirSync(join(base, 'tmp'));
        chmodSync(join(base, 'tmp'), 0o1777);
        return join(base, 'tmp/key.pem');
      },
      /tmp, which belongs to root, can be changed by every user.*choose a place other than \S+\/tmp,/,
    ],
    [
      'a link of another user',
      ({ base }) => {
        mkdirSync(join(base, 'app'));
        symlinkSync('/etc/shadow', join(base, 'app/key.pem'));
        give(join(base, 'app/key.pem'));
        return join(base, 'app/key.pem');
      },
      /key\.pem belongs to user 65534.*run `rm \S+\/app\/key\.pem`/,
    ],
    [
      'a file of another user',
      ({ base }) => {
        mkdirSync(join(base, 'app'));
        writeFileSync(join(base, 'app/key.pem'), 'theirs', { mode: 0o640 });
        give(join(base, 'app/key.pem'));
        return join(base, 'app/key.pem');
      },
      /app\/key\.pem belongs to user 65534, who could read each new private key: remove it/,
    ],
    [
      'a pipe',
      ({ base }) => {
        execFileSync('mkfifo', [join(base, 'pipe')]);
        return join(base, 'pipe');
      },
      /that is not a regular file/,
    ],
    ['a device', () => '/dev/null', /that is not a regular file/],
    ['a relative path', () => 'key.pem', /not an absolute path/],
  ];
  test.each(paths)('of acme.sh refuses to install keys at %s', async (_name, prepare, reason) => {
    const machine = await machineOf('acme.sh');
    const conf = join(machine.folder, 'a.test_ecc/a.test.conf');
    writeFileSync(conf, `${readFileSync(conf, 'utf8')}Le_RealKeyPath='${prepare(machine)}'\n`);
    expect(await outcome('acme.sh', machine.folder)).toMatch(reason);
  });

  const programs: readonly (readonly [string, (hook: string) => void, RegExp])[] = [
    ['of another user', give, /hook\.sh would run as this user, but .*hook\.sh belongs to user 65534.*chown root/],
    [
      'that all can write',
      (hook) => chmodSync(hook, 0o777),
      /hook\.sh, which belongs to root, can be changed by every user/,
    ],
    ['in a folder of another user', (hook) => give(dirname(hook)), /hooks belongs to user 65534/],
    [
      'that is missing in a folder of another user',
      (hook) => {
        execFileSync('rm', [hook]);
        give(dirname(hook));
      },
      /hooks belongs to user 65534/,
    ],
  ];
  for (const client of withHooks)
    test.each(programs)(`of ${client} refuses a hook %s`, async (_name, prepare, reason) => {
      const { folder, hook } = await machineOf(client);
      prepare(hook);
      expect(await outcome(client, folder)).toMatch(reason);
    });
});

describe.skipIf(!isRoot)('a hook that another user can change since', () => {
  const prepared = async () => {
    const base = join(await temporaryFolder('hook'), 'hooks');
    mkdirSync(base);
    const [hook, trace] = [join(base, 'hook.sh'), join(base, 'trace')];
    writeFileSync(hook, `#!/bin/sh\necho ran >> ${trace}\n`, { mode: 0o755 });
    return { base, hook, trace };
  };

  test('does not run as a deploy hook, also inside a line', async () => {
    const { base, hook, trace } = await prepared();
    const { world } = createDeployWorld();
    const open = (run: string) =>
      commandDeployer.connect({
        options: commandDeployer.options.parse({ run, path: base }),
        owner: '0123456789ab',
        name: 'x',
        world,
      });
    const lines = [
      hook,
      `true && ${hook} now`,
      `sh -c '. ${hook}'`,
      `X=${hook}; $X`,
      `[ -e / ] && sudo -n ${hook}`,
      `timeout 10 sh ${hook}`,
      `bash -o pipefail ${hook}`,
      `sh < ${hook}`,
      `cat ${hook} | sh`,
      `run-parts ${base}`,
      `for f in ${base}/*.sh; do sh $f; done`,
      `find ${base}/hook.sh -exec sh {} \\;`,
      `D=${base}; $D/hook.sh`,
      `export D=${dirname(base)}; "$D"/${basename(base)}/hook.sh`,
      `${base.slice(0, -1)}*/hook.sh`,
      `${base.slice(0, -1)}?/h[o]ok.sh`,
      `\${X:-${hook}}`,
      `$NOPE${hook}`,
      `S=sh; $S ${hook}`,
      `while read x; do $x; done < ${hook}`,
      `bash -c "$'${hook}'"`,
      `$(cat ${hook})`,
    ];
    give(hook);
    for (const line of lines) {
      await open(line).stage(version, async () => {}, signal());
      await expect(
        open(line).activate(version, null, async () => {}, signal()),
        line,
      ).rejects.toMatchObject({
        code: 'deploy/target-failed',
        message: expect.stringMatching(/hook\.sh cannot be trusted: .*user 65534/),
      });
    }
    expect(existsSync(trace)).toBe(false);
    lchownSync(hook, 0, 0);
    await open(hook).activate(version, null, async () => {}, signal());
    expect(readFileSync(trace, 'utf8')).toBe('ran\n');
  });

  test('does not run for a challenge', async () => {
    const { hook, trace } = await prepared();
    const bench = await makeBench();
    const solver = bench.keep(
      commandSolver.connect({
        name: 'hook',
        options: commandSolver.options.parse({ present: `${hook} add`, cleanup: [hook, 'remove'] }),
        world: bench.world,
        store: bench.store,
        storeId,
        ...respondersOf(bench.world, bench.store),
      }),
    );
    give(hook);
    const refusal = { code: 'config/untrusted-code', message: expect.stringContaining('belongs to user 65534') };
    const challenge = { ...makeChallenge(), type: 'dns-01' as const };
    await expect(solver.present(challenge, ignore, signal())).rejects.toMatchObject(refusal);
    await expect(solver.cleanup(challenge, undefined, signal())).rejects.toMatchObject(refusal);
    expect(existsSync(trace)).toBe(false);
  });
});
