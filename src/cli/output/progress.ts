import type { Event } from '../../core/plan/event.ts';
import type { Reporter } from '../../ports/reporter.ts';
import type { Output } from '../context.ts';
import { about, cutTo, fill, type Style, withDates } from './text.ts';

/** A reporter whose `stop` restores the terminal. */
export interface Progress extends Reporter {
  stop(): void;
}

/** Prints every event as a line of JSON, for `--json`. */
export const jsonProgress = (stdout: Output): Progress => ({
  report: (event) => stdout.write(`${JSON.stringify(event)}\n`),
  stop: () => {},
});

/** Prints every event with its time, for `--verbose`; with its date if the command goes on for months. */
export const verboseProgress = (
  stderr: Output,
  { isService, ...style }: Style & { readonly isService: boolean },
): Progress => ({
  report: (event) => {
    const line = eventLine(event, style);
    stderr.write(
      `${isService ? event.time : event.time.slice(11, 23)} ${event.level === 'debug' ? style.faint(line) : line}\n`,
    );
  },
  stop: () => {},
});

/** Formats an event as a line of the log file. */
export function logLine({ time, level, certificate, message }: Event): string {
  const text = message.replaceAll('\n', '\n  ');
  return `${time} ${level.padEnd(5)} ${certificate === undefined ? text : about(certificate, text)}`;
}

/** Reports whether an event says when each certificate of a run comes, because some must wait for their CA's limits. */
const isForecast = ({ event, data }: Event): boolean =>
  event === 'run.planned' && data?.['waiting'] !== undefined && data['certificates'] !== 1;

/** Reports whether an event stays on the screen, and is printed even with `--quiet`. */
const isLasting = ({ event, level }: Event): boolean => level === 'alarm' || event === 'store.made';

/** Prints only what a person should see, for `--quiet`. */
export function quietProgress(stderr: Output, style: Style): Progress {
  const { write } = eventLines(stderr, style);
  return {
    report: (event) => {
      if (isLasting(event)) write(event);
    },
    stop: () => {},
  };
}

/** Prints a line for each event, for output without a terminal (cron, a log). */
export function plainProgress(stderr: Output, style: Style): Progress {
  const { write, settle, rest } = eventLines(stderr, style);
  let sweeping = false;
  let planned = 0;
  const started = new Set<string>();
  return {
    report: (event) => {
      if (event.event === 'run.planned') planned = Number(event.data?.['certificates']);
      if (event.event === 'certificate.started' && event.certificate !== undefined) started.add(event.certificate);
      if (event.event === 'run.started') sweeping = event.data?.['command'] === 'sweep';
      if (settle(event)) return;
      if (isForecast(event)) write(event);
      // `run.*` is meant for programs, and `sweep` prints what it removed as its result.
      if (event.event.startsWith('run.') || toldInTheEnd.has(event.event) || isInward(event)) return;
      if (event.level === 'info' && (results.has(event.event) || (sweeping && sweeps.has(event.event)))) return;
      // For many certificates, prints only what is unusual, and the final result of each.
      const isMuch = Math.max(planned, started.size) > fewCertificates;
      if (event.level === 'info' && moving.has(event.event) && isMuch) return;
      write(event);
    },
    stop: rest,
  };
}

/**
 * Prints a line for each event that an administrator wants to find in a log, for a command that goes on for months. It
 * remembers nothing of what it has printed.
 */
export function serviceProgress(
  stderr: Output,
  { hasTimes, ...style }: Style & { readonly hasTimes: boolean },
): Progress {
  return {
    report: (event) => {
      // The command itself says how it ended.
      const isOfLog = !['run.started', 'run.planned', 'run.finished'].includes(event.event);
      if (!isOfLog || (event.level === 'info' && moving.has(event.event) && !results.has(event.event))) return;
      const time = hasTimes ? `${event.time.slice(0, 19)}Z ` : '';
      stderr.write(`${time}${eventLine(event, style)}${adviceIn(event)}\n`);
    },
    stop: () => {},
  };
}

/**
 * Prints each alarm of a process that keeps running once, as it is raised: what a delivery or a look for nodes says of it
 * comes a little before or after.
 */
export const onceEachAlarm = (progress: Progress): Progress => ({
  ...progress,
  report: (event) => {
    if (event.event === 'deploy.alarm' || event.event === 'node.missing') return;
    progress.report(event.event === 'alarm.raised' ? { ...event, level: 'alarm' } : event);
  },
});

/** Returns what to do about a failure, and when it is tried again, on a line of its own. */
function adviceIn({ level, data = {} }: Event): string {
  if (level !== 'error' && level !== 'alarm') return '';
  const { hint, code, retryAt } = data;
  const advice = [
    ...(typeof hint === 'string' && hint !== '' ? [hint] : []),
    ...(typeof retryAt === 'string' ? [`It is tried again at ${retryAt}.`] : []),
    ...(typeof code === 'string' ? [`More: certfleet explain ${code}`] : []),
  ];
  return advice.length > 0 ? `\n  ${advice.join(' ')}` : '';
}

/** The largest number of certificates for which people read every detail. */
export const fewCertificates = 5;

