import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { createTurns } from '../core/async/turns.ts';
import { isFailure } from '../core/errors/errors.ts';
import { markIn, nameWithMark } from '../core/request-path/own-mark.ts';
import type { Json } from '../core/text/json.ts';
import type { Backend, Balancer, WantedRule, WantedRules } from '../ports/balancer.ts';
import { sampleOf } from './sample.ts';

/** The `test` function of vitest or node:test. */
export type TestFunction = (name: string, run: () => Promise<void>) => unknown;

/**
 * Called before and after each change of the balancer, of a file and of anything else outside the process. If it
 * throws, the call that makes the change MUST fail with this error, whether or not the change was made.
 */
export type EffectWatch = (when: 'before' | 'after') => void;

/** A balancer's listener that also has objects of others, new for each test. */
export interface BalancerBench {
  /** Returns a new object for the same listener, as in another process. */
  connect(watch?: EffectWatch): Balancer;
  /**
   * Returns an object that the balancer refuses, or that cannot reach it: `inspect` and `apply` fail and change
   * nothing.
   */
  connectRefused(): Balancer;
  /** In the mode `forward`: two or more servers that the balancer can send requests to. */
  readonly backends?: readonly Backend[];
  /** Servers belong to the rules, so there is no group that `owned` could return. */
  readonly hasNoGroups?: true;
  /**
   * Returns everything at the balancer and in its files, in its own terms: settings of rules and groups, memory
   * contents, texts of files. Two results are deeply equal exactly if nothing changed in between.
   */
  objects(): Promise<unknown>;
  /**
   * Reports whether the balancer itself, not only certfleet's view of it, handles requests for the rule's host and path
   * as the rule says.
   */
  isInEffect(rule: WantedRule, wanted: WantedRules): Promise<boolean>;
  /** Lets time pass while the balancer applies a change. */
  pass(ms: number): Promise<void>;
  /** Texts that must not be in errors and logs, besides the key authorizations. */
  readonly secrets: readonly string[];
  /** Returns every logged line. */
  logged(): readonly string[];
  stop(): Promise<void>;
}

/** More changes than any `apply` makes for two rules. */
const mostChanges = 60;

