import { setMaxListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { fakeProcesses } from '../../../test/support/fake-processes.ts';
import { noteWrite } from '../../core/async/writes.ts';
import { challengePath } from '../../core/ca/challenge-path.ts';
import { fail } from '../../core/errors/errors.ts';
import { encodeDocument } from '../../core/lineage/lineage.ts';
import { decodeLock, type LockDocument } from '../../core/lineage/lock.ts';
import { markLifeMs, markOf, nameWithMark } from '../../core/request-path/own-mark.ts';
import { present } from '../../core/text/present.ts';
import type { Backend, Balancer, Inspection, ListenerRule, WantedRules } from '../../ports/balancer.ts';
import type { Responder } from '../../ports/responder.ts';
import type { Prepared, Readiness, Solver, SolverChallenge } from '../../ports/solver.ts';
import { createMemoryStore } from '../../stores/memory.ts';
import { type FakeClock, fakeClock } from '../../testing/fake-clock.ts';
import { solverContract } from '../../testing/solver-contract.ts';
import { createLocks } from '../locks/lock.ts';
import { createForwardRule, type ForwardRuleOptions } from './http01-forward-rule.ts';

const { signal } = new AbortController();
// Shared by all tests of this file at once.
setMaxListeners(0, signal);
const owner = '0123456789ab';
const resource = 'alibaba-clb lb-1';
const mark = markOf(owner);
const isOurs = ({ name }: ListenerRule) => name.startsWith(mark);

/** What all processes see: a balancer's listener, and the store. */
function world({
  mode = 'forward' as Balancer['mode'],
  matching = 'host-first' as Inspection['matching'],
  room = 40,
} = {}) {
  const store = createMemoryStore();
  const cloud = {
    rules: [] as readonly (ListenerRule & { readonly answer?: string })[],
    group: undefined as WantedRules['group'],
    room,
    calls: [] as string[],
    /** Runs before a change of the balancer is made. */
    beforeApply: async (_signal: AbortSignal): Promise<void> => {},
    state: async (_signal: AbortSignal): Promise<Readiness> => ({ ready: true }),
    /** Where a rule that a person made leads. */
    byHand: undefined as readonly Backend[] | undefined,
  };
  const apply = (wanted: WantedRules) => {
    const own = wanted.rules.map(({ name, host, path, answer }) => ({
      ...{ name, path, action: 'forwards' },
      ...present({ host, answer }),
    }));
    cloud.rules = [...cloud.rules.filter((rule) => !isOurs(rule)), ...own];
    cloud.group = wanted.group;
  };

  /** One process on a node. */
  function process(
    pid: number,
    {
      clock = fakeClock(),
      dead = [] as readonly number[],
      ...more
    }: Partial<ForwardRuleOptions> & {
      readonly clock?: FakeClock;
      readonly dead?: readonly number[];
    } = {},
  ) {
    let count = 0;
    const processes = fakeProcesses({ pid, dead: { has: (of) => dead.includes(of) } });
    const random = { bytes: (n: number) => new Uint8Array(n).fill(16 * pid + ++count), number: () => 0.5 };
    const limits = { leaseTtlMs: 60_000, shutdownBudgetMs: 8_000 };
    const locks = createLocks({ store, clock, random, processes, limits });
    const balancer: Balancer = {
      ...{ type: 'memory', resource, listener: '80', mode },
      backend: async () => ({ server: `i-node${pid}`, port: 30_080 }),
      async inspect(s) {
        s.throwIfAborted();
        cloud.calls.push('inspect');
        return { matching, rules: cloud.rules, rulesLeft: cloud.room - cloud.rules.length };
      },
      async apply(wanted, _known, s) {
        s.throwIfAborted();
        cloud.calls.push('apply');
        await cloud.beforeApply(s);
        apply(wanted);
        return { id: 'rsp-1' };
      },
      state(_wanted, _receipt, s) {
        cloud.calls.push('state');
        return cloud.state(s);
      },
      backendsOf: async () => cloud.byHand,
      owned: async () => [],
      removeOwned: async () => {},
    };
    const responder = {
      address: '0.0.0.0:30080',
      patienceMs: 0,
      probe: async () => ({ path: `${challengePath}_health-x`, body: 'proof' }),
      reachedAt: async () => true,
      answer: async () => ({ published: true }),
      ready: async () => ({ ready: true }),
      withdraw: async () => {},
      serve: async () => {},
      close: async () => {},
    } satisfies Responder;
    const solver = createForwardRule({
      ...{ balancer, name: 'slb', responder, locks, owner, clock, keep: false, timeoutMs: 600_000 },
      random: random as never,
      ...more,
    });
    return { clock, solver };
  }

  const document = async (): Promise<LockDocument | undefined> => {
    const entry = await store.get({ kind: 'lock', name: resource }, signal);
    return entry && decodeLock(entry.bytes, resource, 'memory');
  };
  return { cloud, process, document, ours: () => cloud.rules.filter(isOurs) };
}

const dns = (...hosts: string[]) => hosts.map((value) => ({ type: 'dns', value }) as const);
const backends = (group: WantedRules['group']) => (group?.backends ?? []).map(({ server }: Backend) => server);
const prepare = (solver: Solver, lineage: string, s = signal) =>
  solver.prepare!(lineage, dns(`${lineage}.example.test`), s);
const withdraw = (solver: Solver, lineage: string) => solver.withdraw!(lineage, signal);

let counter = 0;
function challenge(lineage = 'a', host = 'a.example.test'): SolverChallenge {
  const token = `token-${++counter}`;
  const [identifier] = dns(host);
  return {
    ...{ type: 'http-01', identifier: identifier!, token, keyAuthorization: `${token}.thumbprint`, lineage },
    ...{ allIdentifiers: [identifier!], remaining: 0 },
  };
}

/** A promise that is resolved from outside. */
function gate() {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open, opened };
}

