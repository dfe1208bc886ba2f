import { aborted, orAborted, untilAny } from '../core/async/on-abort.ts';
import { asFailure } from '../core/errors/errors.ts';
import type { Vitals } from '../engine/steady/vitals.ts';
import type { World } from '../ports/world.ts';
import type { Health } from './health.ts';

export interface SystemdOptions {
  readonly world: Pick<World, 'clock' | 'processes' | 'log'>;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly vitals: Vitals;
  readonly health: () => Health;
  /** Aborts when the process begins to stop. */
  readonly stopping: AbortSignal;
}

/**
 * Tells systemd when the process is ready, that it still turns, and when it stops (sd_notify). It does nothing unless
 * systemd asks for that (`Type=notify`). systemd listens on a datagram socket, for which Node has nothing, so systemd's
 * own `systemd-notify` sends the messages; the unit needs `NotifyAccess=all`.
 */
export async function tellSystemd(options: SystemdOptions, signal: AbortSignal): Promise<void> {
  const { world, env, vitals, health, stopping } = options;
  const socket = env['NOTIFY_SOCKET'];
  if (!socket) return;
  let hasFailed = false;

  async function tell(...words: readonly string[]): Promise<void> {
    try {
      const { status, stderr } = await world.processes.run({
        command: ['systemd-notify', ...words],
        env: { NOTIFY_SOCKET: socket!, PATH: env['PATH'] ?? '/usr/bin:/bin' },
        signal: new AbortController().signal,
        timeoutMs: 5_000,
      });
      if (status !== 0 && !hasFailed) world.log.warn(`systemd-notify failed: ${stderr.trim() || status}`);
      hasFailed = status !== 0;
    } catch (error) {
      if (!hasFailed) world.log.warn(`systemd was not told: ${asFailure(error).message}`);
      hasFailed = true;
    }
  }

  async function keepAlive(): Promise<void> {
    const everyMs = watchdogMs(env, world.processes.self().pid) / 2;
    while (!signal.aborted && Number.isFinite(everyMs)) {
      if (health().isTurning) await tell('WATCHDOG=1');
      await world.clock.sleep(everyMs, signal).catch(() => undefined);
    }
  }

  await untilAny([signal, stopping], async (ended) => {
    const isReady = await orAborted(vitals.whenReady, ended).then(
      () => true,
      () => false,
    );
    if (isReady) await tell('--ready');
  });
  const tellEnd = async () => {
    await untilAny([signal, stopping], aborted);
    if (stopping.aborted) await tell('--stopping');
  };
  await Promise.all([keepAlive(), tellEnd()]);
}

/** How long the process may be silent; infinite if systemd does not watch it. */
function watchdogMs(env: SystemdOptions['env'], pid: number): number {
  const { WATCHDOG_USEC: microseconds, WATCHDOG_PID: watched } = env;
  if (!microseconds || (watched !== undefined && watched !== String(pid))) return Number.POSITIVE_INFINITY;
  return Number(microseconds) / 1_000 || Number.POSITIVE_INFINITY;
}
