import type { Composed } from '../compose.ts';
import { CertfleetError, reasonOf } from '../core/errors/errors.ts';
import type { Event } from '../core/plan/event.ts';
import type { Settings } from '../core/spec/spec.ts';
import type { Vitals } from '../engine/steady/vitals.ts';
import type { Reporter } from '../ports/reporter.ts';
import type { World } from '../ports/world.ts';
import { isOverdue } from './expiries.ts';
import type { Health } from './health.ts';

export interface HeartbeatOptions {
  readonly world: Pick<World, 'clock' | 'http'>;
  readonly reporter: Reporter;
  readonly composed: Pick<Composed, 'readSecret'>;
  /** As they are declared now. */
  readonly settings: () => Pick<Settings, 'heartbeat'>;
  readonly vitals: Vitals;
  readonly health: () => Health;
}

/** How soon it notices that a heartbeat is declared. */
const lookMs = 60_000;
const timeoutMs = 10_000;

/**
 * Calls the URL of `heartbeat` for as long as all is well: the loop turns, the store works, and no certificate is
 * overdue. A service that misses the calls alarms a person, also if this machine is gone.
 */
export async function sendHeartbeats(options: HeartbeatOptions, signal: AbortSignal): Promise<void> {
  const { world, reporter, composed, settings, vitals, health } = options;
  const { clock } = world;
  const http = world.http({ hidesPaths: true, connections: 1 });
  /** Why there was none the last time. Empty after one that succeeded. */
  let before = '';

  /** Returns why there must be no heartbeat, as a sentence without secrets; empty if all is well. */
  function doubt(): string {
    const { isReady, problems } = health();
    if (!isReady) return problems.join(', ');
    const nowMs = clock.now().getTime();
    let overdue = 0;
    for (const one of vitals.certificates()) if (isOverdue(one, nowMs)) overdue++;
    if (overdue === 0) return '';
    return overdue === 1 ? 'a certificate is overdue' : `${overdue} certificates are overdue`;
  }

  async function beat(url: string): Promise<string> {
    const wrong = doubt();
    if (wrong !== '') return wrong;
    try {
      const place = (await composed.readSecret('heartbeat', url)).reveal();
      if (!/^https?:\/\/\S+$/.test(place)) return '`heartbeat` is no https:// or http:// URL';
      const { status } = await http.request({ method: 'GET', url: place, signal, timeoutMs });
      return status >= 200 && status < 300 ? '' : `its service answers with ${status}`;
    } catch (error) {
      return error instanceof CertfleetError ? error.message : reasonOf(error);
    }
  }

  function tell(level: Event['level'], message: string): void {
    reporter.report({ v: 1, time: clock.now().toISOString(), level, event: 'log', message });
  }

  let lastMs = clock.monotonicMs();
  while (!signal.aborted) {
    // A shorter interval may be declared meanwhile.
    const { everyMs = lookMs } = settings().heartbeat ?? {};
    await clock.sleep(Math.min(lastMs + everyMs - clock.monotonicMs(), lookMs), signal).catch(() => undefined);
    const { heartbeat } = settings();
    if (signal.aborted || clock.monotonicMs() < lastMs + (heartbeat?.everyMs ?? lookMs)) continue;
    lastMs = clock.monotonicMs();
    if (!heartbeat) continue;
    const why = await beat(heartbeat.url);
    if (signal.aborted || why === before) continue;
    if (why === '') tell('info', 'the heartbeat is sent again');
    else tell('warn', `no heartbeat: ${why}`);
    before = why;
  }
  await http.close();
}
