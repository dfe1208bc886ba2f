import { describe, expect, it } from 'vitest';
import { fail } from '../../src/core/errors/errors.ts';
import { encodeDocument } from '../../src/core/lineage/lineage.ts';
import { deployHookTarget, withDeployHook } from '../../src/core/spec/hooks.ts';
import type { Hooks, StoredSpec } from '../../src/core/spec/spec.ts';
import { targetOf } from '../../src/core/spec/spec-parts.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { createLocks } from '../../src/engine/locks/lock.ts';
import { reconcile as reconcileOnce } from '../../src/engine/pass/reconcile.ts';
import { sweep } from '../../src/engine/pass/sweep.ts';
import type { Deployer } from '../../src/ports/deployer.ts';
import type { ProcessResult } from '../../src/ports/processes.ts';
import { fakeProcesses, identityOf } from '../support/fake-processes.ts';
import { inNewPass, reconcile, reconcileAll } from '../support/passes.ts';
import { passing } from '../support/passing-time.ts';
import { createSimulatedWorld, dayMs, simulatedJob as job, simulatedSpec } from '../support/simulated-world.ts';

const { signal } = new AbortController();
const around: Hooks = { pre: 'stop nginx', post: 'start nginx' };

const withHooks = (name: string, hooks: Hooks): StoredSpec => {
  const stored = simulatedSpec(name, [`${name}.example.com`]);
  return withDeployHook({ ...stored, hooks });
};

/** A simulated world in which hooks run, and in which everything that happens is in one list. */
async function worldWithHooks() {
  const happened: string[] = [];
  const world = await createSimulatedWorld({
    reporter: {
      report: ({ event, certificate, message }) => {
        if (event === 'certificate.issued' || event === 'certificate.failed') happened.push(`${event} ${certificate}`);
        if (event === 'hook.failed') happened.push(`failed: ${message}`);
      },
    },
  });
  const variables: Record<string, string>[] = [];
  /** Hooks that another user could change. */
  const refused = new Set<string>();
  let answer = async (_command: string): Promise<Partial<ProcessResult>> => ({});
  const replica = (pid: number): Engine => {
    const engine = world.replica(pid);
    const { run } = fakeProcesses({
      async program({ command, env, onStart }) {
        await onStart?.(identityOf(5_000 + pid));
        const line = command[2] ?? '';
        happened.push(line);
        variables.push({ ...env });
        return answer(line);
      },
    });
    const freePorts = async () => void happened.push('ports are free');
    const check = async (line: string) => {
      if (refused.has(line))
        throw fail('config/untrusted-code', {
          path: '/opt/hook',
          reason: 'it belongs to user 65534',
          remedy: 'look',
        });
    };
    const hooks = { environment: () => ({ PATH: '/bin' }), check, freePorts };
    const end: Engine['processes']['end'] = async ({ pid: ended }) => void happened.push(`ended ${ended}`);
    return { ...engine, processes: { ...engine.processes, run, end }, connect: { ...engine.connect, hooks } };
  };
  return {
    ...world,
    happened,
    variables,
    replica,
    refused,
    answerWith: (next: typeof answer) => {
      answer = next;
    },
    journal: async () => {
      const entry = await world.store.get({ kind: 'lock', name: 'hooks' }, signal);
      return (
        entry && (JSON.parse(new TextDecoder().decode(entry.bytes)) as { readonly hooks: readonly object[] }).hooks
      );
    },
    pass: (engine: Engine, ...wanted: StoredSpec[]) =>
      passing(
        world.clock,
        reconcileAll(engine, { jobs: wanted.map((one) => job(one)), jobOf: () => undefined }, signal),
      ),
    wait: (ms: number) => world.pass(ms),
  };
}

