import { isAbsolute } from 'node:path';
import { type DefaultPaths, defaultPaths } from '../../config/settings/defaults.ts';
import { type ErrorParams, fail } from '../../core/errors/errors.ts';
import type { Settings } from '../../core/spec/spec.ts';
import type { World } from '../../ports/world.ts';
import type { Run, Session } from '../context.ts';
import { textOf, wholePathOf } from '../flags/values.ts';
import { credentialsOf, refuseCredentials } from './credentials.ts';
import { nodeFlags, scheduledIn, storeKeyFlags, storeOf, timeOfMachine } from './crontab.ts';
import {
  cronFile,
  crontabLines,
  daemonFile,
  type Hourly,
  isDaemon,
  serviceName,
  type TimerFile,
  timeIn,
  timerMark,
  timerName,
  timerPlaces,
  unitFiles,
  variablesIn,
} from './files.ts';
import { ours, ownership, textAt } from './own-files.ts';
import { systemctl } from './systemctl.ts';
import { shellVariables, tellVariables } from './variables.ts';

/** The planned changes. Nothing is changed before they were shown and confirmed. */
interface Change {
  readonly write: readonly TimerFile[];
  readonly remove: readonly string[];
  /** Arguments of systemctl, for before files are removed and after files are written. */
  readonly before: readonly (readonly string[])[];
  readonly after: readonly (readonly string[])[];
}

/** `certfleet install-timer`. */
export const installTimer: Run = async (session) => {
  const { flags } = session.invocation;
  const isPrint = flags['print'] === true;
  const world = await session.world();
  const change = flags['uninstall'] === true ? await uninstalling(session, world) : await installing(session, world);
  const { write, remove } = change;
  for (const { path, text } of write) session.printJson({ object: 'file', action: 'write', path, text });
  for (const path of remove) session.printJson({ object: 'file', action: 'remove', path });
  const isNothing = write.length + remove.length === 0;
  if (isPrint && !isNothing) {
    session.printWhole(shown(change));
    return 0;
  }
  if (isNothing) {
    session.print(
      flags['uninstall'] === true
        ? 'There is no timer to remove.'
        : `The ${flags['daemon'] === true ? 'service' : 'timer'} is installed; nothing to do.`,
    );
    return 0;
  }
  if (world.files.user() !== 0 && !session.context.env['CERTFLEET_ROOT'])
    throw fail('usage/needs-root', {
      command: 'install-timer',
      otherwise: ', or add --print to show them without changing anything',
    });
  session.noteWhole(shown(change));
  await confirm(session, [...write.map(({ path }) => path), ...remove].length);
  await carryOut(change, session, world);
  session.print(write.length > 0 ? `Installed: ${timeText(write)}.` : 'Removed.');
  session.note(nextText(write));
  return 0;
};

async function installing(session: Session, world: World): Promise<Change> {
  const { files } = world;
  const paths = defaultPaths(session.context.env);
  const settings = await session.settings();
  const places = timerPlaces(paths);
  const { cron, daemon, print } = session.invocation.flags;
  // The unit of an image is printed where no systemd runs.
  const isForOther = daemon === true && print === true;
  const isSystemd = cron !== true && (isForOther || (await files.stat(paths.bootedBySystemd))?.kind === 'folder');
  if (daemon === true && !isSystemd) throw fail('usage/timer-impossible', noDaemon);
  const hourly = await hourlyOf(session, settings, world, isSystemd);
  const missing = isSystemd ? undefined : await missingForCron(world, paths, session.json);
  if (missing !== undefined) {
    const text = crontabLines({ ...hourly, command: [...hourly.command, '--quiet'] });
    session.printJson({ object: 'crontab', text });
    session.noteWhole(text);
    throw fail('usage/timer-impossible', missing);
  }
  const wanted =
    daemon === true ? [daemonFile(hourly, paths)] : isSystemd ? unitFiles(hourly, paths) : [cronFile(hourly, paths)];
  for (const { path } of wanted)
    if ((await ownership(path, world)) === 'foreign')
      throw fail('usage/timer-impossible', {
        reason: `${path} already exists, but \`certfleet install-timer\` did not create it`,
        advice: 'Remove it first.',
      });
  const write: TimerFile[] = [];
  for (const file of wanted) if ((await textAt(file.path, world)) !== file.text) write.push(file);
  const others = [...places.units, ...places.cron].filter((path) => !wanted.some((file) => file.path === path));
  const remove = await ours(others, world);
  await tellOthers(session, world, [...places.units, ...places.cron]);
  await tellStore(session, settings, world);
  const before = await stopping(remove, wanted, session);
  if (daemon === true)
    return {
      ...{ write, remove, before },
      // It starts anew only if its unit has changed; until it is ready, systemctl waits.
      after: [['daemon-reload'], ['enable', serviceName], ...(write.length > 0 ? [['restart', serviceName]] : [])],
    };
  const isEnabled = (await files.list(paths.timers))?.includes(timerName) === true;
  const reload = remove.length > 0 ? [['daemon-reload']] : [];
  return {
    // Writing the units again does no harm, and shows what will be started.
    write: isSystemd && !isEnabled ? wanted : write,
    ...{ remove, before },
    after: isSystemd ? [['daemon-reload'], ['enable', '--now', timerName]] : reload,
  };
}