/** Events that the command prints as its result. */
const results: ReadonlySet<string> = new Set([
  ...['certificate.issued', 'renewal.scheduled', 'certificate.deployed'],
  ...['certificate.revoked', 'certificate.exported'],
]);

/** Events that `sweep` prints as its result. */
const sweeps: ReadonlySet<string> = new Set(['sweep.cleaned', 'sweep.unsure']);

const finished: ReadonlySet<string> = new Set(['certificate.deployed', 'certificate.pending', 'certificate.failed']);
/**
 * Reports whether an event concerns only the store: a version became the current one. People see where it is deployed.
 */
const isInward = ({ event, data }: Event): boolean => event === 'certificate.step' && data?.['step'] === 'deploy';
/** Events that are printed at the end of the run, together with their hints. */
const toldInTheEnd: ReadonlySet<string> = new Set(['certificate.failed', 'certificate.pending', 'schedule.too-slow']);
const moving: ReadonlySet<string> = new Set([
  'certificate.started',
  'certificate.step',
  'certificate.waiting',
  'certificate.issued',
  'preflight.finding',
]);

/**
 * On a terminal, prints one line for each certificate in progress, redrawn in place on each event. Warnings and alarms
 * stay above. There is no timer, so a stopped process leaves nothing running.
 */
export function liveProgress(stderr: Output, style: Style): Progress {
  const { write, settle, rest } = eventLines(stderr, style);
  const active = new Map<string, string>();
  let done = 0;
  let drawn = 0;

  const erase = () => {
    // Moves up over the drawn lines, and clears the rest of the screen.
    if (drawn > 0) stderr.write(`\x1b[${drawn}A\r\x1b[J`);
    drawn = 0;
  };
  const draw = () => {
    const width = Math.max(20, stderr.columns ?? 80);
    // Lines that wrap, or more lines than the screen has, could not be erased.
    const most = Math.max(1, (stderr.rows ?? 24) - 3);
    const lines = [...active].slice(-most).map(([name, message]) => cut(`  ${name}: ${message}`, width));
    const hidden = active.size - lines.length;
    if (hidden > 0 || done > 0) lines.unshift(cut(`  ${done} done, ${active.size} in progress`, width));
    if (lines.length === 0) return;
    stderr.write(`\x1b[?25l${lines.map((line) => `${style.faint(line)}\n`).join('')}`);
    drawn = lines.length;
  };

  return {
    report: (event) => {
      if (event.event.startsWith('run.') && !isForecast(event)) return;
      if (isInward(event)) return;
      const name = event.certificate;
      erase();
      if (name !== undefined && finished.has(event.event)) {
        if (active.delete(name)) done++;
      } else if (name !== undefined && moving.has(event.event)) active.set(name, oneLine(messageOf(event)));
      const isNews =
        event.event === 'certificate.changed' || (event.level !== 'info' && !toldInTheEnd.has(event.event));
      if (!settle(event) && (isLasting(event) || isForecast(event) || isNews)) write(event);
      draw();
    },
    stop: () => {
      const shown = drawn > 0;
      erase();
      rest();
      active.clear();
      done = 0;
      if (shown) stderr.write('\x1b[?25h');
    },
  };
}

interface EventLines {
  /** Writes an event as a line. Writes a repeated warning only once. */
  write(event: Event): void;
  /**
   * Holds back a preflight finding until the certificate continues, and drops it if the certificate fails with the same
   * message. Reports whether the event was a finding.
   */
  settle(event: Event): boolean;
  /** Writes the remaining findings. */
  rest(): void;
}

function eventLines(stderr: Output, style: Style): EventLines {
  const told = new Set<string>();
  let findings: readonly Event[] = [];
  const write = (event: Event) => {
    const line = eventLine(event, style);
    if (event.level !== 'info') {
      if (told.has(line)) return;
      told.add(line);
    }
    stderr.write(`${fill(line, stderr.columns)}\n`);
  };
  const release = (isSettled: (finding: Event) => boolean, message = '') => {
    const settled = findings.filter(isSettled);
    findings = findings.filter((finding) => !settled.includes(finding));
    for (const finding of settled) if (!message.includes(finding.message)) write(finding);
  };
  return {
    write,
    settle: (event) => {
      const isFinding = event.event === 'preflight.finding';
      if (isFinding) findings = [...findings, event];
      else if (event.certificate !== undefined)
        release(
          ({ certificate }) => certificate === event.certificate,
          event.event === 'certificate.failed' ? event.message : '',
        );
      return isFinding;
    },
    rest: () => release(() => true),
  };
}

const messageOf = ({ message, time }: Event): string => withDates(message, new Date(time));

function eventLine(event: Event, style: Style): string {
  const message = messageOf(event).replaceAll('\n', '\n  ');
  const text = event.certificate === undefined ? message : about(event.certificate, message);
  if (event.level === 'alarm') return style.bad(`ALARM: ${text}`);
  if (event.level === 'error') return style.bad(`error: ${text}`);
  return event.level === 'warn' ? style.warn(`warning: ${text}`) : text;
}

const oneLine = (text: string): string => text.replaceAll(/\s*\n\s*/g, ' ');
// The last column stays free, because some terminals wrap after it.
const cut = (text: string, width: number): string => cutTo(text, width - 1);