solverContract(it, async () => {
  const { cloud, process } = world({ mode: 'fixed-response', matching: 'best' });
  let pid = 0;
  return {
    connect: () => process(++pid).solver,
    challenge: () => challenge(`l${counter}`, `l${counter}.example.test`),
    seen: async ({ token, identifier }) =>
      cloud.rules.find(({ path, host }) => path === `${challengePath}${token}` && host === identifier.value)?.answer,
    expected: ({ keyAuthorization }) => keyAuthorization,
    async plant({ identifier, token }) {
      const foreign = {
        name: 'foreign',
        host: identifier.value,
        path: `${challengePath}${token}x`,
        action: 'forwards',
      };
      cloud.rules = [...cloud.rules, foreign];
      return async () => cloud.rules.includes(foreign);
    },
    refused() {
      cloud.beforeApply = async () => {
        throw fail('balancer/refused', { balancer: 'slb', what: 'the rule', reason: 'no', advice: '' } as never);
      };
      return process(++pid).solver;
    },
    logged: () => [],
    stop: async () => {},
  };
});

describe('sharing', () => {
  it('certificates of several processes share one rule and group; the last one that leaves removes them', async () => {
    const { cloud, process, document, ours } = world();
    const [one, two] = [process(1), process(2)];
    await prepare(one.solver, 'a');
    expect(ours()).toMatchObject([{ path: challengePath }]);
    const [first] = ours();
    await prepare(two.solver, 'b');
    expect(ours()).toEqual([first]);
    expect(backends(cloud.group)).toEqual(['i-node1', 'i-node2']);
    await withdraw(one.solver, 'a');
    expect(ours()).toEqual([first]);
    expect(backends(cloud.group)).toEqual(['i-node2']);
    await withdraw(two.solver, 'b');
    expect(ours()).toEqual([]);
    expect(cloud.group).toBeUndefined();
    expect(await document()).toBeUndefined();
  });

  it('the journal knows every rule before the balancer is asked, and as long as it may be there', async () => {
    const { cloud, process, document } = world();
    const journalled: unknown[] = [];
    cloud.beforeApply = async () => {
      const { rules = [], group } = (await document())?.listeners?.['80'] ?? {};
      journalled.push([rules.length, group !== undefined]);
    };
    const { solver } = process(1);
    await prepare(solver, 'a');
    await withdraw(solver, 'a');
    expect(journalled).toEqual([
      [1, true],
      [1, true],
    ]);
  });

  it('wishes that arrive during a change share the next one', async () => {
    const { cloud, process, document } = world();
    const { solver } = process(1);
    const lineages = Array.from({ length: 50 }, (_, i) => `n${i}`);
    await Promise.all(lineages.map((lineage) => prepare(solver, lineage)));
    expect(cloud.calls.filter((call) => call === 'apply').length).toBeLessThanOrEqual(2);
    expect(Object.keys((await document())?.listeners?.['80']?.users ?? {})).toHaveLength(50);
    cloud.calls.length = 0;
    await Promise.all(lineages.map((lineage) => withdraw(solver, lineage)));
    expect(cloud.calls.filter((call) => call === 'apply').length).toBeLessThanOrEqual(2);
    expect(cloud.rules).toEqual([]);
  });

  it('many orders ask for the balancer’s state once a second', async () => {
    const { cloud, process } = world();
    const { solver, clock } = process(1);
    const prepared = await Promise.all(['a', 'b', 'c'].map((lineage) => prepare(solver, lineage)));
    const ask = () => Promise.all(prepared.map(({ ready }) => ready!(signal)));
    expect(await ask()).toEqual([{ ready: true }, { ready: true }, { ready: true }]);
    await ask();
    expect(cloud.calls.filter((call) => call === 'state')).toHaveLength(1);
    await clock.advance(1_000);
    await ask();
    expect(cloud.calls.filter((call) => call === 'state')).toHaveLength(2);
  });
});