const noDaemon = {
  reason: 'only systemd runs `certfleet run` for it, and this machine has none, or --cron was given',
  advice:
    'Let your own supervisor run `certfleet run`, or leave out --daemon. For another machine, --print shows the unit.',
};

/** Returns how to stop what systemd runs now and will no longer run: the timer, or the daemon. */
async function stopping(
  remove: readonly string[],
  wanted: readonly TimerFile[],
  session: Session,
): Promise<Change['before']> {
  const world = await session.world();
  const [service] = timerPlaces(defaultPaths(session.context.env)).units;
  const text = (await textAt(service!, world)) ?? '';
  const next = wanted.find(({ path }) => path === service)?.text ?? '';
  const isDaemonOver = text.startsWith(timerMark) && isDaemon(text) && !isDaemon(next);
  return [
    ...(remove.some((path) => path.endsWith(timerName)) ? [['disable', '--now', timerName]] : []),
    ...(isDaemonOver ? [['disable', '--now', serviceName]] : []),
  ];
}

/**
 * Returns what cron needs here to run the file but does not have, and how to get it; undefined if nothing is missing.
 */
async function missingForCron(
  { files }: World,
  paths: DefaultPaths,
  json: boolean,
): Promise<ErrorParams<'usage/timer-impossible'> | undefined> {
  const [line, lines] = json ? ['the line in "text"', 'what "text" has'] : ['the line above', 'what is above'];
  const isBooted = (await files.stat(paths.bootedBySystemd))?.kind === 'folder';
  let hasCron = false;
  for (const path of paths.cron) hasCron ||= (await files.stat(path)) !== undefined;
  if (!hasCron)
    return isBooted
      ? {
          reason: `cron is not installed on this machine, so nothing would run ${line}`,
          advice: 'Leave out --cron, and systemd runs it.',
        }
      : {
          reason: `this machine has neither systemd nor cron, so nothing would run ${line}`,
          advice: 'Install cron and try again, or run the command once an hour in another way.',
        };
  return (await files.stat(paths.cronFiles))?.kind === 'folder'
    ? undefined
    : {
        reason: `this machine has neither systemd nor the folder ${paths.cronFiles}`,
        advice: `Add ${lines} to the crontab of root.`,
      };
}

async function uninstalling(session: Session, world: World): Promise<Change> {
  const { units, cron } = timerPlaces(defaultPaths(session.context.env));
  const [ofSystemd, ofCron] = [await ours(units, world), await ours(cron, world)];
  for (const path of [...units, ...cron])
    if ((await ownership(path, world)) === 'foreign')
      session.note(`${path} stays: \`certfleet install-timer\` did not write it.`);
  const isSystemd = ofSystemd.length > 0;
  return {
    write: [],
    remove: [...ofSystemd, ...ofCron],
    before: await stopping(ofSystemd, [], session),
    after: isSystemd ? [['daemon-reload']] : [],
  };
}

