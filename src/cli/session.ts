import { loadSettings } from '../config/file/load.ts';
import { isKeyReference } from '../config/options/store-key.ts';
import { defaultSettings } from '../config/settings/defaults.ts';
import { fail, isFailure } from '../core/errors/errors.ts';
import type { Language } from '../core/errors/wording.ts';
import { isNodeName, nodeNameRule } from '../core/names/node-name.ts';
import type { Event } from '../core/plan/event.ts';
import type { Settings } from '../core/spec/spec.ts';
import { isFields, type JsonObject } from '../core/text/json.ts';
import { present } from '../core/text/present.ts';
import type { Fleet } from '../fleet.ts';
import type { Log } from '../ports/log.ts';
import type { Person } from '../ports/person.ts';
import type { Reporter } from '../ports/reporter.ts';
import type { World } from '../ports/world.ts';
import type { CliContext, Delivered, Environment, FlagValue, Invocation, LogFile, Session } from './context.ts';
import { configurationRequest } from './flags/configuration-path.ts';
import { languageOf } from './flags/language.ts';
import { cutAt, listOf, textWithPlaces, wholePathOf } from './flags/values.ts';
import { guarded, guardedFleet } from './guard.ts';
import {
  jsonProgress,
  liveProgress,
  logLine,
  onceEachAlarm,
  type Progress,
  plainProgress,
  quietProgress,
  serviceProgress,
  verboseProgress,
} from './output/progress.ts';
import { fill, styleOf } from './output/text.ts';

/** A session that the caller must close. */
export interface OpenSession extends Session {
  /** Returns the settings, if they are loaded. A signal handler must not start loading them. */
  loaded(): Settings | undefined;
  openedWorld(): World | undefined;
  /** Reports whether the fleet's store lives only as long as the process. */
  isInMemory(): boolean;
  /** What a signal leaves of the command's work, if that differs from other commands. */
  readonly ifStopped: string | undefined;
  /** Reports whether a person is being asked. */
  isAsking(): boolean;
  stopProgress(): void;
  close(): Promise<void>;
}

/** Opens the session of a command. Opens the world, the configuration and the fleet only when they are used. */
export function openSession(
  given: CliContext,
  invocation: Invocation,
  signal: AbortSignal,
  {
    log,
    asksPerson = false,
    ifStopped,
    isService = false,
    language = languageOf(invocation.flags, given.env),
  }: {
    readonly log?: LogFile | undefined;
    readonly asksPerson?: boolean | undefined;
    readonly ifStopped?: string | undefined;
    readonly isService?: boolean | undefined;
    readonly language?: Language | undefined;
  } = {},
): OpenSession {
  let isAsking = false;
  const noting = (ask: CliContext['ask']): CliContext['ask'] =>
    ask &&
    (async (question, stopped) => {
      isAsking = true;
      return ask(question, stopped).finally(() => {
        isAsking = false;
      });
    });
  const { ask: asked, askSecret: askedSecret, ...rest } = given;
  const [ask, askSecret] = [noting(asked), noting(askedSecret)];
  const context: CliContext = { ...rest, ...present({ ask, askSecret }) };
  const json = invocation.flags['json'] === true;
  const quiet = invocation.flags['quiet'] === true;
  const debugs = context.env['CERTFLEET_DEBUG'] ?? '0';
  const verbose = invocation.flags['verbose'] === true || (debugs !== '' && debugs !== '0');
  const progress = progressOf(context, { json, quiet, verbose, isService });
  const delivered = new Map<string, readonly Delivered[]>();
  const reporter: Reporter = {
    report: (raw) => {
      // Each request reports such an event, which neither a log nor the screen shows.
      if (raw.level === 'debug' && raw.event === 'log' && !log && !verbose) return;
      const event = guarded(raw);
      if (event.event === 'certificate.deployed' && event.certificate !== undefined)
        delivered.set(event.certificate, deliveredIn(event.data));
      log?.write(logLine(event));
      if (event.level !== 'debug' || verbose) progress.report(event);
    },
  };
  let world: Promise<World> | undefined;
  let openWorld: World | undefined;
  let settings: Promise<Settings> | undefined;
  let loadedSettings: Settings | undefined;
  let fleet: Promise<Fleet> | undefined;

  let isInMemory = false;
  let closing: Promise<void> | undefined;
  const closeAll = async () => {
    progress.stop();
    await (await fleet?.catch(() => undefined))?.close(signal);
    // The caller closes a world that it passed in.
    if (!context.world) await openWorld?.close();
    log?.close();
  };

  /** Reports a log event. Before the world is open, there is no clock for the time, and nothing to report. */
  const say = (level: Event['level'], message: string) => {
    const now = openWorld?.clock.now();
    if (now) reporter.report({ v: 1, time: now.toISOString(), level, event: 'log', message });
  };

  const isThere = asksPerson && context.isTerminal && !json && !quiet;
  const person: Person | undefined = isThere ? { tell: (text) => session.noteWhole(`\n${text}\n`) } : undefined;

  const session: OpenSession = {
    invocation,
    context,
    json,
    quiet,
    verbose,
    language,
    reporter,
    signal,
    delivered,
    world: () => {
      world ??= makeWorld(
        context,
        {
          debug: (message) => say('debug', message),
          info: (message) => say('info', message),
          warn: (message) => say('warn', message),
        },
        person,
      ).then((made) => {
        openWorld = made;
        return made;
      });
      return world;
    },
    useStore: (store) => {
      Object.assign(session, { invocation: { ...invocation, flags: { ...invocation.flags, store } } });
    },
    useDefaults: () => {
      settings = (async () => withFlags(defaultSettings(context.env), session))();
    },
    settings: () => {
      settings ??= readSettings(session).then((read) => {
        loadedSettings = read;
        return read;
      });
      return settings;
    },
    async declared() {
      try {
        return (await session.fleet({ makeStore: false })).settings();
      } catch (error) {
        if (!isFailure(error, 'store/absent')) throw error;
        return session.settings();
      }
    },
    readAgain: () => readSettings(session),
    fleet: ({ makeStore, inMemory, tellsAlarms = false }) => {
      fleet ??= (async () => {
        const open = context.openFleet ?? (await import('../fleet.ts')).openFleet;
        const world = await session.world();
        const read = await session.settings();
        isInMemory = inMemory === true;
        const used = inMemory ? { ...read, store: { type: 'memory' }, storeKeys: [] } : read;
        return guardedFleet(await open(used, { world, reporter, env: context.env, makeStore, tellsAlarms }));
      })().catch((error: unknown) => {
        // A later call may be allowed to create the store.
        fleet = undefined;
        throw error;
      });
      return fleet;
    },
    now: async () => (await session.world()).clock.now(),
    print: (text) => session.printWhole(fill(textWithPlaces(text, session), context.stdout.columns)),
    printWhole: (text) => {
      if (json) return;
      progress.stop();
      context.stdout.write(`${text}\n`);
    },
    printJson: (value) => {
      if (json) context.stdout.write(`${JSON.stringify({ v: 1, ...value })}\n`);
    },
    note: (text) => session.noteWhole(fill(textWithPlaces(text, session), context.stderr.columns)),
    noteWhole: (text) => {
      if (json || quiet) return;
      progress.stop();
      context.stderr.write(`${text}\n`);
    },
    complain: (text) => {
      if (json) return;
      progress.stop();
      context.stderr.write(`${fill(textWithPlaces(text, session), context.stderr.columns)}\n`);
    },
    debug: (text) => say('debug', text),
    loaded: () => loadedSettings,
    openedWorld: () => openWorld,
    isInMemory: () => isInMemory,
    ifStopped,
    isAsking: () => isAsking,
    stopProgress: () => progress.stop(),
    close: () => {
      closing ??= closeAll();
      return closing;
    },
  };
  return session;
}

