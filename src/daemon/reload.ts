import { configurationStamp, filledFiles, stampOf } from '../config/file/stamp.ts';
import { createBell } from '../core/async/bell.ts';
import { orAborted } from '../core/async/on-abort.ts';
import { asFailure, type CertfleetError, fail, reasonOf } from '../core/errors/errors.ts';
import type { Event } from '../core/plan/event.ts';
import type { Settings } from '../core/spec/spec.ts';
import { present } from '../core/text/present.ts';
import { shortList } from '../core/text/short-list.ts';
import type { Reporter } from '../ports/reporter.ts';
import type { Source, SourceProblem } from '../ports/source.ts';
import type { World } from '../ports/world.ts';
import { fixedChanges } from './fixed-settings.ts';
import { createWatch } from './watch.ts';

/** How often the files are looked at. */
const everyMs = 5_000;
/** How long a file must stay the same until it is read. */
const stillMs = 1_000;
/** How long a read may take. A file system that does not answer must not end the following of all other files. */
const readMs = 30_000;

/** How many of the names that are gone are told. */
const mostNamed = 20;
const listed = (names: readonly string[]): string => shortList(names, mostNamed, mostNamed);

/** Where the settings come from. */
export interface ConfigurationSource {
  /** The path of the file, which need not exist. */
  readonly file: string;
  /** The stamp of the configuration before its settings were first read. */
  readonly stamp: string;
  /** The files of the configuration that had anything in them then. */
  readonly filled: ReadonlySet<string>;
  /** Reads the settings. Fails with `config/…`. */
  read(): Promise<Settings>;
  /** Calls a function whenever a person asks to read it again at once. Returns a function that ends that. */
  onAsk(ask: () => void): () => void;
}

export interface Reload extends Source {
  /** Follows the files until the signal aborts. Never fails. */
  follow(signal: AbortSignal): Promise<void>;
  /** Returns what is wrong with the configuration, if that has lasted longer than it takes to write a file. */
  problem(): SourceProblem | undefined;
  /** Begins to watch a file with a secret, or with roots to trust. Called before it is read. */
  note(file: string): Promise<void>;
}

export interface Reloading {
  readonly source: ConfigurationSource;
  /** The settings with which the process began. */
  readonly first: Settings;
  readonly world: Pick<World, 'files' | 'clock'>;
  readonly reporter: Reporter;
  /** Uses other settings from now on. */
  declare(settings: Settings): void | Promise<void>;
  /** Returns one sentence for each secret of the settings that cannot be read. */
  lacking(settings: Settings): Promise<readonly string[]>;
  /** Called when files with secrets or roots have changed. */
  changed(files: readonly string[]): void;
}

/**
 * Follows the configuration and every file with a secret that was read. A valid configuration takes effect; of one that
 * is refused, the settings of before stay in use.
 */
