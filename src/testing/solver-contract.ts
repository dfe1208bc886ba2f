import assert from 'node:assert/strict';
import type { Json } from '../core/text/json.ts';
import type { Solver, SolverChallenge } from '../ports/solver.ts';

/** The `test` function of vitest or node:test. */
export type TestFunction = (name: string, run: () => Promise<void>) => unknown;

/** A solver in its own world, new for each test. */
export interface SolverBench {
  /** Returns a new object in the same world, as in another process. `stop` closes all of them. */
  connect(): Solver;
  /** Returns a new challenge each time, with a different token and identifier. */
  challenge(): SolverChallenge;
  /** Returns what the world answers for a challenge (the key authorization, or the TXT value), or undefined. */
  seen(challenge: SolverChallenge): Promise<string | undefined>;
  /** Returns what `seen` must return once the challenge is presented. */
  expected(challenge: SolverChallenge): string;
  /**
   * Adds an object of another program as close to the answer as possible. Returns a function that reports whether it
   * still exists.
   */
  plant(challenge: SolverChallenge): Promise<() => Promise<boolean>>;
  /** Returns a solver whose `present` the world refuses, with as much of the challenge in the refusal as possible. */
  refused(): Solver | Promise<Solver>;
  /** Returns every logged line. */
  logged(): readonly string[];
  stop(): Promise<void>;
}