function progressOf(
  { stdout, stderr, isTerminal, env }: CliContext,
  { json, quiet, verbose, isService }: Pick<Session, 'json' | 'quiet' | 'verbose'> & { readonly isService: boolean },
): Progress {
  if (json) return jsonProgress(stdout);
  const style = styleOf({ isTerminal, env });
  if (isService) {
    // systemd notes the time of each line itself.
    const inLog = () => serviceProgress(stderr, { ...style, hasTimes: !env['JOURNAL_STREAM'] });
    return onceEachAlarm(
      verbose ? verboseProgress(stderr, { ...style, isService }) : quiet ? quietProgress(stderr, style) : inLog(),
    );
  }
  if (verbose) return verboseProgress(stderr, { ...style, isService });
  if (quiet) return quietProgress(stderr, style);
  return isTerminal && env['TERM'] !== 'dumb' ? liveProgress(stderr, style) : plainProgress(stderr, style);
}

function deliveredIn({ targets, places }: JsonObject = {}): readonly Delivered[] {
  const totals = new Map<string, unknown>(isFields(places) ? Object.entries(places) : []);
  return (Array.isArray(targets) ? targets.map(String) : []).map((target) => {
    const total = totals.get(target);
    return { target, places: typeof total === 'number' ? total : undefined };
  });
}

async function makeWorld(context: CliContext, log: Log, person: Person | undefined): Promise<World> {
  if (context.world) return context.world;
  // biome-ignore lint/style/noRestrictedImports: the command line is the process's edge, so it makes the real world
  const create = context.createWorld ?? (await import('../lib/world.ts')).createWorld;
  return create({ env: context.env, log, person });
}

const readSettings = async (session: Session): Promise<Settings> =>
  withFlags(await loadSettings(await configurationRequest(session)), session);

function withFlags(loaded: Settings, { context, invocation }: Session): Settings {
  const { store, storeKey, node } = invocation.flags;
  const keyed = storeKey === undefined ? loaded : { ...loaded, storeKeys: storeKeysOf(storeKey, context.env) };
  const settings = typeof node === 'string' ? { ...keyed, node: checkedNode(node) } : keyed;
  if (typeof store !== 'string') return settings;
  return {
    ...settings,
    store: { type: 'file', path: wholePathOf('--store ', store, context.env) },
    storeIsDeclared: false,
  };
}

function checkedNode(name: string): string {
  if (isNodeName(name)) return name;
  throw fail('usage/invalid-value', { typed: `--node ${name}`, form: nodeNameRule });
}

function storeKeysOf(given: FlagValue, env: Environment): readonly string[] {
  return listOf(given).map((text) => {
    const [kind, path] = cutAt(text, ':');
    const where = kind === 'file' && path ? `file:${wholePathOf('--store-key file:', path, env)}` : text;
    if (isKeyReference(where)) return where;
    const form = 'file:/path, env:NAME or credential:NAME';
    // Omits the text, which may be the key itself. A key has no colon.
    if (text.includes(':'))
      throw fail('usage/invalid-value', { typed: '--store-key', form: `a reference to a key: ${form}` });
    throw fail('usage/secret-visible', { flag: '--store-key', form });
  });
}