it('answers all challenges of a certificate that are presented at once', async () => {
  const { process, ours } = world({ mode: 'fixed-response', matching: 'best' });
  const { solver } = process(1);
  // The first one is alone in its batch.
  const lineages = ['z', 'a', 'a', 'b'];
  const all = lineages.map((lineage, index) => challenge(lineage, `${lineage}${index}.example.test`));
  await Promise.all(all.map((one) => solver.present(one, async () => {}, signal)));
  expect(
    ours()
      .map(({ path }) => path)
      .sort(),
  ).toEqual(all.map(({ token }) => `${challengePath}${token}`).sort());
});

describe('a certificate that gets no rule', () => {
  const twin = { name: 'by-hand', path: challengePath, action: 'forwards to rsp-web' };

  it('for good, because another rule is in the way, leaves nothing, and the others get theirs', async () => {
    const { cloud, process, document, ours } = world();
    const shop = { name: 'shop', host: 'b.example.test', path: '/shop', action: 'forwards to rsp-shop' };
    cloud.rules = [twin, shop];
    const { solver } = process(1);
    const [refused, made] = await Promise.allSettled([prepare(solver, 'a'), prepare(solver, 'b')]);
    expect(refused).toMatchObject({
      reason: {
        code: 'balancer/unsafe-rule',
        message: expect.stringContaining('by-hand'),
        hint: expect.stringContaining('0.0.0.0:30080'),
      },
    });
    expect(made.status).toBe('fulfilled');
    expect(ours()).toMatchObject([{ host: 'b.example.test', path: challengePath }]);
    expect(Object.keys((await document())?.listeners?.['80']?.users ?? {})).toEqual(['b']);
    await withdraw(solver, 'b');
    expect(cloud.rules).toEqual([twin, shop]);
    expect(await document()).toBeUndefined();
  });

  const here = { server: 'i-node1', port: 30_080 };
  it.each<[string, readonly Backend[] | undefined, string]>([
    ['leads to this node alone', [here], 'already leads to this node (i-node1:30080), so set `byHand: true`'],
    ['leads to this node and another', [here, { ...here, server: 'i-node2' }], 'If that rule leads to 0.0.0.0:30080'],
    ['leads to nothing', [], 'If that rule leads to 0.0.0.0:30080'],
    ['leads where nothing shows', undefined, 'If that rule leads to 0.0.0.0:30080'],
  ])('because a rule made by hand %s, says how to use that rule', async (_what, byHand, says) => {
    const { cloud, process } = world();
    cloud.rules = [twin];
    cloud.byHand = byHand;
    const { solver } = process(1);
    const { hint } = await prepare(solver, 'a').then(
      () => expect.fail(),
      (error: { readonly hint: string }) => error,
    );
    for (const part of [says, '`byHand: true`', '`http01-responder`']) expect(hint).toContain(part);
    const { hops } = await solver.describePath!(dns('a.example.test')[0]!, signal);
    expect(hops.find(({ at }) => at === 'rule')).toMatchObject({
      state: 'broken',
      advice: expect.stringContaining(says),
    });
  });

  const orphan = (hoursAgo: number, keep = false) => {
    const madeMs = fakeClock().now().getTime() - hoursAgo * 3_600_000;
    const expires = new Date(madeMs + markLifeMs[keep ? 'keep' : 'order']);
    return { ...twin, name: nameWithMark({ owner: 'bbbbbbbbbbbb', expires, id: '000000000001' }) };
  };
  const removal = '`certfleet sweep --lost --owner bbbbbbbbbbbb --gone`';

  it.each([
    ['is older than any order', orphan(5), 'about 5 hours'],
    ['is meant to stay', orphan(0, true), 'less than an hour'],
  ])('because the rule of another installation %s, says so at once', async (_what, rule, age) => {
    const { cloud, process, document } = world();
    cloud.rules = [rule];
    await expect(prepare(process(1).solver, 'a')).rejects.toMatchObject({
      code: 'balancer/rule-in-the-way',
      message: expect.stringMatching(new RegExp(`\\(bbbbbbbbbbbb\\).*${rule.name} was made ${age} ago`)),
      hint: expect.stringContaining(removal),
    });
    expect(cloud.rules).toEqual([rule]);
    expect((await document())?.listeners?.['80']?.rules ?? []).toEqual([]);
  });

  it.each([true, false])(
    'because the journal is full, is refused before the store refuses it (keep: %s)',
    async (keep) => {
      const { process, document } = world();
      const { solver } = process(1, { keep });
      const names = Array.from({ length: 1_600 }, (_, i) => `certificate-number-${i}`);
      const all = await Promise.allSettled(names.map((name) => prepare(solver, name)));
      const { users = {} } = (await document())?.listeners?.['80'] ?? {};
      const count = Object.keys(users).length;
      expect(count).toBeGreaterThan(500);
      expect(encodeDocument((await document())!).length).toBeLessThan(256 * 1024);
      const refused = all.filter(({ status }) => status === 'rejected');
      if (keep) {
        expect(refused).toHaveLength(names.length - count);
        expect(refused[0]).toMatchObject({
          reason: { code: 'balancer/journal-full', message: expect.stringContaining(`${count} certificates`) },
        });
        const kept = Object.keys(users)[0]!;
        await solver.forget!(kept, signal);
        await expect(prepare(solver, 'another')).resolves.toHaveProperty('ready');
        return;
      }
      expect(refused).toEqual([]);
      const last = all.at(-1) as PromiseFulfilledResult<Prepared>;
      expect(await last.value.ready!(signal)).toMatchObject({
        ready: false,
        reason: expect.stringContaining('no room'),
      });
    },
  );

  it('alone leaves no document either', async () => {
    const { cloud, process, document } = world();
    cloud.rules = [twin];
    await expect(prepare(process(1).solver, 'a')).rejects.toMatchObject({ code: 'balancer/unsafe-rule' });
    expect(cloud.rules).toEqual([twin]);
    expect(await document()).toBeUndefined();
  });

  it('for now, because the listener is full, waits for room, and looks again every five seconds', async () => {
    const { cloud, process, ours } = world({ room: 1 });
    cloud.rules = [{ name: 'other', host: 'other.test', action: 'forwards to rsp-web' }];
    const { solver, clock } = process(1);
    const { ready } = await prepare(solver, 'a');
    const full = {
      ready: false,
      reason:
        'the listener has no room for another rule (1 are there), and 1 are allowed: remove one, or have the quota raised',
    };
    expect(await ready!(signal)).toMatchObject(full);
    cloud.rules = [];
    const calls = cloud.calls.length;
    expect(await ready!(signal)).toMatchObject(full);
    expect(cloud.calls).toHaveLength(calls);
    await clock.advance(5_000);
    expect(await ready!(signal)).toEqual({ ready: true });
    expect(ours()).toHaveLength(1);
  });

  it('for now, because another installation uses the same path, waits', async () => {
    const { cloud, process, ours } = world();
    cloud.rules = [orphan(0)];
    const { solver, clock } = process(1);
    const { ready } = await prepare(solver, 'a');
    expect(await ready!(signal)).toMatchObject({
      ready: false,
      isDoubtful: true,
      reason: expect.stringMatching(
        /^another installation .*\(bbbbbbbbbbbb\).*made less than an hour ago.*--owner bbbbbbbbbbbb --gone/,
      ),
    });
    cloud.rules = [];
    await clock.advance(5_000);
    expect(await ready!(signal)).toEqual({ ready: true });
    expect(ours()).toHaveLength(1);
  });
});

