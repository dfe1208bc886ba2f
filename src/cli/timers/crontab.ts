import { basename, dirname, isAbsolute } from 'node:path';
import { type DefaultPaths, defaultPaths } from '../../config/settings/defaults.ts';
import type { Files } from '../../ports/files.ts';
import type { Session } from '../context.ts';
import { textOf, wholePathOf, withPlaces } from '../flags/values.ts';
import { crontabLines, type Hourly } from './files.ts';
import { filesAt, namesIn } from './files-at.ts';
import { notSetBy, shellVariables } from './variables.ts';

/** Suggests what renews by itself: once for each store, and only if this machine does not run it already. */
export const adviseCrontab = (session: Session): Promise<void> =>
  advise(session, { command: 'renew', once: 'crontab', hint: cronHint(session) });

/**
 * Explains that a killed run leaves its forward rule in place until the next run: once for each store, and only if this
 * machine does not run `sweep` already.
 */
export const adviseSweep = (session: Session): Promise<void> =>
  advise(session, { command: 'sweep', once: 'sweep', hint: sweepHint });

interface Advice {
  readonly command: 'renew' | 'sweep';
  /** The key under which the store remembers the advice. */
  readonly once: string;
  readonly hint: string;
}

async function advise(session: Session, { command, once, hint }: Advice): Promise<void> {
  if (session.json || session.quiet) return;
  const store = storeOf(session);
  const { files } = await session.world();
  const scheduled = await scheduledIn(command, files, defaultPaths(session.context.env), store);
  if (scheduled !== undefined) return tellLacking(session, files, scheduled);
  const fleet = await session.fleet({ makeStore: false });
  // The command itself has succeeded, so this must not make it fail.
  if (!(await fleet.once(once, session.signal).catch(() => false))) return;
  const { open, others } = await shellVariables(session);
  const lines = await linesFor(command, session, store, open).catch(() => undefined);
  if (lines === undefined) return;
  session.note(`\n${hint}`);
  session.noteWhole(`${cronPath(process.execPath)}${lines}`);
  for (const name of others.keys()) session.note(`cron does not have ${name}: set it in a line above this one.`);
  for (const key of await storeKeyFlags(session))
    if (key.startsWith('env:'))
      session.note(
        `cron does not have ${key.slice(4)}: set it in a line above this one, or name a file with --store-key file:/path.`,
      );
}

/** Reports which variables of this run the scheduled run lacks. */
async function tellLacking(session: Session, files: Files, { path, command }: Scheduled): Promise<void> {
  const lacking = await notSetBy(path, files, await shellVariables(session));
  if (lacking.length === 0) return;
  const names = lacking.join(', ');
  const again = `certfleet install-timer${command === 'run' ? ' --daemon' : ''}`;
  session.note(
    `${path} runs \`certfleet ${command}\` without ${names}, which this run had: run \`${again}\` with ${lacking.length === 1 ? 'it' : 'them'}, or add what is needed there.`,
  );
}

/** Returns the store named on the command line. */
export const storeOf = ({ context, invocation }: Session): string | undefined => {
  const typed = textOf(invocation.flags['store']);
  return typed === undefined ? undefined : wholePathOf('--store ', typed, context.env);
};

/**
 * Returns the flags that give another process the store key, if it came from a flag or the environment. A key whose
 * value is itself in the environment cannot be passed on.
 */
export async function storeKeyFlags({ settings, invocation, context }: Session): Promise<readonly string[]> {
  const { storeKeys = [] } = await settings();
  const isGiven = invocation.flags['storeKey'] !== undefined || storeKeys[0] === context.env['CERTFLEET_STORE_KEY'];
  return isGiven ? storeKeys.flatMap((where) => ['--store-key', where]) : [];
}

/** Returns the flag that gives another process the name of this node, if it came from a flag or the environment. */
export async function nodeFlags({ settings, invocation, context }: Session): Promise<readonly string[]> {
  const { node } = await settings();
  const isGiven = invocation.flags['node'] !== undefined || node === context.env['CERTFLEET_NODE'];
  return isGiven && node !== undefined ? ['--node', node] : [];
}

const sweepHint =
  'A run that is killed leaves its forward rule in the load balancer until the next run. To remove it within the hour, run ' +
  '`certfleet sweep` once an hour too, for instance from a crontab:';

