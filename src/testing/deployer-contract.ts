import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { isFailure } from '../core/errors/errors.ts';
import type { Json } from '../core/text/json.ts';
import type { Deployer, VersionBundle } from '../ports/deployer.ts';

/** The `test` function of vitest or node:test. */
export type TestFunction = (name: string, run: () => Promise<void>) => unknown;

/** A deployer and its target, new for each test. */
export interface DeployerBench {
  /** Returns a new object for the same target, as in another process. */
  connect(): Deployer;
  /** Returns a new version of the same lineage each time. */
  version(): Promise<VersionBundle>;
  /**
   * Returns the SHA-256 fingerprint of the certificate that clients of the target get, or undefined. A target that
   * reloads gets time to reach `expected`.
   */
  inUse(expected: string | undefined): Promise<string | undefined>;
  /**
   * Returns every file of the target that contains a private key, with its mode. Omitted for a target without files.
   */
  keyFiles?(): Promise<readonly { readonly path: string; readonly mode: number }[]>;
  /** The required mode; by default, 0600. */
  readonly keyMode?: number;
  /** Makes `activate` fail, as late as possible and with as much text as possible. Returns how to repair it. */
  breakActivation(): Promise<() => Promise<void>>;
  /** Returns every logged line. */
  logged(): readonly string[];
  stop(): Promise<void>;
}