describe('aborts', () => {
  const reason = new Error('stop');

  it('one of two callers: the other one gets its rule', async () => {
    const { cloud, process, document, ours } = world();
    const { solver, clock } = process(1);
    const { open, opened } = gate();
    cloud.beforeApply = () => opened;
    const running = prepare(solver, 'a');
    await clock.advance(0);
    const stop = new AbortController();
    const both = [prepare(solver, 'b', stop.signal), prepare(solver, 'c')];
    const outcomes = Promise.allSettled(both);
    await clock.advance(0);
    stop.abort(reason);
    open();
    await running;
    expect(await outcomes).toMatchObject([{ reason }, { status: 'fulfilled' }]);
    expect(Object.keys((await document())?.listeners?.['80']?.users ?? {})).toEqual(['a', 'c']);
    expect(ours()).toHaveLength(1);
  });

  it('one that asks for the state: the others ask again', async () => {
    const { cloud, process } = world();
    const { solver } = process(1);
    const [first, second] = await Promise.all(['a', 'b'].map((lineage) => prepare(solver, lineage)));
    const { open, opened } = gate();
    const stop = new AbortController();
    cloud.state = async (s) => {
      await opened;
      s.throwIfAborted();
      return { ready: true };
    };
    const both = Promise.allSettled([first!.ready!(stop.signal), second!.ready!(signal)]);
    stop.abort(reason);
    open();
    expect(await both).toMatchObject([{ reason }, { value: { ready: true } }]);
  });

  it('all callers: the change ends, and what it began is in the journal', async () => {
    const { cloud, process, document } = world();
    const { solver } = process(1);
    const stop = new AbortController();
    cloud.beforeApply = async () => {
      stop.abort(reason);
      throw reason;
    };
    await expect(prepare(solver, 'a', stop.signal)).rejects.toBe(reason);
    expect((await document())?.listeners?.['80']?.rules).toHaveLength(1);
    expect((await document())?.lease).toBeUndefined();
    cloud.beforeApply = async () => {};
    await withdraw(solver, 'a');
    expect(await document()).toBeUndefined();
  });
});

