import { fail, reasonOf } from '../../core/errors/errors.ts';
import type { World } from '../../ports/world.ts';
import type { Session } from '../context.ts';

/** Runs systemctl. Below CERTFLEET_ROOT, systemctl only changes the links there. */
export async function systemctl(args: readonly string[], { context, signal }: Session, world: World): Promise<void> {
  const root = context.env['CERTFLEET_ROOT'];
  if (root && (args[0] === 'daemon-reload' || args[0] === 'restart')) return;
  const command = ['systemctl', ...(root ? [`--root=${root}`] : []), ...args.filter((arg) => !root || arg !== '--now')];
  const env = Object.fromEntries(
    ['PATH', 'HOME', 'LANG', 'DBUS_SYSTEM_BUS_ADDRESS'].flatMap((name) => {
      const value = context.env[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
  const failed = (reason: string, cause?: unknown) =>
    fail('config/timer-not-started', { command: command.join(' '), reason }, { cause });
  const { status, stderr } = await world.processes
    .run({ command: command as [string, ...string[]], env, signal, timeoutMs: 60_000 })
    .catch((error: unknown) => {
      throw failed(reasonOf(error), error);
    });
  if (status !== 0) throw failed(stderr.trim() || `exit code ${status}`);
}