const cronHint = (session: Session): string =>
  `To keep all certificates renewed, run \`${withPlaces('certfleet install-timer --daemon', session)}\`. ` +
  'Without systemd, let a supervisor run `certfleet run`, or add this line to the crontab of the user that runs ' +
  'certfleet (`crontab -e`):';

/**
 * Returns the lines for an hourly run: `renew` costs almost nothing if nothing is due, and six-day certificates cannot
 * wait a day.
 */
async function linesFor(
  command: 'renew' | 'sweep',
  session: Session,
  store: string | undefined,
  variables: Hourly['variables'],
): Promise<string> {
  const { context, invocation } = session;
  const config = textOf(invocation.flags['config']);
  const words = [
    ...[...(await calledAs(session)), command, '--quiet'],
    // cron runs in the home folder, where a relative path would mean another place.
    ...(config === undefined ? [] : ['--config', wholePathOf('--config ', config, context.env)]),
    ...(store === undefined ? [] : ['--store', store]),
    ...(await storeKeyFlags(session)),
    ...(await nodeFlags(session)),
  ];
  const { minute } = await timeOfMachine(session);
  return crontabLines({ command: words, minute, variables });
}

/** Returns how cron calls certfleet: by its path, unless the path is unknown or cron finds the program without it. */
async function calledAs({ context: { program }, world }: Session): Promise<readonly string[]> {
  if (program === undefined || !isAbsolute(program)) return ['certfleet'];
  if (basename(program) === 'certfleet') return [program];
  const { files } = await world();
  for (const folder of [dirname(process.execPath), '/usr/bin', '/bin'])
    if (await files.stat(`${folder}/certfleet`).catch(() => undefined)) return ['certfleet'];
  return [process.execPath, program];
}

/**
 * Returns a time within the hour that depends on the machine, so that machines do not all call the CA at once. Where
 * the machine has no name, such as below CERTFLEET_ROOT, the time depends on the store's path.
 */
export async function timeOfMachine(session: Session): Promise<Required<Pick<Hourly, 'minute' | 'second'>>> {
  const { files } = await session.world();
  const { machine } = defaultPaths(session.context.env);
  const found = await Promise.all(machine.map((path) => filesAt(files, path)));
  const texts = found.flat().map(({ text }) => text);
  const { path } = (await session.settings()).store;
  let sum = 0;
  // Coprime to 3600, so that every letter matters.
  for (const letter of texts.join('') || String(path)) sum = (sum * 7_919 + letter.charCodeAt(0)) % 3_600;
  return { minute: Math.floor(sum / 60), second: sum % 60 };
}

/** Returns a PATH line for the crontab if `node` is not in /usr/bin or /bin, the only folders that cron searches. */
export function cronPath(node: string): string {
  const folder = dirname(node);
  return folder === '/usr/bin' || folder === '/bin' ? '' : `  PATH=${folder}:/usr/bin:/bin\n`;
}

/** What runs a command on this machine. */
export interface Scheduled {
  /** The crontab or unit. */
  readonly path: string;
  /** `run` renews, too. */
  readonly command: 'renew' | 'sweep' | 'run';
}

/**
 * Returns the crontab, or the enabled unit, that runs a command for the store on this machine. `certfleet run` does what
 * `renew` does.
 */
export async function scheduledIn(
  command: 'renew' | 'sweep',
  files: Files,
  paths: DefaultPaths,
  store: string | undefined,
): Promise<Scheduled | undefined> {
  const runs = (text: string, wanted: Scheduled['command']): boolean =>
    text
      .split('\n')
      .filter((line) => !/^\s*#/.test(line) && new RegExp(`\\bcertfleet\\b.*\\s${wanted}\\b`).test(line))
      .some((line) => (store === undefined ? !/\s--store\b/.test(line) : line.replaceAll('\\%', '%').includes(store)));
  for (const path of paths.crontabs)
    for (const one of await filesAt(files, path)) if (runs(one.text, command)) return { path: one.path, command };
  const timers = await namesIn(files, paths.timers);
  const services = command === 'renew' ? await namesIn(files, paths.services) : [];
  if (timers.length + services.length === 0) return undefined;
  const timerOf = (path: string) => basename(path).replace(/\.service$/, '.timer');
  for (const folder of paths.units)
    for (const { path, text } of await filesAt(files, folder)) {
      if (timers.includes(timerOf(path)) && runs(text, command)) return { path, command };
      if (services.includes(basename(path)) && runs(text, 'run')) return { path, command: 'run' };
    }
  return undefined;
}
