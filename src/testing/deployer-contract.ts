import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { isFailure } from '../core/errors.ts';
import type { Json } from '../core/json.ts';
import type { Deployer, VersionBundle } from '../ports/deployer.ts';

/** One test: what `test` of vitest and node:test take. */
export type TestFunction = (name: string, run: () => Promise<void>) => unknown;

/** A deployer and its target, made afresh for each test. */
export interface DeployerBench {
  /** A new object on the same target, as another process would have it. */
  connect(): Deployer;
  /** Another version of one and the same lineage each time. */
  version(): Promise<VersionBundle>;
  /**
   * SHA-256 fingerprint of what clients of the target get, or undefined. A target that follows a moment later (a
   * reload) is given time to become `expected`.
   */
  inUse(expected: string | undefined): Promise<string | undefined>;
  /** Every file of the target that holds a private key, with its mode. */
  keyFiles(): Promise<readonly { readonly path: string; readonly mode: number }[]>;
  /** What their mode must be: 0600 unless the target is configured otherwise. */
  readonly keyMode?: number;
  /** Makes `activate` fail, as late as can be and with as much in the refusal as can be; answers how to mend it. */
  breakActivation(): Promise<() => Promise<void>>;
  /** Every line that was logged. */
  logged(): readonly string[];
  stop(): Promise<void>;
}

/** The contract of the port {@link Deployer}, run by every deployer on the real thing. */
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

  check('everything may come twice, also from another process', async (bench) => {
    const version = await bench.version();
    const first = bench.connect();
    await stage(first, version);
    const staged = await stage(first, version);
    await first.activate(version, staged, silent, never());
    await first.activate(version, staged, silent, never());
    await deploy(bench.connect(), version);
    await assertInUse(bench, version);
  });

  check('a new version takes over when it is activated, not before', async (bench) => {
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

  check('what fails leaves the old one in use, and works once it is mended', async (bench) => {
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

  check('a first delivery that fails leaves nothing in use, and works once it is mended', async (bench) => {
    const version = await bench.version();
    const mend = await bench.breakActivation();
    assert.ok(isFailure(await failureOf(deploy(bench.connect(), version)), 'deploy/'));
    assert.equal(await bench.inUse(undefined), undefined);
    await mend();
    assert.notEqual((await bench.connect().look(version, never())).state, 'current');
    await deploy(bench.connect(), version);
    await assertInUse(bench, version);
  });

  check('going back is deploying the version before, also after retire', async (bench) => {
    const deployer = bench.connect();
    const [first, second, third] = [await bench.version(), await bench.version(), await bench.version()];
    await deploy(deployer, first);
    await deploy(deployer, second);
    await deployer.retire?.(first, never());
    await deploy(deployer, third);
    await deployer.retire?.(second, never());
    await assertInUse(bench, third);
    assert.equal((await deployer.look(third, never())).state, 'current');
    await deploy(deployer, second);
    await assertInUse(bench, second);
    assert.equal((await deployer.look(second, never())).state, 'current');
    await deployer.retire?.(first, never());
    await assertInUse(bench, second);
  });

  check('the private key is readable by its owner only, and nothing of it is left in drafts', async (bench) => {
    const deployer = bench.connect();
    const version = await bench.version();
    const staged = await stage(deployer, version);
    const during = await bench.keyFiles();
    await deployer.activate(version, staged, silent, never());
    const after = await bench.keyFiles();
    assert.ok(after.length > 0, 'no file holds the key');
    for (const { path, mode } of [...during, ...after])
      assert.equal(mode.toString(8), (bench.keyMode ?? 0o600).toString(8), path);
    for (const { path } of after) assert.ok(!/draft[^/]*$|\.tmp$/.test(path), path);
  });

  check('no private key in errors, receipts, looks or logs', async (bench) => {
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
      assert.ok(!text.includes(line), 'a line of the private key was shown');
  });

  check('an abort is honoured and changes nothing', async (bench) => {
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
