import type { AlarmNews } from '../../../src/core/alarm/alarm.ts';
import { claimMs } from '../../../src/core/alarm/alarm-news.ts';
import { fail } from '../../../src/core/errors/errors.ts';
import { isFromTheFuture } from '../../../src/core/lineage/stored-time.ts';
import { sameSpec } from '../../../src/core/spec/same-spec.ts';
import type { Notifier } from '../../../src/ports/notifier.ts';
import type { Gate } from './gate.ts';
import type { Process } from './process.ts';
import type { WatchedWorld } from './punctual.ts';
import { dayMs, hourMs, type Incident, minuteMs, type Scenario, startMs } from './scenario.ts';

/** How long something lasts before it must have been told. */
const mostLateMs = 3 * hourMs;
/** For how long a fault may go on to hinder or double a message: a process is killed and starts again hours later. */
const aftermathMs = 4 * hourMs;
/** The clocks of two replicas may differ by 40 minutes. */
const dayOfOthersMs = dayMs - hourMs;

/** What a person gets, and what must hold for it: what lasts is told, and nothing twice within a day. */
export interface AlarmChecks {
  told(process: Process, news: AlarmNews): void;
  /** A fault has struck a call, or a process was stopped. */
  struck(): void;
  /** The document or the spec of a certificate may have changed. */
  look(name: string): void;
  /** How many alarms were opened, repeated and resolved. */
  readonly counts: { readonly opened: number; readonly repeated: number; readonly resolved: number };
}

export function createAlarmChecks(
  { incidents, replicas }: Pick<Scenario, 'incidents' | 'replicas'>,
  world: WatchedWorld,
): AlarmChecks {
  const { nowMs, violate } = world;
  const aheadMs = replicas.map((one) => one.aheadMs);
  /** To a clock that is further ahead, a replica that sends has taken too long, so it is sent twice. */
  const isDoubled = Math.max(...aheadMs) - Math.min(...aheadMs) > claimMs / 2;
  /** When each alarm was last over. */
  const over = new Map<string, number>();
  /** When each open alarm was last told. */
  const open = new Map<string, number>();
  /** Since when each certificate fails. */
  const failsSince = new Map<string, number>();
  const counts = { opened: 0, repeated: 0, resolved: 0 };
  let struckMs = Number.NEGATIVE_INFINITY;

  const isOfProcesses = ({ what }: Incident) => what === 'clock' || what === 'stop' || what === 'disk-full';
  const isHindered = (fromMs: number): boolean =>
    struckMs >= fromMs - aftermathMs ||
    incidents.some((one) => {
      const beginMs = startMs + one.atMs;
      const endMs = beginMs + ('forMs' in one ? one.forMs : 0) + aftermathMs;
      return isOfProcesses(one) && beginMs <= nowMs() && endMs >= fromMs;
    });

  function isFailing(name: string): boolean {
    const [lineage, spec] = [world.lineageOf(name), world.wanted.get(name)];
    const { failure } = lineage ?? {};
    if (!lineage || !spec || !failure || failure.forced || lineage.current?.revoked) return false;
    // What a clock that was ahead has written counts for nothing once the clock is right.
    if (isFromTheFuture(failure.at, new Date(nowMs()))) return false;
    return failure.count >= 3 && failure.code !== 'acme/paused' && sameSpec(lineage.spec, spec);
  }

  return {
    counts,
    told({ replica }, { opened, repeated, resolved, more }) {
      if (more.length > 0 && more.some(({ count }) => count < 10)) violate('few alarms are told as one line');
      for (const { key } of [...opened, ...repeated]) {
        const beforeMs = open.get(key);
        const agoMs = nowMs() - (beforeMs ?? Number.NEGATIVE_INFINITY);
        if (agoMs < dayOfOthersMs && !isHindered(beforeMs!))
          violate(`${replica} tells "${key}" again after ${Math.round(agoMs / minuteMs)} minutes`);
        open.set(key, nowMs());
      }
      for (const { key } of resolved) {
        const isAgain = isDoubled && nowMs() - (over.get(key) ?? Number.NEGATIVE_INFINITY) < claimMs;
        if (!open.has(key) && more.length === 0 && !isAgain && !isHindered(nowMs()))
          violate(`"${key}" is resolved, but was not told`);
        open.delete(key);
        over.set(key, nowMs());
      }
      // One line for many names only some of them.
      if (more.length > 0) for (const name of failsSince.keys()) open.set(`failing ${name}`, nowMs());
      counts.opened += opened.length;
      counts.repeated += repeated.length;
      counts.resolved += resolved.length;
    },
    struck() {
      struckMs = nowMs();
    },
    look(name) {
      if (!isFailing(name)) return void failsSince.delete(name);
      if (failsSince.has(name)) return;
      const sinceMs = nowMs();
      failsSince.set(name, sinceMs);
      // What a fault has cut off is told later.
      const mustBeTold = () => {
        if (failsSince.get(name) !== sinceMs || open.has(`failing ${name}`)) return;
        if (isHindered(nowMs())) world.later(mostLateMs, mustBeTold);
        else violate(`${name} has failed three times, and nothing tells it`);
      };
      world.later(mostLateMs, mustBeTold);
    },
  };
}

const failure = () => fail('notify/unreachable', { notifier: 'ops', name: 'ops', reason: 'the simulation' });

/** The notifier of a process. Its messages reach a person. */
export const notifierOf = (process: Process, gate: Gate, checks: AlarmChecks): Notifier => ({
  type: 'simulation',
  send: (news, signal) =>
    gate({
      ...{ name: 'notify.send', about: aboutOf(news), signal, ms: [50, 2_000] as const },
      ...{ effect: () => checks.told(process, news), failure, lost: failure },
    }),
});

const aboutOf = ({ opened, repeated, resolved, more }: AlarmNews): string =>
  [
    ...opened.map(({ key }) => `+${key}`),
    ...repeated.map(({ key }) => `=${key}`),
    ...resolved.map(({ key }) => `-${key}`),
    ...more.map(({ kind, count, change }) => `${change} ${count} ${kind}`),
  ].join(' ');
