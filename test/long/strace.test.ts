import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { resultOf } from '../crash/inspect.ts';
import { inLanes, type Rig, recordedNames, type SolverName, startRig } from '../crash/rig.ts';
import { type Entry, readStrace, straceArguments, uncovered } from '../crash/strace.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

/**
 * The crash tests stop a process at every effect that the tracing layer knows. This test checks that it knows all: it
 * compares the system calls of one issue (strace -f), in order, with what was recorded.
 */
describeWith(['strace', 'pebble', 'named', 'nsupdate', 'dig'], 'the tracing layer misses no effect', () => {
  const rigs: Rig[] = [];
  stopAllAfterwards();
  beforeAll(async () => {
    for (let i = 0; i < 2; i += 1) {
      // Without files of others, so that the webroot's folders are created and removed, which are effects too.
      rigs.push(await startRig());
    }
    // Compiled code is cached by the first run, which is no effect of an issue.
    const [rig] = rigs as [Rig];
    expect((await rig.run(await rig.state('webroot'), { command: 'issue' })).status).toBe(0);
  });

  /** The kinds of effects of an issue, by solver. Without its wrapper, each must be noticed as missing. */
  const kinds = {
    webroot: ['draft', 'put', 'remove', 'mkdir', 'replace', 'rename', 'rmdir', 'start', 'get', 'ask', 'request'],
    dns: ['ask', 'update', 'request'],
  } as const;

  for (const solver of ['webroot', 'dns'] as const) {
    it(`${solver}: every change is part of a recorded effect`, async () => {
      const { rig, names, entries, missed } = await traced(rigs[0] as Rig, solver);
      expect(missed).toEqual([]);
      const changes = entries.flatMap((entry) => ('change' in entry ? [entry.change] : []));
      // The trace contains the whole order.
      expect(changes.filter((c) => c.call.startsWith('link')).length).toBeGreaterThanOrEqual(8);
      expect(changes.filter((c) => c.path !== undefined).length).toBeGreaterThan(40);
      expect(
        changes.some((c) => c.call === 'execve'),
        'the command deployer',
      ).toBe(true);
      expect(changes.some((c) => c.port === rig.bind.port)).toBe(true);
      // On a connection that is kept open, the kernel does not show requests; the proxy does.
      expect(names.filter((name) => name.includes('/request/')).length).toBe(rig.proxy.requests.length);
      for (const kind of kinds[solver])
        expect(
          names.some((name) => name.split('/')[1] === kind),
          `${kind} happens in an issue`,
        ).toBe(true);
    });

    it(`${solver}: notices each missing wrapper`, async () => {
      await inLanes(rigs, kinds[solver], async (rig, kind) => {
        const { names, missed } = await traced(rig, solver, [kind]);
        if (kind === 'request') expect(names.filter((name) => name.includes('/request/'))).toEqual([]);
        expect(missed, `without ${kind}`).not.toEqual([]);
      });
    });
  }
});

/** One issue under strace, with a command deployer besides the files. */
async function traced(rig: Rig, solver: SolverName, untraced: readonly string[] = []) {
  const state = await rig.state(solver, undefined, {
    change: (config) => ({
      ...config,
      deployers: {
        ...config.deployers,
        hook: { type: 'command', run: ':', path: `${config.deployers.files.path}/hook` },
      },
      certificates: config.certificates.map((c) => ({ ...c, deploy: ['files', 'hook'] })),
    }),
  });
  const output = join(state.folder, 'strace');
  const record = join(state.folder, 'effects');
  rig.proxy.forget();
  const ran = await rig.spawnRun(state, { command: 'issue', record, untraced }, straceArguments(output)).done;
  expect([ran.status, resultOf(ran)], ran.stderr).toEqual([0, 'issued']);
  const ports = { ca: Number(new URL(rig.proxy.url).port), dns: rig.bind.port, web: rig.pebble.httpPort };
  const entries: readonly Entry[] = readStrace(await readFile(output, 'utf8'), record, Object.values(ports));
  const folders = { store: state.store, live: state.live, webroot: rig.webroot };
  return { rig, entries, names: await recordedNames(record), missed: uncovered(entries, folders, ports) };
}