/** The contract of the port {@link Balancer}. */
export function balancerContract(test: TestFunction, make: () => Promise<BalancerBench>): void {
  const check = (name: string, run: (bench: BalancerBench) => Promise<void>) =>
    test(`balancer contract: ${name}`, async () => {
      const bench = await make();
      try {
        await run(bench);
      } finally {
        await bench.stop();
      }
    });

  check('the wanted rules come into effect, and nothing of them stays', async (bench) => {
    const balancer = bench.connect();
    const before = await bench.objects();
    const left = (await balancer.inspect(never())).rulesLeft;
    assert.ok(left >= 2, `room for ${left} rules`);
    const wanted = makeWanted(bench, balancer);
    const receipt = await balancer.apply(wanted, undefined, never());
    assert.deepEqual(JSON.parse(JSON.stringify(receipt)), receipt);
    await assertInEffect(bench, balancer, wanted, receipt);
    const { rules } = await balancer.inspect(never());
    for (const { name, path } of wanted.rules) assert.equal(rules.find((rule) => rule.name === name)?.path, path);
    await balancer.apply(nothingOf(wanted), receipt, never());
    assert.deepEqual(await bench.objects(), before);
    await assertGone(bench, wanted);
  });

  check('apply twice is one, also by another object and without the receipt', async (bench) => {
    const balancer = bench.connect();
    const before = await bench.objects();
    const wanted = makeWanted(bench, balancer);
    const receipt = await balancer.apply(wanted, undefined, never());
    const once = await bench.objects();
    await balancer.apply(wanted, receipt, never());
    assert.deepEqual(await bench.objects(), once);
    const other = bench.connect();
    const again = await other.apply(wanted, undefined, never());
    assert.deepEqual(await bench.objects(), once);
    await assertInEffect(bench, other, wanted, again);
    await bench.connect().apply(nothingOf(wanted), undefined, never());
    assert.deepEqual(await bench.objects(), before);
  });

  check('one rule leaves, another one comes, and a third one stays', async (bench) => {
    const balancer = bench.connect();
    const before = await bench.objects();
    const [first, second] = [makeWanted(bench, balancer), makeWanted(bench, balancer)];
    const receipt = await balancer.apply(first, undefined, never());
    const next: WantedRules = { ...first, rules: [first.rules[1]!, { ...second.rules[0]!, name: named(first.owner) }] };
    const later = await balancer.apply(next, receipt, never());
    await assertInEffect(bench, balancer, next, later);
    await assertGone(bench, { ...first, rules: first.rules.slice(0, 1) });
    await balancer.apply(nothingOf(first), later, never());
    assert.deepEqual(await bench.objects(), before);
  });

  check('a group has exactly the wanted backends', async (bench) => {
    const balancer = bench.connect();
    if (balancer.mode !== 'forward') return;
    const before = await bench.objects();
    const all = makeWanted(bench, balancer);
    const one: WantedRules = { ...all, group: { ...all.group!, backends: all.group!.backends.slice(0, 1) } };
    let receipt: Json | undefined;
    for (const wanted of [one, all, one]) {
      receipt = await balancer.apply(wanted, receipt, never());
      await assertInEffect(bench, balancer, wanted, receipt);
    }
    await balancer.apply(nothingOf(all), receipt, never());
    assert.deepEqual(await bench.objects(), before);
  });

  check('rules of other owners stay as they are', async (bench) => {
    const [ours, theirs] = [bench.connect(), bench.connect()];
    const before = await bench.objects();
    const kept = makeWanted(bench, theirs);
    const receipt = await theirs.apply(kept, undefined, never());
    const withTheirs = await bench.objects();
    const wanted = makeWanted(bench, ours);
    await assertInEffect(bench, ours, wanted, await ours.apply(wanted, undefined, never()));
    await assertInEffect(bench, theirs, kept, receipt);
    await ours.apply(nothingOf(wanted), undefined, never());
    assert.deepEqual(await bench.objects(), withTheirs);
    await theirs.apply(nothingOf(kept), receipt, never());
    assert.deepEqual(await bench.objects(), before);
  });

  check('removal of what is absent changes nothing', async (bench) => {
    const balancer = bench.connect();
    const before = await bench.objects();
    const wanted = makeWanted(bench, balancer);
    await balancer.apply(nothingOf(wanted), undefined, never());
    assert.deepEqual(await bench.objects(), before);
    const receipt = await balancer.apply(wanted, undefined, never());
    await balancer.apply(nothingOf(wanted), receipt, never());
    await balancer.apply(nothingOf(wanted), receipt, never());
    assert.deepEqual(await bench.objects(), before);
  });

  for (const when of ['before', 'after'] as const)
    check(
      `killed ${when} any change, it leaves what a second apply completes and a third one removes`,
      async (bench) => {
        const before = await bench.objects();
        const balancer = bench.connect();
        const kills: { readonly at: number; readonly hasOld: boolean }[] = [];
        for (const hasOld of [false, true]) for (const at of await placesOf(bench, hasOld)) kills.push({ at, hasOld });
        for (const { at, hasOld } of sampleOf(kills, 2)) {
          const wanted = makeWanted(bench, balancer);
          if (hasOld) await balancer.apply(makeWanted(bench, balancer, wanted.owner), undefined, never());
          await dies(bench.connect(killAt(at, when)), wanted);
          const receipt = await bench.connect().apply(wanted, undefined, never());
          await assertInEffect(bench, balancer, wanted, receipt);
          await dies(bench.connect(killAt(at, when)), nothingOf(wanted));
          await bench.connect().apply(nothingOf(wanted), receipt, never());
          assert.deepEqual(await bench.objects(), before, `killed ${when} change ${at}`);
          // Also without a completed run in between.
          await dies(bench.connect(killAt(at, when)), wanted);
          await bench.connect().apply(nothingOf(wanted), undefined, never());
          assert.deepEqual(await bench.objects(), before, `killed ${when} change ${at}, then removed`);
        }
      },
    );

  check('what a killed apply left is listed as owned, and goes when its objects are removed', async (bench) => {
    const before = await bench.objects();
    for (const at of sampleOf(await placesOf(bench), 2)) {
      const balancer = bench.connect();
      await dies(bench.connect(killAt(at, 'after')), makeWanted(bench, balancer));
      for (const object of await balancer.owned(never())) await balancer.removeOwned(object, never());
      assert.deepEqual(await bench.objects(), before, `killed after change ${at}`);
    }
  });

  check('owned lists the objects of every owner, and removeOwned removes one of them', async (bench) => {
    const balancer = bench.connect();
    const before = await bench.objects();
    assert.deepEqual(await balancer.owned(never()), []);
    const [one, two] = [makeWanted(bench, balancer), makeWanted(bench, balancer)];
    const receipt = await balancer.apply(one, undefined, never());
    const withOne = await bench.objects();
    await balancer.apply(two, undefined, never());
    const owned = await bench.connect().owned(never());
    const namesOf = ({ rules, group }: WantedRules) =>
      [...rules, ...(group && !bench.hasNoGroups ? [group] : [])].map(({ name }) => name);
    assert.deepEqual(owned.map(({ name }) => name).sort(), [...namesOf(one), ...namesOf(two)].sort());
    for (const { name } of owned) assert.ok(markIn(name), name);
    // Groups come after rules, so that none is in use.
    const kinds = owned.map(({ kind }) => kind);
    assert.ok(
      kinds.lastIndexOf('rule') < (kinds.includes('group') ? kinds.indexOf('group') : kinds.length),
      `${kinds}`,
    );
    const theirs = owned.filter(({ name }) => markIn(name)?.owner === two.owner);
    for (const object of theirs) await balancer.removeOwned(object, never());
    assert.deepEqual(await bench.objects(), withOne);
    await assertInEffect(bench, balancer, one, receipt);
    for (const object of theirs) await bench.connect().removeOwned(object, never());
    assert.deepEqual(await bench.objects(), withOne);
    await balancer.apply(nothingOf(one), receipt, never());
    assert.deepEqual(await bench.objects(), before);
  });

  check('inspect, state and owned change nothing', async (bench) => {
    let effects = 0;
    const balancer = bench.connect(() => {
      effects += 1;
    });
    const wanted = makeWanted(bench, balancer);
    const receipt = await balancer.apply(wanted, undefined, never());
    await assertInEffect(bench, balancer, wanted, receipt);
    const [before, made] = [await bench.objects(), effects];
    await balancer.inspect(never());
    await balancer.state(wanted, receipt, never());
    await balancer.owned(never());
    assert.equal(effects, made);
    assert.deepEqual(await bench.objects(), before);
    await balancer.apply(nothingOf(wanted), receipt, never());
    // Removed rules are not ready, and `state` does not add them again.
    const gone = await bench.objects();
    assert.equal((await balancer.state(wanted, receipt, never())).ready, false);
    assert.deepEqual(await bench.objects(), gone);
  });

  check('an aborted signal stops each method before it changes anything', async (bench) => {
    const balancer = bench.connect();
    const wanted = makeWanted(bench, balancer);
    const receipt = await balancer.apply(wanted, undefined, never());
    const [object] = await balancer.owned(never());
    const before = await bench.objects();
    const reason = new Error('stop');
    const stopped = AbortSignal.abort(reason);
    const calls: Record<string, () => Promise<unknown>> = {
      inspect: async () => balancer.inspect(stopped),
      apply: async () => balancer.apply(nothingOf(wanted), receipt, stopped),
      state: async () => balancer.state(wanted, receipt, stopped),
      owned: async () => balancer.owned(stopped),
      removeOwned: async () => balancer.removeOwned(object!, stopped),
    };
    for (const [name, call] of Object.entries(calls))
      await assert.rejects(call, (error) => error === reason, `${name} does not reject with the signal's reason`);
    assert.deepEqual(await bench.objects(), before);
  });

  check('aborted at any change, it rejects with the reason, and a second apply completes', async (bench) => {
    const before = await bench.objects();
    for (const at of sampleOf(await placesOf(bench), 2)) {
      const controller = new AbortController();
      const reason = new Error('stop');
      let count = 0;
      const watch: EffectWatch = (when) => {
        if (when === 'before') count += 1;
        if (when === 'after' && count === at) controller.abort(reason);
      };
      const balancer = bench.connect(watch);
      const wanted = makeWanted(bench, balancer);
      const outcome = await balancer.apply(wanted, undefined, controller.signal).then(
        () => 'done',
        (error: unknown) => error,
      );
      // The signal may come after the last change, when there is nothing left to stop.
      assert.ok(outcome === reason || outcome === 'done', inspect(outcome));
      const receipt = await bench.connect().apply(wanted, undefined, never());
      await assertInEffect(bench, bench.connect(), wanted, receipt);
      await bench.connect().apply(nothingOf(wanted), receipt, never());
      assert.deepEqual(await bench.objects(), before, `aborted at change ${at}`);
    }
  });

  check('two objects at once, one after the other under the caller’s lock', async (bench) => {
    const lock = createTurns(1);
    const before = await bench.objects();
    const all = [0, 1, 2, 3].map(() => {
      const balancer = bench.connect();
      return { balancer, wanted: makeWanted(bench, balancer) };
    });
    const receipts = await Promise.all(
      all.map(({ balancer, wanted }) => lock.run(() => balancer.apply(wanted, undefined, never()))),
    );
    for (const [index, { balancer, wanted }] of all.entries())
      await assertInEffect(bench, balancer, wanted, receipts[index]!);
    await Promise.all(
      all.map(({ balancer, wanted }, index) =>
        lock.run(() => balancer.apply(nothingOf(wanted), receipts[index], never())),
      ),
    );
    assert.deepEqual(await bench.objects(), before);
  });

  check('a refusal is an error of the area balancer/ that changes nothing and contains no secret', async (bench) => {
    const balancer = bench.connect();
    const before = await bench.objects();
    const refused = bench.connectRefused();
    const wanted = makeWanted(bench, balancer);
    const calls: Record<string, () => Promise<unknown>> = {
      inspect: async () => refused.inspect(never()),
      apply: async () => refused.apply(wanted, undefined, never()),
    };
    const secrets = [...bench.secrets, ...wanted.rules.flatMap(({ answer }) => answer ?? [])];
    for (const [name, call] of Object.entries(calls)) {
      const error: unknown = await call().then(
        () => assert.fail(`${name} was not refused`),
        (thrown) => thrown,
      );
      assert.ok(isFailure(error, 'balancer/'), `${name} is not of the area balancer/: ${inspect(error)}`);
      assertNoSecret(secrets, everythingIn(error));
    }
    assert.deepEqual(await bench.objects(), before);
    const receipt = await balancer.apply(wanted, undefined, never());
    await balancer.apply(nothingOf(wanted), receipt, never());
    for (const line of bench.logged()) assertNoSecret(secrets, line);
    // The receipt is stored in the lock's document, which must not contain credentials.
    assertNoSecret(bench.secrets, JSON.stringify(receipt));
  });
}