describe('hooks around the orders of a run', () => {
  it('do not run if another user could change their programs, and the certificate is issued', async () => {
    const world = await worldWithHooks();
    world.refused.add('stop nginx');
    const [outcome] = await world.pass(world.replica(1), withHooks('a', around));
    expect(outcome).toMatchObject({ result: 'issued' });
    expect(world.happened).not.toContain('stop nginx');
    expect(world.happened).toContain('start nginx');
  });

  it.each([
    ['stop nginx', 'the pre-hook `stop …`'],
    ['start nginx', 'the post-hook `start …`'],
  ])('that are refused are in the outcome of every run, until they are mended: %s', async (command, what) => {
    const world = await worldWithHooks();
    const spec = withHooks('a', around);
    const refusedHooks = [{ what, code: 'config/untrusted-code', reason: expect.stringContaining('user 65534') }];
    world.refused.add(command);
    expect(await world.pass(world.replica(1), spec)).toMatchObject([{ result: 'issued', refusedHooks }]);
    expect(await world.pass(world.replica(2), spec)).toMatchObject([{ result: 'unchanged', refusedHooks }]);
    const [again] = await passing(world.clock, reconcile(world.replica(3), [job(spec)], signal));
    expect(again).toMatchObject({ result: 'unchanged', refusedHooks });
    world.refused.clear();
    const [mended] = await world.pass(world.replica(4), spec);
    expect([mended?.result, mended?.refusedHooks]).toEqual(['unchanged', undefined]);
  });

  it('run once each, before the first order and after the last, though two certificates share them', async () => {
    const world = await worldWithHooks();
    await world.pass(world.replica(1), withHooks('a', around), withHooks('b', around));
    expect(world.happened[0]).toBe('stop nginx');
    expect(world.happened.slice(1, 3).sort()).toEqual(['certificate.issued a', 'certificate.issued b']);
    expect(world.happened.slice(3)).toEqual(['ports are free', 'start nginx']);
    expect(world.variables.at(-1)).toMatchObject({
      PATH: '/bin',
      RENEWED_DOMAINS: expect.stringMatching(/^[ab]\.example\.com [ab]\.example\.com$/),
      FAILED_DOMAINS: '',
    });
    expect(await world.journal()).toBeUndefined();
  });

  it('run after the certificates without a pre-hook, which may need what it stops', async () => {
    for (const command of ['renew', 'issue']) {
      const world = await worldWithHooks();
      const wanted = [withHooks('a', around), withHooks('b', {}), withHooks('c', { post: 'log' })];
      const jobs = wanted.map((one) => job(one));
      const run = reconcile(world.replica(1), jobs, signal);
      const outcomes = command === 'issue' ? passing(world.clock, run) : world.pass(world.replica(1), ...wanted);
      expect((await outcomes).map(({ certificate }) => certificate)).toEqual(['a', 'b', 'c']);
      expect(world.happened.slice(0, 2).sort()).toEqual(['certificate.issued b', 'certificate.issued c']);
      expect(world.happened.slice(2, 5)).toEqual(['stop nginx', 'certificate.issued a', 'ports are free']);
      expect(world.happened.slice(5).sort()).toEqual(['log', 'start nginx']);
    }
  });

  it('run each command once, though only some certificates share it', async () => {
    const world = await worldWithHooks();
    const first: Hooks = { pre: 'tell', post: 'tell again' };
    const tell = ['s=0\ntell\nexit $s', 's=0\ntell again\nexit $s'];
    await world.pass(
      world.replica(1),
      withHooks('a', { ...around, first }),
      withHooks('b', { first }),
      withHooks('c', { pre: 'stop nginx', post: 'start nginx twice', first }),
      withHooks('d', { pre: 'stop haproxy' }),
    );
    const hooks = world.happened.filter((one) => !one.startsWith('certificate'));
    expect(hooks.slice(0, -4).sort()).toEqual([tell[0], 'stop haproxy', 'stop nginx'].sort());
    expect(hooks.slice(-4).sort()).toEqual(['ports are free', tell[1], 'start nginx', 'start nginx twice'].sort());
    // What only some certificates have may stop what the others need.
    expect(world.happened.indexOf('stop nginx')).toBeGreaterThan(world.happened.indexOf('certificate.issued b'));
  });

  it('do not run if nothing is due', async () => {
    const world = await worldWithHooks();
    const spec = withHooks('a', around);
    await world.pass(world.replica(1), spec);
    world.happened.length = 0;
    await world.pass(world.replica(2), spec);
    expect(world.happened).toEqual([]);
    world.wait(70 * dayMs);
    await world.pass(world.replica(3), spec);
    expect(world.happened).toEqual(['stop nginx', 'certificate.issued a', 'ports are free', 'start nginx']);
  });

  it('run again in the next pass of the same process, if something is due', async () => {
    const world = await worldWithHooks();
    const engine = world.replica(1);
    const spec = withHooks('a', around);
    const once = ['stop nginx', 'certificate.issued a', 'ports are free', 'start nginx'];
    await world.pass(engine, spec);
    await world.pass(engine, spec);
    expect(world.happened).toEqual(once);
    world.wait(70 * dayMs);
    await world.pass(engine, spec);
    expect(world.happened).toEqual([...once, ...once]);
  });

  it('the next pass of the same process runs a post-hook that one could not', async () => {
    const world = await worldWithHooks();
    const engine = world.replica(1);
    let isFull = true;
    const full = fail('store/unusable', { path: '/store', reason: 'no space left on the disk', advice: '' });
    const store: Engine['store'] = {
      ...engine.store,
      put: (key, ...rest) =>
        isFull && key.name === 'hooks' && world.happened.includes('ports are free')
          ? Promise.reject(full)
          : engine.store.put(key, ...rest),
    };
    const filling = { ...engine, store, locks: createLocks({ ...engine, store }, engine.sessions) };
    await world.pass(filling, withHooks('a', around));
    expect(world.happened.slice(0, 3)).toEqual(['stop nginx', 'certificate.issued a', 'ports are free']);
    expect(world.happened).not.toContain('start nginx');
    isFull = false;
    await world.pass(filling, withHooks('a', around));
    expect(world.happened.slice(-2)).toEqual(['ports are free', 'start nginx']);
    expect(await world.journal()).toBeUndefined();
  });

  it('the post-hook runs after a failure, too, and learns the names', async () => {
    const world = await worldWithHooks();
    const engine = world.replica(1);
    const refusing: Engine = {
      ...engine,
      connect: {
        ...engine.connect,
        solver: async () => ({ ...world.solver, present: () => Promise.reject(new Error('no')) }),
      },
    };
    await world.pass(refusing, withHooks('a', around));
    expect(world.happened).toEqual(['stop nginx', 'certificate.failed a', 'ports are free', 'start nginx']);
    expect(world.variables.at(-1)).toMatchObject({ RENEWED_DOMAINS: '', FAILED_DOMAINS: 'a.example.com' });
  });

  it('a certificate whose delivery fails is renewed for the post-hook, but only by the run that got it', async () => {
    const world = await worldWithHooks();
    const failing: Deployer = { ...world.deployer, activate: () => Promise.reject(new Error('no')) };
    const engine = (pid: number): Engine => {
      const replica = world.replica(pid);
      return { ...replica, connect: { ...replica.connect, deployer: async () => failing } };
    };
    const outcomes = await world.pass(engine(1), withHooks('a', around));
    expect(outcomes).toMatchObject([{ result: 'pending' }]);
    expect(world.variables.at(-1)).toMatchObject({ RENEWED_DOMAINS: 'a.example.com', FAILED_DOMAINS: '' });
    const next = engine(2);
    world.wait(dayMs);
    const jobs = [job(withHooks('a', around))];
    await passing(
      world.clock,
      inNewPass(next, async (one) => {
        expect(await reconcileOnce(one, jobs, signal)).toMatchObject([{ result: 'pending' }]);
        expect(one.pass.hooks.renewed.size).toBe(0);
      }),
    );
  });

  it('a failing hook stops nothing, and is reported without its arguments', async () => {
    const world = await worldWithHooks();
    world.answerWith(async (line) => ({ status: line.startsWith('stop') ? 5 : 0, stderr: 'no such unit' }));
    await world.pass(world.replica(1), withHooks('a', around));
    expect(world.happened).toEqual([
      'stop nginx',
      'failed: the pre-hook `stop …` ended with 5: no such unit',
      'certificate.issued a',
      'ports are free',
      'start nginx',
    ]);
  });

  it.each(['renew', 'sweep'])('%s runs the post-hook of a run that was killed, once', async (command) => {
    const world = await worldWithHooks();
    world.answerWith((line) => (line === 'stop nginx' ? new Promise<never>(() => {}) : Promise.resolve({})));
    const killed = world.pass(world.replica(1), withHooks('a', around));
    killed.catch(() => undefined);
    while (!world.happened.includes('stop nginx')) await world.clock.advance(10);
    world.dead.add(1);
    const next = world.replica(2);
    const again = () =>
      command === 'sweep' ? passing(world.clock, sweep(next, signal)) : world.pass(next, simulatedSpec('other'));
    await again();
    const after = world.happened.filter((one) => !one.startsWith('certificate'));
    expect(after).toEqual(['stop nginx', 'ports are free', 'ended 5001', 'start nginx']);
    await again();
    expect(world.happened.filter((one) => one === 'start nginx')).toHaveLength(1);
    expect(await world.journal()).toBeUndefined();
  });

  it.each(['renew', 'issue'])(
    '%s runs the post-hook of a run that was killed while it delivered, before it does so itself',
    async (command) => {
      const world = await worldWithHooks();
      const hung: Deployer = { ...world.deployer, look: () => new Promise<never>(() => {}) };
      const spec = withHooks('a', around);
      const engine = world.replica(1);
      const killed = world.pass({ ...engine, connect: { ...engine.connect, deployer: async () => hung } }, spec);
      killed.catch(() => undefined);
      while (!world.happened.includes('certificate.issued a')) await world.clock.advance(10);
      world.dead.add(1);
      world.happened.length = 0;
      const next = world.replica(2);
      const activate = async () => void world.happened.push('delivered');
      const telling: Engine = {
        ...next,
        connect: { ...next.connect, deployer: async () => ({ ...world.deployer, activate }) },
      };
      if (command === 'renew') await world.pass(telling, spec);
      else await passing(world.clock, reconcile(telling, [job(spec)], signal));
      expect(world.happened.slice(0, 2)).toEqual(['ports are free', 'start nginx']);
      expect(world.happened.slice(2)).toContain('delivered');
      expect(await world.journal()).toBeUndefined();
    },
  );

  it('of one run of a process are left alone by its other runs', async () => {
    const world = await worldWithHooks();
    let end = () => {};
    const stopped = new Promise<object>((done) => {
      end = () => done({});
    });
    world.answerWith((line) => (line === 'stop nginx' ? stopped : Promise.resolve({})));
    const engine = world.replica(1);
    const first = world.pass(engine, withHooks('a', around));
    first.catch(() => undefined);
    while (!world.happened.includes('stop nginx')) await world.clock.advance(10);
    await world.pass(engine, withHooks('b', {}));
    expect(world.happened).toEqual(['stop nginx', 'certificate.issued b']);
    end();
    await first;
    expect(world.happened.slice(2)).toEqual(['certificate.issued a', 'ports are free', 'start nginx']);
    expect(await world.journal()).toBeUndefined();
  });

  it('leave the post-hook to another run that still needs the server stopped, and the pre-hook to the first', async () => {
    const world = await worldWithHooks();
    const by = world.replica(7).processes.self();
    const other = { ...around, by, run: 'other', since: world.clock.now().toISOString() };
    const document = encodeDocument({ schema: 1, hooks: [other] });
    await world.store.put({ kind: 'lock', name: 'hooks' }, document, { ifRevision: null, signal });
    await world.pass(world.replica(1), withHooks('a', around));
    expect(world.happened).toEqual(['certificate.issued a', 'ports are free']);
    expect(await world.journal()).toEqual([other]);
    // The other one is killed.
    world.dead.add(7);
    await world.pass(world.replica(2), withHooks('a', around));
    expect(world.happened.slice(2)).toEqual(['ports are free', 'start nginx']);
  });

  it('of another machine are left alone, and forgotten after a week', async () => {
    const world = await worldWithHooks();
    const by = { bootId: 'other', pidNamespace: 'n', pid: 1, startTime: '1' };
    const foreign = { ...around, by, run: 'other', since: world.clock.now().toISOString() };
    const document = encodeDocument({ schema: 1, hooks: [foreign] });
    await world.store.put({ kind: 'lock', name: 'hooks' }, document, { ifRevision: null, signal });
    const spec = withHooks('a', around);
    await world.pass(world.replica(1), spec);
    expect(world.happened).toEqual(['stop nginx', 'certificate.issued a', 'ports are free', 'start nginx']);
    expect(await world.journal()).toEqual([foreign]);
    world.wait(70 * dayMs);
    await world.pass(world.replica(2), spec);
    expect(await world.journal()).toBeUndefined();
  });

  it('the post-hook runs after Ctrl-C', async () => {
    const world = await worldWithHooks();
    const stop = new AbortController();
    const engine = world.replica(1);
    const slow: Engine = {
      ...engine,
      connect: {
        ...engine.connect,
        solver: async () => ({ ...world.solver, ready: async () => ({ ready: false, reason: 'not yet' }) }),
      },
    };
    const running = reconcileAll(slow, { jobs: [job(withHooks('a', around))], jobOf: () => undefined }, stop.signal);
    running.catch(() => undefined);
    while (world.txt.size === 0) await world.clock.advance(10);
    stop.abort(new Error('stopped'));
    await expect(passing(world.clock, running)).rejects.toThrow('stopped');
    expect(world.happened).toEqual(['stop nginx', 'ports are free', 'start nginx']);
    expect(world.txt.size).toBe(0);
  });
});

