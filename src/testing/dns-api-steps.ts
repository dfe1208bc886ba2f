import { present } from '../core/text/present.ts';
import type { DnsValue } from '../ports/dns-provider.ts';
import { challengeIn, cleanUp, expectAt, listed, never } from './dns-provider-checks.ts';
import type { DnsProviderBench, EngineBench } from './dns-provider-contract.ts';
import type { FakeApi, FakeCall, FakeRequest, Fault } from './fake-api.ts';
import { sampleOf } from './sample.ts';

type Bench = EngineBench<DnsProviderBench & { readonly api: FakeApi; isOptional?(request: FakeRequest): boolean }>;
type Provider = ReturnType<Bench['connect']>;

/** A change with one call that can be made to fail. */
interface Step {
  /** Makes the call fail in this way. */
  hit(fault: Fault, then?: () => void): void;
  /** Makes the call and all later ones fail, or only those that `which` selects. */
  hitAll(fault: Fault, which?: (request: FakeRequest) => boolean): void;
  /** Adds or removes the value. */
  change(signal?: AbortSignal): Promise<unknown>;
  /** Repeats the change in another process, some time later. */
  again(): Promise<unknown>;
  /** Checks the fake's zone. */
  expected(): Promise<void>;
  readonly isRemoval: boolean;
  /** Returns the calls of the change that succeeded before the failing one. */
  callsBefore(): readonly FakeCall[];
}

/** Several values added at the same time, as for a certificate with many names. */
interface GroupStep extends Pick<Step, 'hitAll'> {
  add(): Promise<readonly { readonly value: DnsValue; readonly error?: unknown }[]>;
}

/** Reports whether the call with this number has been reached, until `end`. Optional calls do not count. */
function fromCall(bench: Bench, at: number): { reached(request: FakeRequest): boolean; end(): void } {
  let seen = -1;
  let isOver = false;
  return {
    reached(request) {
      if (isOver || bench.isOptional?.(request)) return false;
      seen += 1;
      return seen >= at;
    },
    end() {
      isOver = true;
    },
  };
}

/**
 * Runs each case once for each call that adding a value takes, and for each that removing it takes. Cleans up
 * afterwards.
 */
export async function atEachCall<Case>(
  bench: Bench,
  cases: readonly Case[],
  run: (step: Step, one: Case) => Promise<void>,
  choose: <Each>(all: readonly Each[]) => readonly Each[] = (all) => all,
): Promise<void> {
  const places: { readonly isRemoval: boolean; readonly at: number }[] = [];
  for (const isRemoval of [false, true])
    for (let at = 0, calls = await callsOf(bench, isRemoval); at < calls; at += 1) places.push({ isRemoval, at });
  const all = cases.flatMap((one) => places.map((place) => ({ ...place, one })));
  for (const { isRemoval, at, one } of choose(all)) {
    const value = await begun(bench, isRemoval);
    const from = bench.api.calls.length;
    const change = (provider: Provider, signal = never()): Promise<unknown> =>
      isRemoval ? provider.remove(value, undefined, signal) : provider.add(value, signal);
    const provider = bench.connect();
    const { reached, end } = fromCall(bench, at);
    const step: Step = {
      hit: (fault, then = () => {}) =>
        bench.api.fault(fault, {
          on: (request) => {
            if (!reached(request)) return false;
            then();
            return true;
          },
        }),
      hitAll: (fault, which = () => true) =>
        bench.api.fault(fault, { times: 1_000, on: (request) => reached(request) && which(request) }),
      change: (signal) => change(provider, signal),
      async again() {
        await listed(bench);
        await change(bench.connect());
      },
      expected: () => expectAt(bench, value, [value.value], isRemoval ? [value.value] : []),
      isRemoval,
      callsBefore: () => required(bench, from).slice(0, at),
    };
    await run(step, one);
    end();
    await cleanUp(bench, value);
  }
}

/**
 * How many runs of a sample: half as many as there are kinds of faults, because thirty providers draw their own in
 * certfleet's own tests.
 */
const runsOf = (cases: readonly unknown[]): number => Math.ceil(cases.length / 2);

/** Like {@link atEachCall}, but runs only a sample in certfleet's own tests. */
export const atSomeCalls = <Case>(
  bench: Bench,
  cases: readonly Case[],
  run: (step: Step, one: Case) => Promise<void>,
): Promise<void> => atEachCall(bench, cases, run, (all) => sampleOf(all, runsOf(cases)));

/** Runs each case once for each call that adding three values takes, or for a sample of these. Cleans up afterwards. */
export async function groupAtSomeCalls<Case>(
  bench: Bench,
  cases: readonly Case[],
  run: (step: GroupStep, one: Case) => Promise<void>,
): Promise<void> {
  const values = ['n1', 'n2', 'n3'].map((host) => challengeIn(bench, host));
  const addAll = (provider: Provider) => Promise.allSettled(values.map((value) => provider.add(value, never())));
  const cleanAll = async () => {
    for (const value of values) await cleanUp(bench, value);
  };
  const from = bench.api.calls.length;
  await addAll(bench.connect());
  const calls = required(bench, from).length;
  await cleanAll();
  const all = cases.flatMap((one) => Array.from({ length: calls - 1 }, (_, before) => ({ at: before + 1, one })));
  for (const { at, one } of sampleOf(all, runsOf(cases))) {
    const { reached, end } = fromCall(bench, at);
    const step: GroupStep = {
      hitAll: (fault) => bench.api.fault(fault, { times: 1_000, on: reached }),
      async add() {
        const done = await addAll(bench.connect());
        return done.map((each, index) => ({
          value: values[index]!,
          ...present({ error: each.status === 'rejected' ? each.reason : undefined }),
        }));
      },
    };
    await run(step, one);
    end();
    await cleanAll();
  }
}

/** Returns the calls from this one on, without optional ones. */
const required = (bench: Bench, from: number): readonly FakeCall[] =>
  bench.api.calls.slice(from).filter(({ request }) => !bench.isOptional?.(request));

async function begun(bench: Bench, isRemoval: boolean): Promise<DnsValue> {
  const value = challengeIn(bench, 'www');
  if (!isRemoval) return value;
  await bench.connect().add(value, never());
  await listed(bench);
  return value;
}

/** The number of calls, counted once for each bench, because a check runs the same change again with each fault. */
const counted = new WeakMap<Bench, Map<boolean, number>>();

async function callsOf(bench: Bench, isRemoval: boolean): Promise<number> {
  const known = counted.get(bench) ?? new Map<boolean, number>();
  counted.set(bench, known);
  const before = known.get(isRemoval);
  if (before !== undefined) return before;
  const calls = await countCalls(bench, isRemoval);
  known.set(isRemoval, calls);
  return calls;
}

async function countCalls(bench: Bench, isRemoval: boolean): Promise<number> {
  const value = await begun(bench, isRemoval);
  const before = bench.api.calls.length;
  const provider = bench.connect();
  await (isRemoval ? provider.remove(value, undefined, never()) : provider.add(value, never()));
  const calls = required(bench, before).length;
  await cleanUp(bench, value);
  return calls;
}