/** The contract of the port {@link Solver}. Every solver runs it against real programs or a strict fake. */
export function solverContract(test: TestFunction, make: () => Promise<SolverBench>): void {
  const check = (name: string, run: (bench: SolverBench) => Promise<void>) =>
    test(`solver contract: ${name}`, async () => {
      const bench = await make();
      try {
        await run(bench);
      } finally {
        await bench.stop();
      }
    });

  check('the answer is visible after present, ready returns true, and cleanup removes it', async (bench) => {
    const solver = bench.connect();
    const challenge = bench.challenge();
    assert.ok(solver.answers.includes(challenge.type));
    assert.equal(await bench.seen(challenge), undefined);
    const { receipt } = await present(solver, challenge);
    assert.deepEqual(await solver.ready(challenge, receipt, never()), { ready: true });
    assert.equal(await bench.seen(challenge), bench.expected(challenge));
    await solver.cleanup(challenge, receipt, never());
    assert.equal(await bench.seen(challenge), undefined);
  });

  check('receipts and notes are small JSON', async (bench) => {
    const { receipt, notes } = await present(bench.connect(), bench.challenge());
    for (const json of [receipt, ...notes]) {
      const text = JSON.stringify(json);
      assert.deepEqual(JSON.parse(text), json);
      // All receipts of a certificate, with at most 100 identifiers, share one document of 256 KiB.
      assert.ok(text.length < 600, `a receipt of ${text.length} characters`);
    }
  });

  check('present may be repeated, also by another process', async (bench) => {
    const challenge = bench.challenge();
    const first = bench.connect();
    await present(first, challenge);
    await present(first, challenge);
    const second = bench.connect();
    const { receipt } = await present(second, challenge);
    assert.equal(await bench.seen(challenge), bench.expected(challenge));
    await first.cleanup(challenge, receipt, never());
    await second.cleanup(challenge, receipt, never());
    assert.equal(await bench.seen(challenge), undefined);
  });

  check('cleanup works without a receipt, in another process', async (bench) => {
    const challenge = bench.challenge();
    const dead = bench.connect();
    await present(dead, challenge);
    await dead.close?.();
    await bench.connect().cleanup(challenge, undefined, never());
    assert.equal(await bench.seen(challenge), undefined);
  });

  check('cleanup succeeds if there is nothing to remove, and twice', async (bench) => {
    const solver = bench.connect();
    const challenge = bench.challenge();
    await solver.cleanup(challenge, undefined, never());
    const { receipt } = await present(solver, challenge);
    await solver.cleanup(challenge, receipt, never());
    await solver.cleanup(challenge, receipt, never());
    await bench.connect().cleanup(challenge, receipt, never());
    assert.equal(await bench.seen(challenge), undefined);
  });

  check('two challenges can coexist, and each is cleaned up separately', async (bench) => {
    const solver = bench.connect();
    const [one, two] = [bench.challenge(), bench.challenge()];
    const receipts = await Promise.all([present(solver, one), present(solver, two)]);
    assert.equal(await bench.seen(one), bench.expected(one));
    assert.equal(await bench.seen(two), bench.expected(two));
    await solver.cleanup(one, receipts[0].receipt, never());
    assert.equal(await bench.seen(one), undefined);
    assert.equal(await bench.seen(two), bench.expected(two));
    await solver.cleanup(two, receipts[1].receipt, never());
    assert.equal(await bench.seen(two), undefined);
  });

  check('files and values of others survive', async (bench) => {
    const solver = bench.connect();
    const challenge = bench.challenge();
    const isThere = await bench.plant(challenge);
    const { receipt } = await present(solver, challenge);
    assert.ok(await isThere(), 'present destroyed it');
    await solver.cleanup(challenge, receipt, never());
    assert.ok(await isThere(), 'cleanup destroyed it');
    await solver.cleanup(challenge, undefined, never());
    assert.ok(await isThere(), 'cleanup without a receipt destroyed it');
  });

  check('an aborted signal stops each method before it changes anything', async (bench) => {
    const solver = bench.connect();
    const challenge = bench.challenge();
    const reason = new Error('stop');
    const stopped = AbortSignal.abort(reason);
    const is = (error: unknown) => error === reason;
    await assert.rejects(async () => solver.present(challenge, async () => {}, stopped), is);
    assert.equal(await bench.seen(challenge), undefined);
    const { receipt } = await present(solver, challenge);
    await assert.rejects(async () => solver.ready(challenge, receipt, stopped), is);
    await assert.rejects(async () => solver.cleanup(challenge, receipt, stopped), is);
    assert.equal(await bench.seen(challenge), bench.expected(challenge));
    if (solver.prepare) await assert.rejects(async () => solver.prepare?.('a', [], stopped), is);
    await solver.cleanup(challenge, receipt, never());
  });

  check('a token that is not base64url is refused', async (bench) => {
    const solver = bench.connect();
    for (const token of ['../../x', '', 'a/b', 'a b', '.', '%2e%2e', 'a\n']) {
      const hostile = { ...bench.challenge(), token };
      await assert.rejects(async () => solver.present(hostile, async () => {}, never()));
      await solver.cleanup(hostile, undefined, never());
    }
  });

  check('a probe is answered as promised, and withdraw needs no receipt', async (bench) => {
    const solver = bench.connect();
    if (!solver.prepare) return;
    const { probe } = await solver.prepare('a', [], never());
    if (!probe) return;
    assert.match(probe.path, /^\/\.well-known\/acme-challenge\/[A-Za-z0-9_-]+$/);
    assert.notEqual(probe.body, '');
    await solver.withdraw?.('a', never());
    const other = bench.connect();
    await other.withdraw?.('a', never());
    await other.withdraw?.('a', never());
  });

  check('no key authorization in errors and logs', async (bench) => {
    const challenge = bench.challenge();
    const solver = bench.connect();
    const { receipt } = await present(solver, challenge);
    await solver.ready(challenge, receipt, never());
    await solver.cleanup(challenge, receipt, never());
    const refused = await bench.refused();
    const error: unknown = await refused
      .present(challenge, async () => {}, never())
      .then(
        () => assert.fail('the call should have been refused'),
        (thrown) => thrown,
      );
    for (const text of [everythingIn(error), ...bench.logged()]) {
      assert.ok(!text.includes(challenge.keyAuthorization), `the key authorization is in: ${text}`);
    }
  });
}

const never = (): AbortSignal => new AbortController().signal;

async function present(solver: Solver, challenge: SolverChallenge) {
  const notes: Json[] = [];
  const note = async (receipt: Json) => void notes.push(receipt);
  return { receipt: await solver.present(challenge, note, never()), notes };
}

/** Returns every text in an error, its causes and its own fields. */
function everythingIn(error: unknown): string {
  const texts: string[] = [];
  for (let at = error; at instanceof Error; at = at.cause) {
    texts.push(at.message, at.stack ?? '', JSON.stringify(at, Object.getOwnPropertyNames(at)));
  }
  return texts.join('\n');
}