/** A simulated world in which deploy hooks run; the command `fail` fails. */
async function worldOfCommands(deploy: readonly string[], origin: 'configuration' | 'command-line' = 'configuration') {
  const world = await createSimulatedWorld();
  const happened: string[] = [];
  let [has, pid] = ['', 0];
  const commandOf = (spec: StoredSpec): Deployer => ({
    type: 'command',
    scope: 'node',
    runsAfter: true,
    look: async ({ id }) => ({ state: has === id ? 'current' : 'absent', detail: '' }),
    stage: async () => null,
    async activate({ id }) {
      const run = String(targetOf(spec, deployHookTarget)?.settings['run']);
      happened.push(run);
      if (run === 'fail') throw new Error('exit 1');
      has = id;
    },
  });
  const run = ({
    hook,
    ...rules
  }: {
    readonly hook: string | undefined;
    readonly hooks?: Hooks;
    readonly force?: true;
  }) => {
    const engine = world.replica(++pid);
    const deployer: Engine['connect']['deployer'] = async (wanted, target) =>
      target === deployHookTarget ? commandOf(wanted) : world.deployer;
    const hooked = withHooks('a', hook === undefined ? {} : { deploy: hook });
    const targets = hooked.targets.filter(({ name }) => name === deployHookTarget || deploy.includes(name));
    const wanted = { ...hooked, targets };
    const jobs = [{ ...job(wanted), origin, ...rules }];
    const connected = { ...engine, connect: { ...engine.connect, deployer } };
    const done =
      origin === 'command-line'
        ? reconcile(connected, jobs, signal)
        : reconcileAll(connected, { jobs, jobOf: () => undefined }, signal);
    return passing(world.clock, done);
  };
  return { run, happened, editLineage: world.editLineage };
}

