import { describe, expect, it } from 'vitest';
import { absenceOf, isToForget, missingNodes, toldMissing } from './missing-nodes.ts';
import { afterRun, type ReplicaDocument } from './replica.ts';
import type { RunningByRole } from './running.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;
const start = Date.parse('2026-11-24T10:00:00Z');
const at = (ms: number) => new Date(start + ms);

const lease = { id: 'a', holder: { bootId: 'b', pidNamespace: 'n', pid: 1, startTime: '1' }, beat: 1 };
const process = (seenMs: number, isOver = false) => ({
  ...{ version: '1.0.0', configuration: 'c', since: at(0).toISOString(), everyMs: 20_000 },
  ...{ at: at(seenMs).toISOString(), lease: isOver ? undefined : lease },
});

/** A node whose runs began at these times, and what keeps running there. */
function nodeThatRan(times: readonly number[], running?: RunningByRole): ReplicaDocument {
  const run = { version: '1.0.0', boot: 'one', looked: undefined, lacks: [] };
  const ran = times.reduce<ReplicaDocument | undefined>((before, ms) => afterRun(before, { ...run, at: at(ms) }), {
    ...{ schema: 1, version: '1.0.0', runs: [], lacks: [] },
  });
  return { ...ran!, running };
}

const daily = [0, dayMs, 2 * dayMs];

describe('a node', () => {
  it.each<[string, ReplicaDocument, 'renew' | 'node' | 'responder', number]>([
    ['under cron: three of its intervals', nodeThatRan(daily), 'renew', 5 * dayMs],
    ['that ran once: three months', nodeThatRan([0]), 'renew', 93 * dayMs],
    ['that keeps running: five minutes', nodeThatRan([0], { node: process(hourMs) }), 'node', hourMs + 5 * minuteMs],
    ['that never ran a pass', nodeThatRan([], { node: process(hourMs) }), 'node', hourMs + 5 * minuteMs],
    ['that was stopped in order: a day', nodeThatRan([0], { node: process(hourMs, true) }), 'node', 25 * hourMs],
    [
      'that cron took over: three of its intervals',
      nodeThatRan([3 * dayMs, 4 * dayMs, 5 * dayMs], { node: process(hourMs) }),
      'renew',
      8 * dayMs,
    ],
    [
      'whose responder died: five minutes',
      nodeThatRan([0], { node: process(dayMs), responder: process(hourMs) }),
      'responder',
      hourMs + 5 * minuteMs,
    ],
    ['that only answers', nodeThatRan([], { responder: process(0) }), 'responder', 5 * minuteMs],
  ])('%s', (_what, document, what, afterMs) => {
    const replica = { node: 'web-1', document };
    expect(absenceOf(replica, at(afterMs - 1))).toBeUndefined();
    expect(absenceOf(replica, at(afterMs))).toMatchObject({ what, since: at(afterMs).toISOString() });
  });

  it('lives if another process has seen that it does, whatever the clocks say', () => {
    const replica = { node: 'web-1', document: nodeThatRan([], { node: process(0) }) };
    expect(absenceOf(replica, at(dayMs), (node, role) => node === 'web-1' && role === 'node')).toBeUndefined();
    expect(absenceOf(replica, at(dayMs), () => false)).toBeDefined();
  });

  it('that is missing says what to do', () => {
    const replicas = [
      { node: 'cron', document: nodeThatRan(daily) },
      { node: 'well', document: nodeThatRan([6 * dayMs]) },
      { node: 'run', document: nodeThatRan([], { node: process(0) }) },
      { node: 'two', document: nodeThatRan([], { node: process(6 * dayMs), responder: process(0) }) },
    ];
    expect(missingNodes(replicas, at(6 * dayMs))).toEqual([
      {
        ...{ node: 'cron', since: at(5 * dayMs).toISOString() },
        message: `the node cron is missing: its last run began at ${at(2 * dayMs).toISOString()}, and it usually runs every 24 hours`,
        hint: 'Start `certfleet renew` there again or, if the node is gone for good, run `certfleet node forget cron`.',
      },
      {
        ...{ node: 'run', since: at(5 * minuteMs).toISOString() },
        message: `the node run is missing: \`certfleet run\` gave its last sign of life there at ${at(0).toISOString()}`,
        hint: 'Start `certfleet run` there again or, if the node is gone for good, run `certfleet node forget run`.',
      },
      {
        ...{ node: 'two', since: at(5 * minuteMs).toISOString() },
        message: `\`certfleet run --role responder\` is missing on the node two, where \`certfleet run\` goes on: its last sign of life was at ${at(0).toISOString()}`,
        hint: 'Start it there again or, if it is not needed there any more, run `certfleet node forget two`, which forgets only what has ended.',
      },
    ]);
  });
});

describe('a missing node', () => {
  const run = nodeThatRan([], { node: process(0) });
  const told = (document: ReplicaDocument, ms: number) =>
    toldMissing(document, absenceOf({ node: 'n', document }, at(ms))!, at(ms))!;

  it('raises one alarm', () => {
    const once = told(run, hourMs);
    expect(once.missingTold).toEqual({ what: 'node', at: at(hourMs).toISOString() });
    expect(told(once, 2 * hourMs)).toBeUndefined();
  });

  it.each<[string, ReplicaDocument, number, number]>([
    ['7 days after its last sign of life', run, hourMs, 7 * dayMs],
    ['a day after the alarm, if that came late', run, 30 * dayMs, 31 * dayMs],
    ['a day after the alarm, if it rarely runs', nodeThatRan([0, 30 * dayMs]), 120 * dayMs, 121 * dayMs],
  ])('is forgotten %s', (_what, document, toldMs, afterMs) => {
    expect(isToForget(document, at(afterMs))).toBe(false);
    const after = told(document, toldMs);
    expect([at(afterMs - 1), at(afterMs)].map((now) => isToForget(after, now))).toEqual([false, true]);
  });

  it('is not forgotten if only its responder is missing', () => {
    const document = nodeThatRan([], { node: process(10 * dayMs), responder: process(0) });
    expect(isToForget(told(document, 10 * dayMs), at(12 * dayMs))).toBe(false);
  });
});
