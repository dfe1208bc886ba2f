import { join } from 'node:path';
import type { DefaultPaths } from '../../config/settings/defaults.ts';
import { fail } from '../../core/errors/errors.ts';
import { present } from '../../core/text/present.ts';
import { shellWord } from '../../core/text/shell-word.ts';

/** A file that `certfleet install-timer` writes. */
export interface TimerFile {
  readonly path: string;
  readonly text: string;
}

/** The command that runs once an hour, and its time. */
export interface Hourly extends Service {
  readonly minute: number;
  readonly second: number;
}

/** A command that systemd runs. */
export interface Service {
  readonly command: readonly string[];
  /** How long systemd waits for the command to end after SIGTERM. */
  readonly stopSeconds: number;
  /** The credentials that systemd passes to the command. */
  readonly credentials: readonly LoadedCredential[];
  /** Variables from the environment of `install-timer`. Everyone can read the files that contain them. */
  readonly variables: Readonly<Record<string, string>>;
}

/** A credential of systemd: its name in the unit, and its file. */
export interface LoadedCredential {
  readonly name: string;
  readonly path: string;
  /** Whether `systemd-creds encrypt` made the file. */
  readonly isEncrypted: boolean;
}

/** Begins the first line of each file. A file without this line is not certfleet's, and stays as it is. */
export const timerMark = '# Written by `certfleet install-timer';
const firstLines = `${timerMark}\`, which keeps the minute when it is run again.\n# \`certfleet install-timer --uninstall\` removes it.\n`;

export const timerName = 'certfleet.timer';
export const serviceName = 'certfleet.service';

/** Returns the paths of the two units, or of the cron file. */
export const timerPlaces = ({ units, cronFiles }: Pick<DefaultPaths, 'units' | 'cronFiles'>) => ({
  units: [join(units[0]!, serviceName), join(units[0]!, timerName)],
  cron: [join(cronFiles, 'certfleet')],
});

const unitHead = (description: string) => `# To change it, use \`systemctl edit ${serviceName}\`.
[Unit]
Description=${description}
Wants=network-online.target
After=network-online.target
`;

/**
 * Returns the lines of the section `[Service]` after its type. Sets the options that protect the keys without changing
 * what a hook can do, but not those that would (ProtectSystem, PrivateTmp, NoNewPrivileges).
 */
const serviceLines = ({
  command,
  stopSeconds,
  credentials,
  variables,
}: Service) => `# For options that are env:NAME, and for a proxy: NAME=VALUE lines, in a file that only root may read.
EnvironmentFile=-/etc/certfleet/environment
${Object.entries(variables).map(variableLine).join('')}${credentials.map(credentialLine).join('')}ExecStart=${command.map(systemdWord).join(' ')}
# A little more than shutdownBudget: certfleet cleans up when stopped and journals the rest.
TimeoutStopSec=${stopSeconds}
# A server that a hook has started keeps running.
KillMode=process
# Keys must not get into a core dump.
LimitCORE=0
LockPersonality=yes
RestrictRealtime=yes
`;

/** Returns a service and its timer. */
export function unitFiles(hourly: Hourly, paths: DefaultPaths): readonly TimerFile[] {
  const { minute, second } = hourly;
  const [service, timer] = timerPlaces(paths).units;
  const at = [minute, second].map((number) => String(number).padStart(2, '0')).join(':');
  return [
    {
      path: service!,
      text: `${firstLines}${unitHead('Renew and deliver certificates')}
[Service]
Type=oneshot
${serviceLines(hourly)}`,
    },
    {
      path: timer!,
      text: `${firstLines}# To change it, use \`systemctl edit ${timerName}\`.
[Unit]
Description=Renew certificates once an hour

[Timer]
OnCalendar=*-*-* *:${at}
AccuracySec=1s
Persistent=true

[Install]
WantedBy=timers.target
`,
    },
  ];
}

/** How long the loop may be silent. It turns, or sleeps and says so, at least every minute. */
const watchdogSeconds = 120;

/**
 * Returns the service of `certfleet run`. It has the name of the timer's service, so a machine has one or the other.
 * `NotifyAccess=all`, because a program of systemd's own tells systemd how it is.
 */