describe('a deploy hook', () => {
  it('is a target, after all others, and keeps the options of a command', () => {
    const stored = withHooks('a', { deploy: 'reload' });
    const traits = { ofNode: 'command' };
    const hook = { name: deployHookTarget, traits, settings: { type: 'command', run: 'reload', timeout: '5m' } };
    expect(stored.targets).toEqual([...simulatedSpec().targets, hook]);
    expect(withDeployHook(stored)).toEqual(stored);
    const { hooks: _removed, ...spec } = stored;
    expect(withDeployHook(spec)).toEqual(simulatedSpec('a', ['a.example.com']));
  });

  it('of one run is of those that it renews only, and is made up for by the next such run', async () => {
    const world = await worldWithHooks();
    const [a, b] = [simulatedSpec('a', ['a.example.com']), simulatedSpec('b', ['b.example.com'])];
    let isBroken = true;
    const taken: string[] = [];
    const replica = (pid: number): Engine => {
      const engine = world.replica(pid);
      const deployer: Engine['connect']['deployer'] = async (_spec, target) => ({
        ...world.deployer,
        activate: async ({ lineage }) => {
          if (target !== deployHookTarget) return;
          if (isBroken) throw new Error('exit 1');
          taken.push(lineage);
        },
      });
      return { ...engine, connect: { ...engine.connect, deployer } };
    };
    const run = (pid: number, hooks: Hooks | undefined) => {
      const jobs = [a, b].map((one) => ({ ...job(one), hooks }));
      return passing(world.clock, reconcileAll(replica(pid), { jobs, jobOf: () => undefined }, signal));
    };
    await world.pass(world.replica(1), a);
    // `b` is new and `a` is not due.
    const first = await run(2, { deploy: 'reload' });
    expect(first.map(({ result }) => result)).toEqual(['unchanged', 'pending']);
    expect((await world.readLineage('a'))?.spec).toEqual(a);
    isBroken = false;
    world.wait(3_600_000);
    await run(3, { deploy: 'reload' });
    expect(taken).toEqual(['b']);
    await run(4, { deploy: 'reload' });
    await run(5, undefined);
    expect(taken).toEqual(['b']);
  });

  it.each<[string, readonly (readonly [hook: string | undefined, result: string])[], readonly string[]]>([
    [
      'added',
      [
        [undefined, 'issued'],
        ['one', 'deployed'],
      ],
      ['one'],
    ],
    [
      'left as it is',
      [
        ['one', 'issued'],
        ['one', 'unchanged'],
      ],
      ['one'],
    ],
    [
      'changed',
      [
        ['one', 'issued'],
        ['two', 'deployed'],
        ['two', 'unchanged'],
      ],
      ['one', 'two'],
    ],
    [
      'removed',
      [
        ['one', 'issued'],
        [undefined, 'unchanged'],
      ],
      ['one'],
    ],
    [
      'removed, and another added',
      [
        ['one', 'issued'],
        [undefined, 'unchanged'],
        ['two', 'deployed'],
      ],
      ['one', 'two'],
    ],
    [
      'changed to one that fails',
      [
        ['one', 'issued'],
        ['fail', 'pending'],
        ['fail', 'pending'],
      ],
      ['one', 'fail', 'fail'],
    ],
    [
      'changed after one that failed',
      [
        ['fail', 'pending'],
        ['two', 'deployed'],
      ],
      ['fail', 'two'],
    ],
  ])('runs at once if it was %s', async (_what, passes, ran) => {
    for (const origin of ['configuration', 'command-line'] as const)
      for (const deploy of [[], ['target']]) {
        const { run, happened } = await worldOfCommands(deploy, origin);
        for (const [hook, result] of passes)
          expect(await run({ hook }), `${hook} ${deploy}`).toMatchObject([{ result }]);
        expect(happened, `${deploy} ${origin}`).toEqual(ran);
      }
  });

  it('runs again if flags removed it and add it again', async () => {
    const { run, happened } = await worldOfCommands([], 'command-line');
    for (const hook of ['one', undefined, 'one', 'one']) await run({ hook });
    expect(happened).toEqual(['one', 'one']);
  });

  it('does not run if the store does not know with which settings it ran', async () => {
    const { run, happened, editLineage } = await worldOfCommands([]);
    await run({ hook: 'one' });
    await editLineage((lineage) => {
      const { settings: _of, ...deployment } = lineage.deployments[deployHookTarget]!;
      return { ...lineage, deployments: { [deployHookTarget]: deployment } };
    }, 'a');
    expect(await run({ hook: 'one' })).toMatchObject([{ result: 'unchanged' }]);
    expect(happened).toEqual(['one']);
  });

  it('of one run takes the place of a declared one, which does not run for that in the next', async () => {
    const { run, happened } = await worldOfCommands([]);
    const ofRun = { deploy: 'of the run' };
    await run({ hook: 'declared' });
    await run({ hook: 'declared', hooks: ofRun, force: true });
    await run({ hook: 'declared', hooks: ofRun });
    await run({ hook: 'declared' });
    expect(happened).toEqual(['declared', 'of the run']);
    await run({ hook: 'declared', force: true });
    expect(happened).toEqual(['declared', 'of the run', 'declared']);
  });

  it('given with each run does not end the back-off', async () => {
    const world = await worldWithHooks();
    const engine = (pid: number): Engine => {
      const real = world.replica(pid);
      const solver = async () => ({ ...world.solver, present: () => Promise.reject(new Error('no')) });
      return { ...real, connect: { ...real.connect, solver } };
    };
    const run = (pid: number) => {
      const jobs = [{ ...job(simulatedSpec('a', ['a.example.com'])), hooks: { deploy: 'reload' } }];
      return passing(world.clock, reconcileAll(engine(pid), { jobs, jobOf: () => undefined }, signal));
    };
    for (const pid of [1, 2, 3]) await run(pid);
    expect((await world.readLineage('a'))?.failure?.count).toBe(1);
  });
});
