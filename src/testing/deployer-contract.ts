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
  /** What only targets at a cloud can show. */
  readonly cloud?: CloudBench;
  /** Returns every logged line. */
  logged(): readonly string[];
  stop(): Promise<void>;
}

/** Of a target behind an API that uploads versions. What a target cannot do is left out. */
export interface CloudBench {
  /** How many calls have changed something at the API so far. */
  changes(): number;
  /** How many certificates are uploaded there, of any owner. Omitted for an API that keeps only those in use. */
  uploads?(): number;
  /** Carries out the next changing call, but loses its answer. */
  loseAnswer(): void;
  /** Leaves no room for another certificate. Returns how to make room. */
  fill?(): () => void;
  /** Adds certificates and bindings of somebody else. Returns a function that fails if they have changed. */
  addForeign(): () => void;
  /** Ends the roll-out that has begun. Until then, a version that was activated is `changing`. */
  settle?(): Promise<void>;
  /** Makes what is being rolled out fail, so that it is never used. Returns how to repair it. */
  failRollOut?(): () => void;
  readonly places?: {
    /** Adds a place that has no version of the lineage. Returns its name. */
    add(): string;
    /** Makes one place refuse every version. Returns how to repair it. */
    refuse(place: string): () => void;
    /** Returns the fingerprint of the certificate that clients of one place get. */
    inUse(place: string): string | undefined;
  };
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
    await assertInUse(bench, old);
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
    await assertInUse(bench, first);
    await deploy(deployer, second);
    await assertInUse(bench, second);
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