export const daemonFile = (service: Service, paths: DefaultPaths): TimerFile => ({
  path: timerPlaces(paths).units[0]!,
  text: `${timerMark} --daemon\`. \`certfleet install-timer --uninstall\` removes it.
${unitHead('Keep certificates renewed and delivered')}# It is started again however often it fails.
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=all
WatchdogSec=${watchdogSeconds}
TimeoutStartSec=300
Restart=always
RestartSec=15
ExecReload=/bin/kill -HUP $MAINPID
# For a Unix socket: \`listen: unix:/run/certfleet/health.sock\`.
RuntimeDirectory=certfleet
${serviceLines(service)}
[Install]
WantedBy=multi-user.target
`,
});

/** Reports whether a unit is one of {@link daemonFile}. */
export const isDaemon = (text: string): boolean => /^Type=notify$/m.test(text);

/** Returns the cron file, for a machine without systemd. */
export function cronFile(hourly: Pick<Hourly, 'command' | 'minute' | 'variables'>, paths: DefaultPaths): TimerFile {
  const variables = Object.entries(hourly.variables).map(([name, value]) => `${name}=${value}\n`);
  return {
    path: timerPlaces(paths).cron[0]!,
    text: `${firstLines}PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
${variables.join('')}${hourly.minute} * * * * root ${commandInCron([...hourly.command, '--quiet'])}
`,
  };
}

/** Returns the lines to add to a crontab by hand, indented. */
export function crontabLines({ command, minute, variables }: Pick<Hourly, 'command' | 'minute' | 'variables'>): string {
  const above = Object.entries(variables).map(([name, value]) => `  ${name}=${value}\n`);
  return `${above.join('')}  ${minute} * * * * ${commandInCron(command)}`;
}

/** Escapes %: cron ends the command at a bare %, and passes the rest as input. */
const commandInCron = (command: readonly string[]): string =>
  command
    .map((word) => shellWord(onOneLine(word)))
    .join(' ')
    .replaceAll('%', '\\%');

/**
 * Returns the word unless it has a line break or another control character: cron and systemd cannot quote a word over
 * several lines. Fails with `usage/control-character`.
 */
function onOneLine(word: string): string {
  if (!/[\u0000-\u001f\u007f]/.test(word)) return word;
  throw fail('usage/control-character', { word: JSON.stringify(word) });
}

/** Returns the minute, and the second if there is one, in a file that {@link unitFiles} or {@link cronFile} made. */
export function timeIn(text: string): { readonly minute: number; readonly second?: number } | undefined {
  const found = /^OnCalendar=\*-\*-\* \*:(\d\d):(\d\d)$/m.exec(text) ?? /^(\d{1,2}) \* \* \* \* root /m.exec(text);
  if (!found) return undefined;
  const [, minute, second] = found;
  return { minute: Number(minute), ...present({ second: second === undefined ? undefined : Number(second) }) };
}

/** Escapes %, the only special character here. */
const variableLine = ([name, value]: readonly [string, string]): string =>
  `Environment="${name}=${value.replaceAll('%', '%%')}"\n`;

/** Returns the variables in a file that {@link unitFiles} or {@link cronFile} made. */
export function variablesIn(text: string): Readonly<Record<string, string>> {
  const ofUnit = [...text.matchAll(/^Environment="(\w+)=(.+)"$/gm)].map(
    ([, name, value]) => [name!, value!.replaceAll('%%', '%')] as const,
  );
  const ofCron = [...text.matchAll(/^(\w+)=(.+)\n(?=(?:.+\n)*\d+ \* \* \* \* root )/gm)].map(
    ([, name, value]) => [name!, value!] as const,
  );
  return Object.fromEntries([...ofUnit, ...ofCron].filter(([name]) => name !== 'PATH'));
}

/** Escapes %. Everything after the colon is the path. */
const credentialLine = ({ name, path, isEncrypted }: LoadedCredential): string =>
  `LoadCredential${isEncrypted ? 'Encrypted' : ''}=${name}:${onOneLine(path).replaceAll('%', '%%')}\n`;

/** Returns the credentials that a unit of {@link unitFiles} loads. */
export const loadedIn = (text: string): readonly LoadedCredential[] =>
  [...text.matchAll(/^LoadCredential(Encrypted)?=([^:\n]+):(.+)$/gm)].map(([, encrypted, name, path]) => ({
    name: name!,
    path: path!.replaceAll('%%', '%'),
    isEncrypted: encrypted !== undefined,
  }));

/** Quotes a word of ExecStart, where % and $ are special, and quotes are like those of C. */
const systemdWord = (word: string): string => {
  const escaped = onOneLine(word).replaceAll('%', '%%').replaceAll('$', '$$$$');
  return /^[\w./:@%$+=,-]+$/.test(escaped) ? escaped : `"${escaped.replaceAll(/["\\]/g, '\\$&')}"`;
};