const never = (): AbortSignal => new AbortController().signal;

let drawn = 0;
/** Returns digits that differ each time. */
const hex = (digits: number): string => {
  drawn += 1;
  return drawn.toString(16).padStart(digits, '0');
};

const named = (owner: string): string =>
  nameWithMark({ owner, expires: new Date('2027-01-01T00:00:00Z'), id: hex(12) });

/** Returns two rules of a new owner, in the form that the solver uses. */
function makeWanted(bench: BalancerBench, balancer: Balancer, owner: string = hex(12)): WantedRules {
  const id = hex(8);
  const rules = ['a', 'b'].map((label): WantedRule => {
    const rule = { name: named(owner), lineage: `${label}-${id}`, host: `${label}-${id}.example.test` };
    if (balancer.mode === 'forward') return { ...rule, path: '/.well-known/acme-challenge/' };
    const token = hex(32);
    return { ...rule, path: `/.well-known/acme-challenge/${token}`, answer: `${token}.${hex(43)}` };
  });
  if (balancer.mode !== 'forward') return { owner, rules };
  const { backends = [] } = bench;
  assert.ok(backends.length >= 2, 'a bench for the mode forward needs two backends');
  return { owner, rules, group: { name: named(owner), lineage: `a-${id}`, backends } };
}

