import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeAll, expect, test, vi } from 'vitest';
import { compose } from '../../src/compose.ts';
import { defaultSettings } from '../../src/config/settings/defaults.ts';
import { partsOf } from '../../src/core/spec/spec-parts.ts';
import { isForEveryHook } from '../../src/core/trust/hook-variables.ts';
import command from '../../src/deployers/command.ts';
import { createWorld } from '../../src/lib/world.ts';
import type { Deployer, VersionBundle } from '../../src/ports/deployer.ts';
import { deployerContract } from '../../src/testing/deployer-contract.ts';
import { storedOf } from '../support/declared.ts';
import { createDeployWorld, findKeyFiles } from '../support/deploy-world.ts';
import { temporaryFolder } from '../support/service.ts';
import { createVersionMaker, fingerprintOfFile, type VersionMaker } from '../support/versions.ts';
import { stopAllAfterwards } from '../support/vitest.ts';

stopAllAfterwards();
afterEach(() => void vi.unstubAllEnvs());
process.umask(0o022);
let versions: VersionMaker;
beforeAll(async () => {
  versions = await createVersionMaker();
});

const signal = new AbortController().signal;
const reporter = { report() {} };
const note = async () => {};
const make = () => versions.make('www', ['www.example.test', 'example.test']);
const open = (options: Record<string, unknown>, made = createDeployWorld()) =>
  command.connect({ options: command.options.parse(options), owner: '0123456789ab', name: 'hook', world: made.world });
const deploy = async (deployer: Deployer, version: VersionBundle) =>
  deployer.activate(version, await deployer.stage(version, note, signal), note, signal);

// A typical hook: it copies the files to where a program reads them.
const hook = `set -e
if [ -e "$TARGET/broken" ]; then cat "$RENEWED_LINEAGE/privkey.pem" >&2; echo the disk is on fire >&2; exit 3; fi
umask 077
cat "$RENEWED_LINEAGE/fullchain.pem" "$RENEWED_LINEAGE/privkey.pem" > "$TARGET/new"
mv "$TARGET/new" "$TARGET/both.pem"`;

deployerContract(test, async () => {
  const path = await temporaryFolder('command');
  const target = join(path, 'target');
  await mkdir(target);
  const made = createDeployWorld();
  return {
    connect: () => open({ path, run: hook, env: { TARGET: target } }, made),
    version: () => make(),
    inUse: () => fingerprintOfFile(join(target, 'both.pem')).catch(() => undefined),
    keyFiles: () => findKeyFiles(path),
    async breakActivation() {
      await writeFile(join(target, 'broken'), '');
      return () => rm(join(target, 'broken'));
    },
    logged: () => made.lines,
    stop: () => rm(path, { recursive: true, force: true }),
  };
});

test('the command gets certbot’s variables, its own, the listed ones, and no others of certfleet’s environment', async () => {
  const path = await temporaryFolder('command');
  vi.stubEnv('CERTFLEET_TEST_SECRET', 'hush');
  vi.stubEnv('TSIG_SECRET_OF_SOMEBODY', 'hush');
  vi.stubEnv('KUBECONFIG', '/etc/kube');
  const program = ['/bin/sh', '-c', 'env > "$0"', join(path, 'env')];
  await deploy(open({ path, run: program, env: { COLOUR: 'blue' }, passEnvironment: ['KUBECONFIG'] }), await make());
  const lines = (await readFile(join(path, 'env'), 'utf8')).split('\n');
  expect(lines).toContain(`RENEWED_LINEAGE=${path}/live/www`);
  expect(lines).toContain('RENEWED_DOMAINS=www.example.test example.test');
  expect(lines).toContain('COLOUR=blue');
  const others = ['RENEWED_LINEAGE', 'RENEWED_DOMAINS', 'COLOUR', 'KUBECONFIG', 'PWD', 'OLDPWD', 'SHLVL', '_'];
  const names = lines.filter((line) => line !== '').map((line) => line.slice(0, line.indexOf('=')));
  expect(names.filter((name) => !isForEveryHook(name) && !others.includes(name))).toEqual([]);
  expect(names).toEqual(expect.arrayContaining(['PATH', 'HOME', 'LANG', 'KUBECONFIG']));
  expect((await readdir(join(path, 'live/www'))).sort()).toEqual([
    'cert.pem',
    'chain.pem',
    'fullchain.pem',
    'privkey.pem',
  ]);
});

test('a command that is the same for all certificates runs once for several, without the variables of one', async () => {
  const path = await temporaryFolder('command');
  const log = join(path, 'ran');
  const run = `env | grep -c RENEWED >> ${log}; true`;
  const all = [await make(), await versions.make('mail', ['mail.example.test'])];
  const deployer = open({ path, run });
  for (const version of all) await deployer.stage(version, note, signal);
  expect(await deployer.activateTogether?.(all, signal)).toHaveLength(2);
  expect(await readFile(log, 'utf8')).toBe('0\n');
  for (const version of all) expect((await open({ path, run }).look(version, signal)).state).toBe('current');
  await deploy(deployer, all[0]!);
  expect(await readFile(log, 'utf8')).toBe('0\n2\n');

  const isShared = (options: Record<string, unknown>) => open({ path, ...options }).activateTogether !== undefined;
  expect(isShared({ run: hook })).toBe(false);
  expect(isShared({ run: hook, once: true })).toBe(true);
  expect(isShared({ run: 'systemctl reload postfix', once: false })).toBe(false);
});