  check('has, if there is one, tells without the key what look tells', async (bench) => {
    const deployer = bench.connect();
    if (!deployer.has) return;
    const [old, young] = [await bench.version(), await bench.version()];
    const has = async ({ lineage, id, facts: { fingerprint } }: VersionBundle) =>
      deployer.has?.({ lineage, id, fingerprint }, never());
    assert.equal(await has(old), false);
    const staged = await stage(deployer, old);
    assert.equal(await has(old), false);
    await deployer.activate(old, staged, silent, never());
    assert.deepEqual([await has(old), await has(young)], [true, false]);
    await deploy(deployer, young);
    assert.deepEqual([await has(old), await has(young)], [false, true]);
    const mend = await bench.breakActivation();
    await failureOf(deploy(deployer, old));
    await mend();
    assert.equal(await has(old), (await deployer.look(old, never())).state === 'current');
    assert.equal(await has(young), (await deployer.look(young, never())).state === 'current');
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

  const checkCloud = (name: string, run: (bench: DeployerBench, cloud: CloudBench) => Promise<void>) =>
    check(name, async (bench) => {
      if (bench.cloud) await run(bench, bench.cloud);
    });

  checkCloud('looks change nothing, and what is there is not sent again', async (bench, cloud) => {
    const version = await bench.version();
    await deploy(bench.connect(), version);
    await assertInUse(bench, version);
    const before = [cloud.changes(), cloud.uploads?.()];
    const other = bench.connect();
    for (let pass = 0; pass < 10; pass += 1) assert.equal((await other.look(version, never())).state, 'current');
    await deploy(other, version);
    assert.deepEqual([cloud.changes(), cloud.uploads?.()], before);
  });

  checkCloud('a lost answer leads to no second upload, and the next try ends well', async (bench, cloud) => {
    const before = cloud.uploads?.();
    const version = await bench.version();
    cloud.loseAnswer();
    await deploy(bench.connect(), version).catch(() => undefined);
    cloud.loseAnswer();
    await deploy(bench.connect(), version).catch(() => undefined);
    await deploy(bench.connect(), version);
    await assertInUse(bench, version);
    if (before !== undefined) assert.equal(cloud.uploads?.(), before + 1);
  });

  checkCloud('two deployers stage a version side by side or one after the other: one upload', async (bench, cloud) => {
    const before = cloud.uploads?.();
    const version = await bench.version();
    const [one, two] = [await stage(bench.connect(), version), await stage(bench.connect(), version)];
    assert.deepEqual(one, two);
    if (before !== undefined) assert.equal(cloud.uploads?.(), before + 1);
  });

  checkCloud('what belongs to others is neither changed nor removed nor listed', async (bench, cloud) => {
    const assertUnchanged = cloud.addForeign();
    const deployer = bench.connect();
    const all = [await bench.version(), await bench.version(), await bench.version()];
    const receipts: Json[] = [];
    for (const version of all) {
      receipts.push(await stage(deployer, version));
      await deployer.activate(version, receipts.at(-1) ?? null, silent, never());
      await assertInUse(bench, version);
      assertUnchanged();
    }
    const [oldest] = all;
    await deployer.retire?.(oldest!, receipts[0], never()).catch(() => undefined); // it may have to stay
    assertUnchanged();
    await assertInUse(bench, all[2]!);
  });

  checkCloud('what is in use is not removed', async (bench) => {
    const deployer = bench.connect();
    const version = await bench.version();
    const receipt = await stage(deployer, version);
    await deployer.activate(version, receipt, silent, never());
    await assertInUse(bench, version);
    await deployer.retire?.(version, receipt, never()).catch(() => undefined);
    for (const object of (await deployer.owned?.(never())) ?? [])
      await deployer.removeOwned?.(object, never()).catch(() => undefined);
    await assertInUse(bench, version);
    assert.equal((await bench.connect().look(version, never())).state, 'current');
  });

  checkCloud('a full account is a failure that leaves the old version, and room mends it', async (bench, cloud) => {
    if (!cloud.fill) return;
    const [old, young] = [await bench.version(), await bench.version()];
    await deploy(bench.connect(), old);
    await assertInUse(bench, old);
    const makeRoom = cloud.fill();
    assert.ok(isFailure(await failureOf(deploy(bench.connect(), young)), 'deploy/'));
    await assertInUse(bench, old);
    makeRoom();
    await deploy(bench.connect(), young);
    await assertInUse(bench, young);
  });

  const checkSlow = (
    name: string,
    run: (bench: DeployerBench, cloud: CloudBench & Required<Pick<CloudBench, 'settle'>>) => Promise<void>,
  ) =>
    checkCloud(name, async (bench, { settle, ...cloud }) => {
      if (settle) await run(bench, { ...cloud, settle });
    });

  checkSlow('a version is changing until it is rolled out, and is not activated again', async (bench, cloud) => {
    const [old, young] = [await bench.version(), await bench.version()];
    const deployer = bench.connect();
    assert.ok((deployer.settleMs ?? 0) > 0, 'without settleMs, a roll-out would be a failure');
    await deploy(deployer, old);
    await cloud.settle();
    const staged = await stage(deployer, young);
    await deployer.activate(young, staged, silent, never());
    const before = cloud.changes();
    for (const one of [deployer, bench.connect()]) {
      assert.equal((await one.look(young, never())).state, 'changing');
      await one.activate(young, staged, silent, never());
    }
    assert.equal(cloud.changes(), before, 'what is changing was sent again');
    await cloud.settle();
    assert.equal((await bench.connect().look(young, never())).state, 'current');
  });

  checkSlow('a roll-out that fails is not current, and a later try ends well', async (bench, cloud) => {
    if (!cloud.failRollOut) return;
    const version = await bench.version();
    const mend = cloud.failRollOut();
    await deploy(bench.connect(), version);
    await cloud.settle();
    assert.ok(['stale', 'absent'].includes((await bench.connect().look(version, never())).state));
    mend();
    await deploy(bench.connect(), version);
    await cloud.settle();
    await assertInUse(bench, version);
  });

  checkCloud('each place is looked at, and only what lacks the version is changed', async (bench, cloud) => {
    const { places } = cloud;
    if (!places) return;
    const added = places.add();
    const deployer = bench.connect();
    const [old, young] = [await bench.version(), await bench.version()];
    await deploy(deployer, old);
    await assertInUse(bench, old);
    const mend = places.refuse(added);
    await deploy(deployer, young);
    await assertInUse(bench, young).catch(() => undefined); // gives it time
    await cloud.settle?.();
    const { state, places: seen } = await deployer.look(young, never());
    assert.deepEqual([state, seen?.lacking.map(({ place }) => place)], ['stale', [added]]);
    assert.notEqual(seen?.lacking[0]?.reason, '', 'the look says why the place refuses');
    assert.equal(places.inUse(added), old.facts.fingerprint);
    mend();
    const before = cloud.changes();
    await deploy(bench.connect(), young);
    assert.equal(cloud.changes(), before + 1, 'one change for one place');
    await cloud.settle?.();
    const last = places.add();
    const third = await bench.connect().look(young, never());
    assert.deepEqual([third.state, third.places?.lacking.map(({ place }) => place)], ['stale', [last]]);
    await deploy(bench.connect(), young);
    await cloud.settle?.();
    assert.equal((await bench.connect().look(young, never())).state, 'current');
    assert.equal(places.inUse(last), young.facts.fingerprint);
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