describe('a process that was stopped in a change', () => {
  it('does it again if another process has had the lock meanwhile', async () => {
    const { cloud, process, document, ours } = world();
    const stopped = process(1);
    const { open, opened } = gate();
    cloud.beforeApply = () => opened;
    const preparing = prepare(stopped.solver, 'a');
    await stopped.clock.advance(0);
    cloud.beforeApply = async () => {};

    const next = process(2);
    const joining = prepare(next.solver, 'b');
    await next.clock.advance(61_000);
    await joining;
    await withdraw(next.solver, 'b');
    await withdraw(next.solver, 'a');
    expect(await document()).toBeUndefined();

    // It goes on long after its lease, and its late change comes.
    const going = stopped.clock.advance(61_000);
    open();
    await going;
    await preparing;
    expect(ours()).toHaveLength(1);
    expect(Object.keys((await document())?.listeners?.['80']?.users ?? {})).toEqual(['a']);
    await withdraw(stopped.solver, 'a');
    expect(ours()).toEqual([]);
    expect(await document()).toBeUndefined();
  });

  it('and killed: the next process that works for the same certificate removes everything', async () => {
    const { cloud, process, document, ours } = world();
    const dead = process(1);
    cloud.beforeApply = () => new Promise(() => {});
    void prepare(dead.solver, 'a');
    await dead.clock.advance(0);
    cloud.beforeApply = async () => {};
    const next = process(2, { dead: [1] });
    await withdraw(next.solver, 'a');
    expect(next.clock.monotonicMs()).toBe(0);
    expect(ours()).toEqual([]);
    expect(await document()).toBeUndefined();
  });
});

