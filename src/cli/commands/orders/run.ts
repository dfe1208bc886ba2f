import { asFailure } from '../../../core/errors/errors.ts';
import type { Event } from '../../../core/plan/event.ts';
import { present } from '../../../core/text/present.ts';
import type { Fleet } from '../../../fleet.ts';
import type { FileStat } from '../../../ports/files.ts';
import type { Run, Session } from '../../context.ts';
import { configurationPath } from '../../flags/configuration-path.ts';
import { reportStart } from '../../output/outcomes.ts';

/** How often the configuration is looked at. */
const everyMs = 5_000;

/** `certfleet run`. */
export const run: Run = async (session) => {
  const { storeIsDeclared } = await session.settings();
  const fleet = await session.fleet({ makeStore: storeIsDeclared === true });
  await reportStart(session, 'run');
  const over = new AbortController();
  const reloading = reloadWhenChanged(session, fleet, over.signal);
  try {
    await fleet.run({ ready: () => {}, done: () => {} }, session.signal);
  } finally {
    over.abort();
    await reloading;
  }
  return 0;
};

/** Reads the configuration again whenever its file changes, and at SIGHUP. */
async function reloadWhenChanged(session: Session, fleet: Fleet, signal: AbortSignal): Promise<void> {
  const { clock, files } = await session.world();
  const path = configurationPath(session);
  const look = async () => stampOf(await files.stat(path).catch(() => undefined));
  let isAsked = false;
  let early = new AbortController();
  const ask = () => {
    isAsked = true;
    early.abort();
  };
  session.context.signals?.on('SIGHUP', ask);
  signal.addEventListener('abort', () => early.abort());
  let before = await look();
  while (!signal.aborted) {
    early = new AbortController();
    if (!isAsked) await clock.sleep(everyMs, early.signal).catch(() => undefined);
    if (signal.aborted) break;
    const now = await look();
    if (now === before && !isAsked) continue;
    before = now;
    isAsked = false;
    await reload(session, fleet);
  }
  session.context.signals?.off('SIGHUP', ask);
}

/** What changes when a file is written or replaced. */
const stampOf = (stat: FileStat | undefined): string =>
  stat ? `${stat.size} ${stat.modifiedMs} ${stat.changedMs}` : '';

async function reload(session: Session, fleet: Fleet): Promise<void> {
  const tell = async (level: Event['level'], message: string, data?: Event['data']) => {
    const time = (await session.now()).toISOString();
    session.reporter.report({ v: 1, time, level, event: 'log', message, ...present({ data }) });
  };
  try {
    const settings = await session.readAgain();
    fleet.declare(settings);
    await tell('info', `the configuration was read again: ${settings.certificates.length} certificates`);
  } catch (error) {
    const { code, message } = asFailure(error);
    await tell('error', `the configuration of before stays in use: ${message}`, { code });
  }
}