/** The contract of the port {@link Deployer}. Every deployer runs it against the real program. */
export function deployerContract(test: TestFunction, make: () => Promise<DeployerBench>): void {
  const check = (name: string, run: (bench: DeployerBench) => Promise<void>) =>
    test(`deployer contract: ${name}`, async () => {
      const bench = await make();
      try {
        await run(bench);
      } finally {
        await bench.stop();
      }
    });

  check('a version is absent, staged but not used, then current', async (bench) => {
    const deployer = bench.connect();
    const version = await bench.version();
    assert.equal((await deployer.look(version, never())).state, 'absent');
    const staged = await stage(deployer, version);
    assert.notEqual((await deployer.look(version, never())).state, 'current');
    assert.equal(await bench.inUse(undefined), undefined);
    await deployer.activate(version, staged, silent, never());
    await assertInUse(bench, version);
    assert.equal((await bench.connect().look(version, never())).state, 'current');
  });

  check('every call may be repeated, also by another process', async (bench) => {
    const version = await bench.version();
    const first = bench.connect();
    await stage(first, version);
    const staged = await stage(first, version);
    await first.activate(version, staged, silent, never());
    await first.activate(version, staged, silent, never());
    await deploy(bench.connect(), version);
    await assertInUse(bench, version);
  });

  check('a new version is used from its activation on, not before', async (bench) => {
    const deployer = bench.connect();
    const [old, young] = [await bench.version(), await bench.version()];
    await deploy(deployer, old);
    assert.equal((await deployer.look(young, never())).state, 'stale');
    const staged = await stage(deployer, young);
    assert.equal((await deployer.look(old, never())).state, 'current');
    await assertInUse(bench, old);
    await deployer.activate(young, staged, silent, never());
    await assertInUse(bench, young);
    assert.equal((await deployer.look(young, never())).state, 'current');
    assert.equal((await deployer.look(old, never())).state, 'stale');
  });

  check('a failure leaves the old version in use, and a later try succeeds', async (bench) => {
    const deployer = bench.connect();
    const [old, young] = [await bench.version(), await bench.version()];
    await deploy(deployer, old);
    await assertInUse(bench, old);
    const mend = await bench.breakActivation();
    const error = await failureOf(deploy(deployer, young));
    assert.ok(isFailure(error, 'deploy/'), `not of area deploy/: ${inspect(error)}`);
    assert.ok(error.message.includes(old.lineage), error.message);
    await assertInUse(bench, old);
    await mend();
    await assertInUse(bench, old);
    assert.equal((await deployer.look(young, never())).state, 'stale');
    await deploy(bench.connect(), young);
    await assertInUse(bench, young);
    assert.equal((await deployer.look(young, never())).state, 'current');
  });

  check('a failed first delivery leaves nothing in use, and a later try succeeds', async (bench) => {
    const version = await bench.version();
    const mend = await bench.breakActivation();
    assert.ok(isFailure(await failureOf(deploy(bench.connect(), version)), 'deploy/'));
    assert.equal(await bench.inUse(undefined), undefined);
    await mend();
    assert.notEqual((await bench.connect().look(version, never())).state, 'current');
    await deploy(bench.connect(), version);
    await assertInUse(bench, version);
  });

  check('the previous version can be deployed again, even after retire', async (bench) => {
    const deployer = bench.connect();
    const [first, second, third] = [await bench.version(), await bench.version(), await bench.version()];
    await deploy(deployer, first);
    await deploy(deployer, second);
    await deployer.retire?.(first, undefined, never());
    await deploy(deployer, third);
    await deployer.retire?.(second, undefined, never());
    await assertInUse(bench, third);
    assert.equal((await deployer.look(third, never())).state, 'current');
    await deploy(deployer, second);
    await assertInUse(bench, second);
    assert.equal((await deployer.look(second, never())).state, 'current');
    await deployer.retire?.(first, undefined, never());
    await assertInUse(bench, second);
  });

  check('only the owner can read the private key, and no draft is left', async (bench) => {
    if (!bench.keyFiles) return;
    const deployer = bench.connect();
    const version = await bench.version();
    const staged = await stage(deployer, version);
    const during = await bench.keyFiles();
    await deployer.activate(version, staged, silent, never());
    const after = await bench.keyFiles();
    assert.ok(after.length > 0, 'no file contains the key');
    for (const { path, mode } of [...during, ...after])
      assert.equal(mode.toString(8), (bench.keyMode ?? 0o600).toString(8), path);
    for (const { path } of after) assert.ok(!/draft[^/]*$|\.tmp$/.test(path), path);
  });

  check('no private key in errors, receipts, results of look, or logs', async (bench) => {
    const deployer = bench.connect();
    const version = await bench.version();
    const staged = await stage(deployer, version);
    const mend = await bench.breakActivation();
    const error = await failureOf(deploy(deployer, version));
    await mend();
    const looks = await deployer.look(version, never());
    const text = inspect([error, staged, looks, ...bench.logged()], {
      depth: 20,
      maxStringLength: null,
      breakLength: 1e6,
    });
    for (const line of version.keyPem
      .reveal()
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('-')))
      assert.ok(!text.includes(line), 'a line of the private key is visible');
  });

  check('an aborted signal is obeyed, and nothing changes', async (bench) => {
    const deployer = bench.connect();
    const [old, young] = [await bench.version(), await bench.version()];
    await deploy(deployer, old);
    const staged = await stage(deployer, young);
    const stopped = new Error('stopped');
    for (const call of [
      (signal: AbortSignal) => deployer.look(young, signal),
      (signal: AbortSignal) => deployer.stage(young, silent, signal),
      (signal: AbortSignal) => deployer.activate(young, staged, silent, signal),
    ])
      assert.equal(await failureOf(call(AbortSignal.abort(stopped))), stopped);
    await assertInUse(bench, old);
  });
}

const never = (): AbortSignal => new AbortController().signal;
const silent = async (): Promise<void> => {};
const stage = (deployer: Deployer, version: VersionBundle): Promise<Json> => deployer.stage(version, silent, never());

async function deploy(deployer: Deployer, version: VersionBundle): Promise<void> {
  await deployer.activate(version, await stage(deployer, version), silent, never());
}

async function assertInUse(bench: DeployerBench, version: VersionBundle): Promise<void> {
  assert.equal(await bench.inUse(version.facts.fingerprint), version.facts.fingerprint);
}

const failureOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => assert.fail('it should have failed'),
    (error: unknown) => error,
  );
