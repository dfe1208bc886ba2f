import { rememberListen } from '../../../config/file/last-listen.ts';
import { refuseUntrusted } from '../../../config/file/load.ts';
import { configurationStamp, filledFiles } from '../../../config/file/stamp.ts';
import type { Role } from '../../../core/node/running.ts';
import type { Settings } from '../../../core/spec/spec.ts';
import type { ConfigurationSource, Serve } from '../../../fleet.ts';
import type { Run, Session } from '../../context.ts';
import { configurationPath } from '../../flags/configuration-path.ts';
import { roleOf } from '../../flags/role.ts';
import { reportStart } from '../../output/outcomes.ts';

/** `certfleet run`. */
export const run: Run = async (session) => {
  const { signals } = session.context;
  // Without a handler, SIGHUP ends the process: while it waits for its name, and in a role that reads no configuration.
  const ignore = () => {};
  signals?.on('SIGHUP', ignore);
  try {
    return await keepRunning(session);
  } finally {
    signals?.off('SIGHUP', ignore);
  }
};

async function keepRunning(session: Session): Promise<number> {
  const role = roleOf(session);
  const source = await sourceOf(session);
  const settings = await session.settings();
  if (role === 'responder' && settings.responderSecret !== undefined) return answerTokens(session, settings);
  const { storeIsDeclared, certificates, listen, pages } = settings;
  const { cache } = await session.world();
  if (role === 'node') await rememberListen(cache, configurationPath(session), listen?.address);
  // A supervisor starts it on a new volume, without `issue` first, and on pages people declare what it lacks. A typed
  // `--store` may be mistyped.
  const isTyped = session.invocation.flags['store'] !== undefined;
  const hasWork = certificates.length > 0 || pages !== undefined;
  const makeStore = storeIsDeclared === true || (role === 'node' && hasWork && !isTyped);
  const fleet = await session.fleet({ makeStore, tellsAlarms: true });
  await reportStart(session, 'run');
  const ready = await readyFor(session, role);
  if (role === 'responder') await fleet.respond({ ready }, session.signal);
  else await fleet.run({ source, ready, done: () => {}, serve }, session.signal);
  return 0;
}

/** Loads pages and API, which few need. */
const serve: Serve = async (...parts) => (await import('../../../web/serving.ts')).serve(...parts);

/** A responder that reads nothing but tokens. */
async function answerTokens(session: Session, settings: Settings): Promise<number> {
  const { openTokenResponder } = await import('../../../fleet.ts');
  const { reporter, context, signal } = session;
  const responder = await openTokenResponder(settings, { world: await session.world(), reporter, env: context.env });
  try {
    await reportStart(session, 'run');
    await responder.respond({ ready: await readyFor(session, 'responder') }, signal);
  } finally {
    await responder.close();
  }
  return 0;
}

/** Returns what reports that the process is ready. */
async function readyFor(session: Session, role: Role): Promise<() => void> {
  const { clock } = await session.world();
  return () => {
    const time = clock.now().toISOString();
    const message = `it ${role === 'node' ? 'takes care of the certificates' : 'answers challenges'} from now on`;
    session.reporter.report({ v: 1, time, level: 'info', event: 'run.ready', message });
  };
}

async function sourceOf(session: Session): Promise<ConfigurationSource> {
  const { files, cache } = await session.world();
  const file = configurationPath(session);
  const { signals } = session.context;
  await refuseUntrusted(files, file);
  return {
    file,
    stamp: await configurationStamp(files, file),
    filled: await filledFiles(files, file),
    async read() {
      await refuseUntrusted(files, file);
      const settings = await session.readAgain();
      await rememberListen(cache, file, settings.listen?.address);
      return settings;
    },
    onAsk(ask) {
      signals?.on('SIGHUP', ask);
      return () => signals?.off('SIGHUP', ask);
    },
  };
}