describe('a change that the balancer refuses', () => {
  const refusal = () =>
    fail('balancer/refused', { balancer: 'slb', what: 'the rule', reason: 'no', advice: '' } as never);

  it('is tried again, because another installation may have added the same rule', async () => {
    const { cloud, process, ours } = world();
    let tries = 0;
    cloud.beforeApply = async () => {
      if (++tries < 3) throw refusal();
    };
    await prepare(process(1).solver, 'a');
    expect(ours()).toHaveLength(1);
  });

  it('after its first write does not say that nothing was changed', async () => {
    for (const [writes, hint] of [
      [false, 'Nothing was changed. Check it.'],
      [true, 'What was created before the error is removed, or used by the next attempt. Check it.'],
    ] as const) {
      const { cloud, process } = world();
      let tries = 0;
      cloud.beforeApply = async (own) => {
        // The group, which the next tries find.
        if (writes && ++tries === 1) noteWrite(own);
        throw fail('balancer/refused', { balancer: 'slb', action: 'CreateRule', reason: 'no', advice: 'Check it.' });
      };
      await expect(prepare(process(1).solver, 'a')).rejects.toMatchObject({ code: 'balancer/refused', hint });
    }
  });

  it('three times fails, and the clean-up removes what may be there', async () => {
    const { cloud, process, document } = world();
    cloud.beforeApply = async () => {
      throw refusal();
    };
    const { solver } = process(1);
    await expect(prepare(solver, 'a')).rejects.toMatchObject({ code: 'balancer/refused' });
    expect(cloud.calls.filter((call) => call === 'apply')).toHaveLength(3);
    cloud.beforeApply = async () => {};
    await withdraw(solver, 'a');
    expect(await document()).toBeUndefined();
  });
});

it('makes a rule again that has been lost for 20 seconds', async () => {
  const { cloud, process, ours } = world();
  const { solver, clock } = process(1);
  const { ready } = await prepare(solver, 'a');
  cloud.rules = [];
  cloud.state = async () => (ours().length > 0 ? { ready: true } : { ready: false, reason: 'the rule is not there' });
  expect(await ready!(signal)).toMatchObject({ ready: false });
  await clock.advance(20_000);
  expect(await ready!(signal)).toEqual({ ready: true });
  expect(ours()).toHaveLength(1);
});

describe('keep', () => {
  it('leaves the rule, and later orders make no call', async () => {
    const { cloud, process, ours } = world();
    const { solver } = process(1, { keep: true });
    expect(await prepare(solver, 'a')).toMatchObject({ probe: { body: 'proof' }, ready: expect.any(Function) });
    await withdraw(solver, 'a');
    expect(ours()).toHaveLength(1);
    cloud.calls.length = 0;
    const later = process(1, { keep: true }).solver;
    const { again, ready } = await prepare(later, 'a');
    expect(ready).toBeUndefined();
    await withdraw(later, 'a');
    expect(cloud.calls).toEqual([]);
    // If the rule turns out to be gone, it is made again.
    cloud.rules = [];
    expect(await (await again!(signal)).ready!(signal)).toEqual({ ready: true });
    expect(ours()).toHaveLength(1);
    cloud.calls.length = 0;
    await later.prepare!('a', dns('a.example.test', 'b.example.test'), signal);
    expect(cloud.calls).toContain('apply');
  });

  it('no more: the next order takes the rule away', async () => {
    const { process, document, ours } = world();
    await prepare(process(1, { keep: true }).solver, 'a');
    const { solver } = process(1);
    await prepare(solver, 'a');
    await withdraw(solver, 'a');
    expect(ours()).toEqual([]);
    expect(await document()).toBeUndefined();
  });
});

describe('a balancer that answers itself', () => {
  const start = () => world({ mode: 'fixed-response', matching: 'best' });

  it('gets one rule for each token, and loses it with the challenge', async () => {
    const { cloud, process, document, ours } = start();
    const { solver } = process(1);
    const [one, two] = [challenge('a'), challenge('a', 'b.example.test')];
    expect(await solver.prepare!('a', dns('a.example.test', 'b.example.test'), signal)).toEqual({});
    expect(cloud.calls).toEqual(['inspect']);
    await Promise.all([one, two].map((each) => solver.present(each, async () => {}, signal)));
    expect(ours()).toMatchObject(
      [one, two].map(({ token, keyAuthorization, identifier }) => ({
        host: identifier.value,
        path: `${challengePath}${token}`,
        answer: keyAuthorization,
      })),
    );
    expect(cloud.group).toBeUndefined();
    await solver.cleanup(one, undefined, signal);
    expect(ours()).toHaveLength(1);
    await process(2).solver.cleanup(two, undefined, signal);
    expect(ours()).toEqual([]);
    expect(await document()).toBeUndefined();
  });

  it('is not asked to clean up what was never there', async () => {
    const { cloud, process } = start();
    await process(1).solver.cleanup(challenge(), undefined, signal);
    expect(cloud.calls).toEqual([]);
  });
});
