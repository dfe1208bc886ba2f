import { describe, expect, it } from 'vitest';
import { keptPlaces, type LackingPlace, placesText, stateOfPlaces, stuckPlaces } from './places.ts';

const place = (name: string, state: LackingPlace['state'], reason = ''): LackingPlace => ({
  place: name,
  state,
  reason,
});

describe('the places of a target', () => {
  it.each<[string, number, readonly LackingPlace[], ReturnType<typeof stateOfPlaces>]>([
    ['all have it', 3, [], 'current'],
    ['one is rolling it out', 3, [place('a', 'changing')], 'changing'],
    ['one is rolling it out and one lacks it', 3, [place('a', 'changing'), place('b', 'stale')], 'stale'],
    ['one has none of the lineage', 3, [place('a', 'absent')], 'stale'],
    ['none has any', 2, [place('a', 'absent'), place('b', 'absent')], 'absent'],
    ['one of them has an older one', 2, [place('a', 'absent'), place('b', 'stale')], 'stale'],
  ])('%s', (_what, total, lacking, state) => {
    expect(stateOfPlaces({ total, lacking })).toBe(state);
  });

  it('are named by reason, those that are stuck alone, with at most 20 reasons', () => {
    const lacking = [
      place('c', 'changing'),
      place('a', 'stale', 'refused'),
      place('b', 'absent'),
      place('d', 'stale', 'refused'),
    ];
    expect([placesText({ total: 9, lacking }), stuckPlaces({ total: 9, lacking })]).toEqual(['a, d (refused); b', 3]);
    const underWay = { total: 9, lacking: [place('c', 'changing'), place('e', 'busy', 'another change')] };
    expect([placesText(underWay), stuckPlaces(underWay)]).toEqual(['c; e (another change)', 0]);
    const many = (reason: (at: number) => string) => ({
      total: 99,
      lacking: Array.from({ length: 25 }, (_, at) => place(`p${at}`, 'stale', reason(at))),
    });
    expect(placesText(many(() => ''))).toBe('p0, p1, p2 and 22 more');
    const alike = many((at) => `refused for p${at} (request ${at}-${at})`);
    expect(placesText(alike)).toBe('p0, p1, p2 and 22 more (refused for p0 (request 0-0))');
    expect(placesText(many((at) => `reason ${at}`))).toMatch(/^p0 \(reason 0\); .*; p19 \(reason 19\); and 5 more$/);
  });

  it('are kept as numbers and at most 20 names, the stuck ones first and the busy ones next, with short reasons', () => {
    const many = Array.from({ length: 30 }, (_, at) =>
      place(`p${at}`, at < 13 ? 'changing' : at < 15 ? 'busy' : 'stale', 'x'.repeat(999)),
    );
    const kept = keptPlaces({ total: 99, lacking: many });
    expect([kept.total, kept.lacking, kept.named.length]).toEqual([99, 30, 20]);
    const states = kept.named.map(({ state }) => state);
    expect(states.slice(14, 18)).toEqual(['stale', 'busy', 'busy', 'changing']);
    expect(kept.named[0]?.reason.length).toBeLessThanOrEqual(200);
  });
});