export function createReload({ source, world, reporter, ...given }: Reloading): Reload {
  const { files, clock } = world;
  const ofConfiguration = createWatch();
  const secrets = createWatch();
  /** Secret files that something has read since the settings in use were declared. */
  const inUse = new Set<string>();
  const bell = createBell();
  let problem: SourceProblem | undefined;
  /** What was last told of a refused configuration. */
  let told: string | undefined;
  let isAsked = false;
  let isDoubtful = false;
  let filled = source.filled;
  let fixed: readonly string[] = [];
  let current = given.first;

  function tell(level: Event['level'], event: Event['event'], message: string, data?: Event['data']): void {
    const time = clock.now().toISOString();
    reporter.report({ v: 1, time, level, event, message, ...present({ data }) });
  }

  /** Waits for something that is read until its time is over, which fails, or the signal aborts. */
  async function inTime<T>(reading: Promise<T>, signal: AbortSignal): Promise<T> {
    const deadline = clock.deadline(readMs, signal);
    try {
      return await orAborted(reading, deadline.signal);
    } catch (error) {
      if (!deadline.expired) throw error;
      const reason = `it was not read within ${readMs / 1_000} seconds`;
      throw fail('config/unreadable', { file: source.file, reason });
    } finally {
      deadline.done();
    }
  }

  /**
   * Tells which secrets of the settings in use cannot be read. A module of somebody else may fail at anything, which
   * must not end the process.
   */
  async function tellLacking(signal: AbortSignal): Promise<void> {
    try {
      for (const sentence of await inTime(given.lacking(current), signal)) tell('warn', 'log', sentence);
    } catch (error) {
      if (!signal.aborted) tell('warn', 'log', `could not check the secrets: ${reasonOf(error)}`);
    }
  }

  async function read(): Promise<Settings> {
    // Both before and after, because it may be emptied or filled meanwhile.
    await refuseEmptied();
    const settings = await source.read();
    filled = await refuseEmptied();
    return settings;
  }

  /**
   * Fails if the file is gone or a file that had something in it is empty: an editor may be writing it, or the disk may
   * be full. A file that is gone from the folder was moved away by a person.
   */
  async function refuseEmptied(): Promise<ReadonlySet<string>> {
    const now = await filledFiles(files, source.file);
    for (const path of filled) {
      if (now.has(path)) continue;
      const isThere = (await stampOf(files, path)) !== '';
      if (isThere) throw fail('config/emptied', { file: path });
      if (path === source.file) throw fail('config/unreadable', { file: path, reason: 'it is no longer there' });
    }
    return now;
  }

  /** Says what the settings of before declared and others do not. */
  function tellRemoved(before: Settings, now: Settings): void {
    const names = new Set(now.certificates.map(({ name }) => name));
    const gone = before.certificates.map(({ name }) => name).filter((name) => !names.has(name));
    const alarms = Object.keys(before.alarms).filter((name) => !Object.hasOwn(now.alarms, name));
    if (gone.length > 0)
      tell('warn', 'log', `no longer declared, so not renewed: ${listed(gone)}; what is stored of it stays`);
    if (alarms.length > 0) tell('warn', 'log', `no longer declared, so alarms are not sent to: ${listed(alarms)}`);
  }

  /** @param isSure the file is not half-written */
  async function readAgain(isSure: boolean, signal: AbortSignal): Promise<void> {
    let settings: Settings;
    try {
      settings = await inTime(read(), signal);
    } catch (error) {
      if (signal.aborted) return;
      return refuse(asFailure(error), isSure);
    }
    isDoubtful = false;
    [problem, told] = [undefined, undefined];
    inUse.clear();
    const before = current;
    current = settings;
    await given.declare(settings);
    const { length } = settings.certificates;
    const certificates = length === 1 ? '1 certificate' : `${length} certificates`;
    tell('info', 'configuration.read', `the configuration was read again: ${certificates}`, {
      certificates: length,
    });
    tellRemoved(before, settings);
    const nowFixed = fixedChanges(given.first, settings);
    if (nowFixed.length > 0 && nowFixed.join() !== fixed.join()) {
      const names = nowFixed.map((name) => `\`${name}\``).join(', ');
      tell('warn', 'log', `a changed ${names} takes effect when \`certfleet run\` is started again, not before`);
    }
    fixed = nowFixed;
    await tellLacking(signal);
  }

  function refuse({ code, message, hint }: CertfleetError, isSure: boolean): void {
    const since = problem?.since ?? clock.now().toISOString();
    // What could not be read may be readable soon, although it looks the same.
    isDoubtful = !isSure || code === 'config/unreadable' || code === 'config/emptied';
    if (isSure) problem = { message, hint, since };
    if (told === message) return;
    told = message;
    tell('error', 'configuration.refused', `the configuration of before stays in use: ${message}`, { code, hint });
  }

  async function followSecrets(signal: AbortSignal): Promise<boolean> {
    const { isChanging, changed } = await secrets.look();
    for (const { key, isThere } of changed) {
      if (isThere) continue;
      if (inUse.has(key))
        tell('warn', 'log', `the secret file ${key} is no longer there; what needs it fails until it is there again`);
      else secrets.forget(key);
    }
    const written = changed.filter(({ isThere }) => isThere).map(({ key }) => key);
    if (written.length > 0) {
      const verb = written.length === 1 ? 'has' : 'have';
      tell('info', 'secrets.changed', `${written.join(', ')} ${verb} changed: what failed is tried again`, {
        files: written,
      });
      given.changed(written);
      // A file that was emptied has changed, too.
      await tellLacking(signal);
    }
    return isChanging;
  }

  async function followConfiguration(signal: AbortSignal): Promise<boolean> {
    const { isChanging, changed } = await ofConfiguration.look();
    if (isAsked) {
      isAsked = false;
      await readAgain(true, signal);
    } else if (changed.length > 0) await readAgain(false, signal);
    else if (isDoubtful && !isChanging) await readAgain(true, signal);
    return isChanging;
  }

  return {
    name: 'file',
    problem: () => problem,
    async note(file) {
      inUse.add(file);
      await secrets.add(file, () => stampOf(files, file));
    },
    async follow(signal) {
      const forget = source.onAsk(() => {
        isAsked = true;
        bell.ring();
      });
      try {
        ofConfiguration.since(source.stamp, source.file, () => configurationStamp(files, source.file));
        await tellLacking(signal);
        let isChanging = false;
        while (!signal.aborted) {
          await bell.orAfter(isChanging ? stillMs : everyMs, clock, signal);
          if (signal.aborted) break;
          const ofFile = await followConfiguration(signal);
          isChanging = (await followSecrets(signal)) || ofFile;
        }
      } finally {
        forget();
      }
    },
  };
}