/**
 * Returns the number of each change of an apply, and one more, at which nothing is left to disturb. `hasOld`: the owner
 * has other rules, which the same apply removes.
 */
async function placesOf(bench: BalancerBench, hasOld = false): Promise<readonly number[]> {
  let changes = 0;
  const balancer = bench.connect((when) => {
    if (when === 'before') changes += 1;
  });
  const wanted = makeWanted(bench, balancer);
  if (hasOld) await bench.connect().apply(makeWanted(bench, balancer, wanted.owner), undefined, never());
  const receipt = await balancer.apply(wanted, undefined, never());
  await bench.connect().apply(nothingOf(wanted), receipt, never());
  assert.ok(changes <= mostChanges, `more than ${mostChanges} changes`);
  return Array.from({ length: changes + 1 }, (_, n) => n + 1);
}

const nothingOf = ({ owner }: WantedRules): WantedRules => ({ owner, rules: [] });

async function assertInEffect(
  bench: BalancerBench,
  balancer: Balancer,
  wanted: WantedRules,
  receipt: Json,
): Promise<void> {
  for (let round = 1; ; round++) {
    const state = await balancer.state(wanted, receipt, never());
    if (state.ready) break;
    assert.ok(round < 1_000, `never ready: ${state.reason}`);
    await bench.pass(state.retryAfterMs ?? 1_000);
  }
  for (const rule of wanted.rules) assert.ok(await bench.isInEffect(rule, wanted), `${rule.name} is not in effect`);
}

