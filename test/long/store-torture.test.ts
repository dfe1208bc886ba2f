import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { isTemporaryName } from '../../src/lib/files/files.ts';
import fileStore from '../../src/stores/file.ts';
import { seed, seeded } from '../support/seeded.ts';
import { until } from '../support/service.ts';
import type { Tally } from '../support/store-worker.ts';
import { storeWorld } from '../support/store-world.ts';

const { signal } = new AbortController();
/** How long signals are sent at least. The long run is for changes of the store. */
const tortureMs = process.env.CERTFLEET_LONG ? 120_000 : 5_000;
/** How much longer on a busy machine, until enough was written to prove something. */
const budgetMs = 60_000;
const workers = 4;

const folder = mkdtempSync(join(tmpdir(), 'certfleet-torture-'));
const program = join(folder, 'worker.mjs');
const root = join(folder, 'store');
const running = new Map<number, ChildProcess>();

beforeAll(async () => {
  // One bundled file starts in a quarter of a transpiler's time, so more of the run is spent on writes.
  const entry = new URL('../support/store-worker.ts', import.meta.url).pathname;
  await build({
    entryPoints: [entry],
    outfile: program,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
  });
});

afterAll(() => {
  for (const child of running.values()) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

/** Starts a worker. Each line is one write to the pipe, so lines are complete. */
function startWorker(slot: number, id: string, lines: string[], limit = 0): Promise<void> {
  const child = spawn(process.execPath, [program, root, id, String(limit)], { stdio: ['ignore', 'pipe', 'inherit'] });
  running.set(slot, child);
  let rest = '';
  child.stdout.on('data', (chunk: Buffer) => {
    const parts = (rest + chunk.toString()).split('\n');
    rest = parts.pop() ?? '';
    lines.push(...parts.map((line) => `${id} ${line}`));
  });
  return new Promise((done) => child.once('close', () => done()));
}

const open = () => fileStore.connect({ options: { path: root }, name: 'store', world: storeWorld() });

async function tally(name: string): Promise<Tally> {
  const entry = await open().get({ kind: 'lineage', name }, signal);
  return JSON.parse(Buffer.from(entry?.bytes ?? []).toString()) as Tally;
}

describe('the file store under signals', () => {
  const timeout = tortureMs + 3 * budgetMs;
  it('loses and repeats no acknowledged write of several processes', { timeout }, async () => {
    // The seed repeats the signals, but not their timing.
    const random = seeded('store torture');
    const lines: string[] = [];
    const ends: Promise<void>[] = [];
    let kills = 0;
    let stops = 0;
    const ids: string[] = [];
    const begin = (slot: number) => {
      const id = `w${slot}.${kills}`;
      ids[slot] = id;
      ends.push(startWorker(slot, id, lines));
    };
    for (let slot = 0; slot < workers; slot += 1) begin(slot);

    const told = (...what: readonly string[]) =>
      lines.map((line) => line.split(' ')).filter(([, word = '']) => what.includes(word));
    /** How many names of tokens were created again after their deletion markers went. */
    const reborn = () => {
      const begun = told('spark').filter(([, , , , revision]) => revision?.startsWith('1-'));
      return begun.length - new Set(begun.map(([, , name]) => name)).size;
    };
    const counts = () => ({
      kills,
      acks: told('ack').length,
      claims: told('claim').length,
      rises: told('rise').length,
      reborn: reborn(),
    });
    const enough = { kills: 6, acks: 101, claims: 11, rises: 1, reborn: 11 };
    const isEnough = () => {
      const now = counts();
      return Object.entries(enough).every(([what, least]) => now[what as keyof typeof enough] >= least);
    };

    const end = performance.now() + tortureMs;
    while (performance.now() < end || (!isEnough() && performance.now() < end + budgetMs)) {
      await systemClock.sleep(random() * 60, signal);
      const slot = Math.floor(random() * workers);
      const child = running.get(slot)!;
      if (random() < 0.4) {
        // On a busy machine, a new process may need longer to begin than most live here, and then nothing is written.
        const least = Math.floor(random() * 4);
        const acks = () => lines.filter((line) => line.startsWith(`${ids[slot]} ack `)).length;
        await until(() => acks() >= least || child.exitCode !== null, {
          what: `${ids[slot]} has written ${least} times`,
          deadlineMs: budgetMs,
        });
        child.kill('SIGKILL');
        kills += 1;
        begin(slot);
      } else {
        child.kill('SIGSTOP');
        stops += 1;
        await systemClock.sleep(random() * 150, signal);
        child.kill('SIGCONT');
      }
    }
    for (const child of running.values()) child.kill('SIGKILL');
    await Promise.all(ends);

    const acks = told('ack');
    const late = told('late').length;
    console.log(
      `store torture: seed ${seed}, ${kills} SIGKILL, ${stops} SIGSTOP, ${acks.length} acknowledged increments, ` +
        `${late} succeeded although a conflict was reported`,
    );
    expect(lines.filter((line) => / (LOST|FAILED) /.test(line))).toEqual([]);
    const found = counts();
    for (const [what, least] of Object.entries(enough))
      expect(found[what as keyof typeof enough], what).toBeGreaterThanOrEqual(least);

    // Nothing lost: every acknowledged increment is stored; nothing repeated: the sum is right.
    for (const name of ['tally-a', 'tally-b', 'tally-c']) {
      const { total, by } = await tally(name);
      expect(Object.values(by).reduce((sum, count) => sum + count, 0)).toBe(total);
      for (const [id = '', , , sequence] of acks.filter((ack) => ack[2] === name)) {
        expect(by[id] ?? 0).toBeGreaterThanOrEqual(Number(sequence));
      }
    }
    // No number of a document was acknowledged to two writers, even across delete and create.
    const numbers = told('ack', 'claim', 'rise').map(([, , name, , revision]) => `${name} ${revision?.split('-')[0]}`);
    expect(new Set(numbers).size).toBe(numbers.length);
    // No revision was the base of two acknowledged puts, or came back, although numbers did after their markers went.
    const sparks = told('spark');
    const bases = sparks.filter(([, , , base]) => base !== 'none').map(([, , , base]) => base);
    expect(new Set(bases).size).toBe(bases.length);
    const made = sparks.map(([, , , , revision]) => revision);
    expect(new Set(made).size).toBe(made.length);
    // Every acknowledged creation happened.
    for (const [id, , name = ''] of told('claim')) {
      const entry = await open().get({ kind: 'key', name }, signal);
      expect(JSON.parse(Buffer.from(entry?.bytes ?? []).toString())).toBe(id);
    }

    // What is left has no content, and is gone after an hour and a day.
    let pages = 0;
    for await (const page of open().scan('lineage', signal)) {
      expect(page.every((entry) => entry.corrupt === undefined)).toBe(true);
      pages += page.length;
    }
    expect(pages).toBe(3);
    const later = { ...systemClock, now: () => new Date(Date.now() + 25 * 3_600_000) };
    await fileStore
      .connect({ options: { path: root }, name: 'store', world: storeWorld({ clock: later }) })
      .tidy(signal);
    const left = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    expect(left.filter((entry) => isTemporaryName(entry.name))).toEqual([]);
    for (const name of ['tally-a', 'tally-b', 'tally-c']) {
      expect(left.filter((entry) => entry.name.startsWith(`${name}@`)).length).toBeLessThanOrEqual(2);
    }
  });

  it('accepts every write of several processes that are not stopped', async () => {
    const lines: string[] = [];
    await Promise.all(Array.from({ length: workers }, (_, slot) => startWorker(slot, `calm${slot}`, lines, 60)));
    expect(lines.filter((line) => / (LOST|FAILED) /.test(line))).toEqual([]);
    // `late`: one was stopped between two lines, got a conflict, and then found its write.
    expect(lines.filter((line) => / (ack|late) /.test(line)).length).toBe(workers * 60);
  });
});
