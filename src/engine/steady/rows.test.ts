import { describe, expect, it } from 'vitest';
import { createSimulatedWorld, issue, simulatedJob, simulatedSpec } from '../../../test/support/simulated-world.ts';
import { decodeLineage } from '../../core/lineage/lineage.ts';
import { createRows } from './rows.ts';

const { signal } = new AbortController();
const dayMs = 86_400_000;

async function createList() {
  const { clock, store, replica, editLineage } = await createSimulatedWorld();
  const engine = replica(1);
  const job = { ...simulatedJob(simulatedSpec()), unattended: true };
  const later = { ...simulatedJob(simulatedSpec('later', ['xn--fiq228c.example.com'])), unattended: true };
  const jobs: Readonly<Record<string, typeof job>> = { abc: job, later };
  const declared = { names: () => Object.keys(jobs), jobOf: (name: string) => jobs[name] };
  const rows = createRows(engine, () => declared, { isBegun: true, watch: () => () => {} });
  const see = async () => {
    const entry = (await store.get({ kind: 'lineage', name: 'abc' }, signal))!;
    rows.saw(decodeLineage(entry.bytes, 'abc', store.location), entry.revision, job.wanted);
  };
  const states = () => rows.list({ sort: 'name', limit: 10 }).rows.map(({ name, state }) => `${name} ${state}`);
  return { clock, engine, job, rows, see, states, editLineage };
}

describe('the rows of a list', () => {
  it('show what is declared, and what has become of it, also by the time alone', async () => {
    const { clock, engine, job, see, states, rows } = await createList();
    expect(states()).toEqual(['abc missing', 'later missing']);
    await issue(engine, job, signal);
    await see();
    expect(states()).toEqual(['abc valid', 'later missing']);
    await clock.advance(70 * dayMs);
    expect(states()).toEqual(['abc due', 'later missing']);
    await clock.advance(30 * dayMs);
    expect(states()).toEqual(['abc expired', 'later missing']);
    rows.lost('abc', true);
    expect(states()).toEqual(['abc corrupt', 'later missing']);
    rows.lost('abc', false);
    expect(states()).toEqual(['abc missing', 'later missing']);
  });

  it('say when a certificate is renewed only if it is', async () => {
    const { engine, job, see, rows, editLineage } = await createList();
    await issue(engine, job, signal);
    await see();
    const renewAt = () => rows.get('abc')?.renewAt;
    expect(renewAt()).toMatch(/^20/);
    const edit = async (change: Parameters<typeof editLineage>[0]) => {
      await editLineage(change);
      await see();
    };
    await edit((lineage) => ({ ...lineage, paused: { at: '2026-01-01T00:00:00Z', by: 'mia' } }));
    expect(renewAt()).toBeUndefined();
    await edit(({ paused: _over, ...lineage }) => lineage);
    expect(renewAt()).toMatch(/^20/);
    const revoked = { at: '2026-01-01T00:00:00Z', reason: 'superseded' as const };
    await edit((lineage) => ({ ...lineage, current: { ...lineage.current!, revoked } }));
    expect(renewAt()).toMatch(/^20/);
    const forGood = { ...revoked, reason: 'unspecified' as const };
    await edit((lineage) => ({ ...lineage, current: { ...lineage.current!, revoked: forGood } }));
    expect(rows.get('abc')).toMatchObject({ state: 'revoked' });
    expect(renewAt()).toBeUndefined();
  });

  it('lead from page to page, filtered or not', async () => {
    const { rows } = await createList();
    const first = rows.list({ sort: 'expiry', limit: 1 });
    expect(first.rows.map(({ name }) => name)).toEqual(['abc']);
    const second = rows.list({ sort: 'expiry', limit: 1, after: first.next });
    expect(second).toMatchObject({ rows: [{ name: 'later' }], total: 2 });
    expect(second.next).toBeUndefined();
    for (const search of ['lat', 'xn--fiq', '文.exa'])
      expect(rows.list({ sort: 'name', limit: 10, search }).rows.map(({ name }) => name)).toEqual(['later']);
    expect(rows.list({ sort: 'name', limit: 10, state: 'valid' }).rows).toEqual([]);
    expect(rows.count({})).toMatchObject({ missing: 2, valid: 0 });
    expect(rows.count({ search: 'lat' })).toMatchObject({ missing: 1, valid: 0 });
    expect(rows.count({ isVisible: (name) => name === 'abc' })).toMatchObject({ missing: 1 });
    expect(() => rows.list({ sort: 'name', limit: 10, after: 'e30' })).toThrow('`next` of the page before');
  });

  it('tell what has changed since, unless that is too long ago', async () => {
    const { engine, job, rows, see } = await createList();
    const since = rows.list({ sort: 'name', limit: 1 }).sequence;
    await issue(engine, job, signal);
    await see();
    await see();
    const first = async (from: number) => {
      const over = new AbortController();
      for await (const changed of rows.follow(from, over.signal)) {
        over.abort();
        return changed;
      }
    };
    expect(await first(since)).toEqual({ id: since + 1, names: ['abc'] });
    expect(await first(since + 1)).toEqual({ id: since + 1, names: [] });
    expect(await first(since + 100)).toEqual({ id: since + 1, names: undefined });
    expect(await first(Number.NaN)).toEqual({ id: since + 1, names: undefined });
    for (let at = 0; at < 10_000; at++) rows.lost('other', true);
    for (let at = 0; at < 10_000; at++) rows.lost(`other-${at}`, true);
    expect((await first(since))?.names).toBeUndefined();
  });

  it('send to all followers at the same times, at least every two seconds, and stop when none is left', async () => {
    const { clock, rows } = await createList();
    const { sequence } = rows;
    const over = new AbortController();
    const told: string[] = [];
    const follow = async (who: string) => {
      for await (const { id, names = ['?'] } of rows.follow(sequence, over.signal))
        told.push(`${who} ${id - sequence} ${names.join()}`);
    };
    const ends = ['a', 'b'].map(follow);
    const next = async (ms: number) => {
      await clock.advance(ms);
      return told.splice(0);
    };
    await next(10);
    rows.lost('x', true);
    expect(await next(10)).toEqual(['a 1 x', 'b 1 x']);
    rows.lost('y', true);
    rows.lost('z', true);
    expect(await next(900)).toEqual([]);
    expect(await next(100)).toEqual(['a 3 y,z', 'b 3 y,z']);
    // What their runs did is stored after their work has ended.
    expect(await next(3_000)).toEqual(['a 6 x,y,z', 'b 6 x,y,z']);
    expect(await next(4_000)).toEqual(['a 6 ', 'b 6 ', 'a 6 ', 'b 6 ']);
    over.abort();
    await Promise.all(ends);
    expect(clock.waiting).toBe(0);
  });
});