test('a changed command runs once with the version that the earlier one has run with', async () => {
  const path = await temporaryFolder('command');
  const log = join(path, 'ran');
  const version = await make();
  const { lineage, id, facts } = version;
  const first = { path, run: `echo first >> ${log}`, env: { COLOUR: 'blue' } };
  await deploy(open(first), version);
  const [second, again] = [`echo second >> ${log}`, `echo first >> ${log}; true`];
  const changes = [{ run: second }, { run: second, env: { COLOUR: 'red' } }, first, { run: again, timeout: '9s' }];
  for (const change of changes) {
    const deployer = open({ ...first, ...change });
    const has = () => deployer.has?.({ lineage, id, fingerprint: facts.fingerprint }, signal);
    expect(await has()).toBe(false);
    expect((await deployer.look(version, signal)).state).toBe('stale');
    await deploy(deployer, version);
    expect(await has()).toBe(true);
    expect((await deployer.look(version, signal)).state).toBe('current');
  }
  expect((await readFile(log, 'utf8')).split('\n')).toEqual(['first', 'second', 'second', 'first', 'first', '']);
});

test('a secret that the settings of the certificate read from a variable does not reach the command', async () => {
  const path = await temporaryFolder('command');
  vi.stubEnv('TSIG_OF_THIS_TEST', Buffer.from('hush hush hush hush hush hush').toString('base64'));
  const env = process.env;
  const world = createWorld({ env, log: { debug() {}, info() {}, warn() {} } });
  const composed = await compose({ ...defaultSettings({}), store: { type: 'file', path } }, { world, env, reporter });
  const rfc2136 = { server: '127.0.0.1:1', keyName: 'key', secret: 'env:TSIG_OF_THIS_TEST' };
  const spec = storedOf({
    spec: { name: 'www', identifiers: [], issuer: 'ca', solver: 'dns', deploy: ['hook'], endpoints: [] },
    issuer: { directory: 'https://ca.test/directory', email: [], agreeToTerms: true, test: true },
    solver: { type: 'dns01', provider: 'rfc2136', options: rfc2136 },
    deployers: { hook: { type: 'command', run: `env > ${path}/env`, passEnvironment: ['TSIG_OF_THIS_TEST'] } },
    preflight: { resolvers: ['127.0.0.1:1'], http01Port: 80 },
  });
  const connect = composed.process.connections.open();
  await connect.solver(partsOf(spec)[0]!);
  await deploy(await connect.deployer(spec, 'hook'), await make());
  await composed.close();
  const seen = await readFile(join(path, 'env'), 'utf8');
  expect(seen).toContain('RENEWED_LINEAGE=');
  expect(seen).not.toContain('TSIG_OF_THIS_TEST');
});

test('without a path its files are beside its store, and without such a folder it fails', async () => {
  const [first, second] = [await temporaryFolder('first'), await temporaryFolder('second')];
  const connect = (folder: string | undefined) =>
    command.connect({
      options: command.options.parse({ run: `echo "$RENEWED_LINEAGE" >> ${first}/where` }),
      owner: '0123456789ab',
      name: 'my hook',
      world: createDeployWorld().world,
      folder,
    });
  for (const folder of [first, second]) await deploy(connect(folder), await make());
  expect((await readFile(join(first, 'where'), 'utf8')).trim().split('\n')).toEqual(
    [first, second].map((folder) => `${folder}/my_hook/live/www`),
  );
  expect(() => connect(undefined)).toThrow('"path" is missing, and this store has no folder to use instead');
});

test('a failing command is reported with the end of its output, and live/ goes back', async () => {
  const path = await temporaryFolder('command');
  const [old, young] = [await make(), await make()];
  await deploy(open({ path, run: 'true' }), old);
  const failing = open({ path, run: 'echo one; for n in 2 3 4 5 6 7; do echo line $n; done; exit 7' });
  await expect(deploy(failing, young)).rejects.toMatchObject({
    code: 'deploy/target-failed',
    message: expect.stringContaining('the command ended with 7: line 3 / line 4 / line 5 / line 6 / line 7'),
  });
  expect(await readFile(join(path, 'live/www/cert.pem'), 'utf8')).toBe(old.certPem);
  // It may have done a part, so neither version is known to be in use.
  expect((await failing.look(old, signal)).state).toBe('stale');
  const corrected = open({ path, run: 'true' });
  await deploy(corrected, old);
  expect((await corrected.look(old, signal)).state).toBe('current');
});

test('a command that hangs is ended', async () => {
  const path = await temporaryFolder('command');
  await expect(deploy(open({ path, run: 'sleep 600', timeout: '300ms' }), await make())).rejects.toMatchObject({
    code: 'deploy/target-failed',
  });
  expect(await readdir(join(path, 'live'))).toEqual([]);
});

test('a missing command is reported', async () => {
  const path = await temporaryFolder('command');
  await expect(deploy(open({ path, run: ['/nowhere/hook'] }), await make())).rejects.toMatchObject({
    code: 'deploy/target-failed',
    message: expect.stringContaining('/nowhere/hook'),
  });
});