/** Waits until the rules are gone. A balancer may take a moment until the last of its processes has dropped a rule. */
async function assertGone(bench: BalancerBench, wanted: WantedRules): Promise<void> {
  for (const rule of wanted.rules)
    for (let round = 1; await bench.isInEffect(rule, wanted); round++) {
      assert.ok(round < 100, `${rule.name} is still in effect`);
      await bench.pass(100);
    }
}

/** Fails the nth change and everything after it, as a SIGKILL does. */
function killAt(nth: number, when: 'before' | 'after'): EffectWatch {
  let count = 0;
  return (now) => {
    if (now === 'before') count += 1;
    if (count > nth || (count === nth && (when === 'before' || now === 'after'))) throw new Error('killed');
  };
}

/** Reports whether the process was killed before it was done. */
const dies = (balancer: Balancer, wanted: WantedRules): Promise<boolean> =>
  balancer.apply(wanted, undefined, never()).then(
    () => false,
    () => true,
  );

function assertNoSecret(secrets: readonly string[], text: string): void {
  for (const secret of secrets) assert.ok(!text.includes(secret), `a secret is in: ${text}`);
}

/** Returns every text in an error, its causes and its own fields. */
function everythingIn(error: unknown): string {
  const texts: string[] = [];
  for (let at = error; at instanceof Error; at = at.cause)
    texts.push(at.message, at.stack ?? '', JSON.stringify(at, Object.getOwnPropertyNames(at)));
  return texts.join('\n');
}