/** Returns the command with absolute paths, at the time in the existing files, or else at this machine's time. */
async function hourlyOf(session: Session, settings: Settings, world: World, isSystemd: boolean): Promise<Hourly> {
  const { context, invocation } = session;
  const { program } = context;
  if (program === undefined || !isAbsolute(program))
    throw fail('usage/timer-impossible', {
      reason: 'the path of certfleet could not be determined',
      advice: 'Run certfleet by its absolute path.',
    });
  if (program.includes('/_npx/'))
    throw fail('usage/timer-impossible', {
      reason: `${program} is in an npm cache, which may be cleared`,
      advice: 'Install certfleet first: npm install --global certfleet',
    });
  const paths = defaultPaths(context.env);
  const { units, cron } = timerPlaces(paths);
  const before = { minute: undefined as number | undefined, second: undefined as number | undefined };
  let service: string | undefined;
  let variables: Readonly<Record<string, string>> = {};
  for (const path of [...units, ...cron]) {
    const text = await textAt(path, world);
    const ourText = text?.startsWith(timerMark) === true ? text : undefined;
    const time = ourText === undefined ? undefined : timeIn(ourText);
    if (path === units[0]) service = ourText;
    variables = { ...variables, ...variablesIn(ourText ?? '') };
    before.minute ??= time?.minute;
    before.second ??= time?.second;
  }
  const time = await timeOfMachine(session);
  const config = textOf(invocation.flags['config']);
  const store = storeOf(session);
  const keys = await storeKeyFlags(session);
  const shell = await shellVariables(session);
  await tellVariables(session, world, shell, isSystemd);
  if (!isSystemd) await refuseCredentials(session);
  return {
    command: [
      ...[process.execPath, program, invocation.flags['daemon'] === true ? 'run' : 'renew'],
      ...(config === undefined ? [] : ['--config', wholePathOf('--config ', config, context.env)]),
      ...(store === undefined ? [] : ['--store', store]),
      ...keys,
      ...(await nodeFlags(session)),
    ],
    minute: before.minute ?? time.minute,
    second: before.second ?? time.second,
    stopSeconds: Math.ceil(settings.shutdownBudgetMs / 1_000) + 7,
    credentials: isSystemd ? await credentialsOf(session, world, service) : [],
    // An empty variable removes what an earlier run wrote.
    variables: Object.fromEntries(
      Object.entries({ ...variables, ...shell.open }).filter(([name]) => context.env[name] !== ''),
    ),
  };
}

/** Reports another crontab or unit that also renews. Two runs do no harm, but one is enough. */
async function tellOthers(session: Session, { files }: World, own: readonly string[]): Promise<void> {
  const other = await scheduledIn('renew', files, defaultPaths(session.context.env), storeOf(session));
  if (other !== undefined && !own.includes(other.path))
    session.note(`${other.path} runs \`certfleet ${other.command}\` already; one of the two is enough.`);
}

async function tellStore(session: Session, settings: Settings, { files }: World): Promise<void> {
  const { path } = settings.store;
  if (typeof path !== 'string') return;
  if (settings.storeIsDeclared === true && settings.certificates.length > 0) return;
  if (await files.stat(path).catch(() => undefined)) return;
  session.note(`There is no store at ${path} yet: \`certfleet renew\` fails until the first \`certfleet issue\`.`);
}

async function confirm(session: Session, count: number): Promise<void> {
  if (session.invocation.flags['yes'] === true) return;
  const question = `Change ${count === 1 ? 'this file' : `these ${count} files`}? [y/N] `;
  const answer = session.json ? undefined : await session.context.ask?.(question, session.signal);
  if (answer === undefined) throw fail('usage/needs-yes', { what: 'the change' });
  if (!/^y(es)?$/i.test(answer)) throw fail('usage/not-confirmed', { what: 'the change' });
}

async function carryOut({ write, remove, before, after }: Change, session: Session, world: World): Promise<void> {
  const { files } = world;
  for (const args of before) await systemctl(args, session, world);
  for (const path of remove) await files.remove(path);
  for (const { path, text } of write) {
    await files.makeFolders(path.slice(0, path.lastIndexOf('/')), 0o755);
    await files.replace(path, text, { mode: 0o644 });
  }
  for (const args of after) await systemctl(args, session, world);
}

const shown = ({ write, remove, before, after }: Change): string =>
  [
    ...before.map((args) => `Run: systemctl ${args.join(' ')}`),
    ...remove.map((path) => `Remove: ${path}`),
    ...write.map(({ path, text }) => `Write: ${path}\n\n${text.replaceAll(/^(?=.)/gm, '    ')}`),
    ...after.map((args) => `Run: systemctl ${args.join(' ')}`),
  ].join('\n');

function timeText(write: readonly TimerFile[]): string {
  if (write.some(({ text }) => isDaemon(text))) return '`certfleet run` runs, and starts with the machine';
  const time = write.map(({ text }) => timeIn(text)).find((one) => one !== undefined);
  return `\`certfleet renew\` runs ${time ? `at minute ${time.minute} of every hour` : 'once an hour'}`;
}

function nextText(write: readonly TimerFile[]): string {
  if (write.length === 0)
    return 'Next: certificates are no longer renewed by themselves; run `certfleet renew` some other way.';
  if (isDaemon(write[0]!.text))
    return 'Next: `systemctl status certfleet` shows whether it is ready, `journalctl -u certfleet` what it does.';
  return write[0]!.path.endsWith('/certfleet')
    ? 'Next: nothing to do; cron mails to root what fails.'
    : `Next: \`systemctl list-timers ${timerName}\` shows the next run, \`journalctl -u certfleet\` what it did.`;
}
