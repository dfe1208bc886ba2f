import { dirname } from 'node:path';
import type { JsonObject } from '../core/json.ts';
import type { Outcome } from '../core/outcome.ts';
import type { Settings } from '../core/spec.ts';
import { version } from '../core/version.ts';
import type { Session } from './context.ts';
import { exitCodeOf } from './exit-codes.ts';
import { failureData, failureText, stackOf } from './failure.ts';
import { folderOf } from './places.ts';
import { dateText, fromNow, harmless, spanText, styleOf } from './text.ts';

export interface OutcomeContext {
  /** `renew` sums up what was not due where there is much of it. */
  readonly command: 'issue' | 'renew';
  readonly staging?: boolean;
  readonly dryRun?: boolean;
  /** Where a certificate made of flags goes; for declared ones the configuration says it. */
  readonly targets?: readonly string[] | undefined;
  /** What to put into cron after a first success; undefined where it needs no saying. */
  readonly cronLine?: string | undefined;
}

/** The first event of a run that works on something. */
export async function reportStart(session: Session, command: string): Promise<void> {
  session.reporter.report({
    v: 1,
    time: (await session.now()).toISOString(),
    level: 'info',
    event: 'run.started',
    message: `certfleet ${version} ${command}`,
    data: { command, version },
  });
}

/** Tells how the run ended and what comes next; answers its exit code. */
export async function tellOutcomes(
  outcomes: readonly Outcome[],
  session: Session,
  told: OutcomeContext,
): Promise<number> {
  const now = await session.now();
  const code = exitCodeOf(outcomes);
  for (const outcome of outcomes)
    if ('error' in outcome) session.debug(`${outcome.certificate}: ${outcome.error.code}\n${stackOf(outcome.error)}`);
  session.reporter.report({
    v: 1,
    time: now.toISOString(),
    level: code === 0 ? 'info' : 'error',
    event: 'run.finished',
    message: summary(outcomes),
    data: { exitCode: code, outcomes: outcomes.map(outcomeData) },
  });
  if (session.json) return code;
  const style = styleOf({ isTerminal: session.context.isTerminal, env: session.context.env });
  const width = session.context.stderr.columns ?? 100;
  const waiting = outcomes.filter(isWaiting);
  const idle = outcomes.filter((outcome) => outcome.result === 'unchanged' && !isWaiting(outcome));
  // Five lines of «nothing due» are still read; a thousand hide what happened.
  const isMuch = (group: readonly Outcome[]) => told.command === 'renew' && group.length > 5;
  const summed: ReadonlySet<Outcome> = new Set([idle, waiting].filter(isMuch).flat());
  const settings = await session.settings();
  const renewAt = session.quiet || isMuch(idle) ? new Map<string, string>() : await renewalTimes(session, idle);
  for (const outcome of outcomes) {
    if (outcome.result === 'failed') {
      session.complain(failureText(outcome.error, style, width, outcome.certificate));
      session.complain(`  ${nextAfterFailure(outcome, now, told)}`);
    } else if (outcome.result === 'pending') {
      session.print(`${style.warn(outcome.certificate)}: ${untilText(outcome.notAfter, now)}; a deployment is pending`);
      session.complain(failureText(outcome.error, style, width, outcome.certificate));
      session.note('  Next: `certfleet renew` tries the target again.');
    } else if (!session.quiet && !summed.has(outcome)) {
      session.print(successLine(outcome, now, told, style.good));
      for (const line of placeLines(outcome, told, settings, session.context.isTerminal)) session.print(`  ${line}`);
      const next = nextLine(outcome, now, told, renewAt.get(outcome.certificate));
      if (next !== undefined) session.print(`  ${next}`);
    }
  }
  if (session.quiet) return code;
  if (isMuch(idle))
    session.print(`${idle.length} certificates: nothing due; \`certfleet status\` says when each is renewed.`);
  if (isMuch(waiting))
    session.print(
      `${waiting.length} certificates failed before and wait for their next try: \`certfleet status\` says why and when.`,
    );
  if (outcomes.length === 0)
    session.print('There is no certificate yet: `certfleet issue -d www.example.com --agree-tos` makes the first one.');
  if (told.cronLine !== undefined && outcomes.some((outcome) => outcome.result === 'issued')) {
    session.note(`\n${cronHint}`);
    session.noteWhole(`${cronPath(process.execPath)}  ${told.cronLine}`);
  }
  if (outcomes.length > 5) session.print(summary(outcomes));
  return code;
}

function nextAfterFailure({ next }: Outcome, now: Date, told: OutcomeContext): string {
  if (told.staging || told.dryRun) return 'Next: fix what is named and run it again.';
  // A first `issue` by flags that never came to its CA, or a name that `renew` cannot even read.
  if (next === undefined) return 'Next: nothing is tried by itself; fix what is named and run it again.';
  return `Next: \`certfleet renew\` tries it again from ${dateText(next, now)} on.`;
}

/** It failed before, and its next try has not come. */
const isWaiting = (outcome: Outcome): boolean => outcome.result === 'unchanged' && outcome.failing === true;

type Success = Exclude<Outcome, { readonly result: 'failed' | 'pending' }>;

function successLine(outcome: Success, now: Date, told: OutcomeContext, good: (text: string) => string): string {
  const name = good(outcome.certificate);
  if (outcome.result === 'unchanged' || outcome.result === 'deployed') {
    const valid = outcome.notAfter === undefined ? '' : `; ${untilText(outcome.notAfter, now)}`;
    return `${name}: ${harmless(withoutName(outcome))}${valid}`;
  }
  const until = untilText(outcome.notAfter, now);
  if (told.dryRun) return `${name}: the dry run worked (a test certificate, ${until}); nothing was deployed`;
  return `${name}: ${outcome.result}${told.staging ? ' as a test certificate that nobody trusts' : ''}, ${until}`;
}

function untilText(notAfter: string, now: Date): string {
  const left = Date.parse(notAfter) - now.getTime();
  return left > 0
    ? `valid until ${dateText(notAfter, now)} (${spanText(left)})`
    : `expired on ${dateText(notAfter, now)}`;
}

/** Where a newcomer finds what was just made. */
function placeLines(
  { certificate, result }: Success,
  { targets, staging, dryRun }: OutcomeContext,
  settings: Settings,
  isTerminal: boolean,
): readonly string[] {
  if (staging || dryRun || result === 'unchanged') return [];
  if (targets?.length === 0) return ['It is in the store only: `--deploy files:FOLDER` puts it into files.'];
  // Without a terminal a line of the progress says it. Of what was made of flags, `renew` does not know the targets.
  const declared = isTerminal ? settings.certificates.find(({ name }) => name === certificate)?.deploy : undefined;
  const known = targets ?? declared ?? [];
  return known.map((target) => {
    const folder = folderOf(target, certificate, settings);
    return folder === undefined ? `Deployed to ${target}.` : `Files: ${folder} (fullchain.pem, privkey.pem)`;
  });
}

/** When the few that were not due are renewed. Their own `next` may only be a question to the CA for its window. */
async function renewalTimes(session: Session, idle: readonly Outcome[]): Promise<ReadonlyMap<string, string>> {
  if (idle.length === 0) return new Map();
  const names = idle.map(({ certificate }) => certificate);
  // What is done does not fail for a date.
  const all = await (await session.fleet({ makeStore: false })).status(names, session.signal).catch(() => []);
  return new Map(all.flatMap(({ name, renewAt, failure }) => (renewAt && !failure ? [[name, renewAt]] : [])));
}

function nextLine(outcome: Success, now: Date, told: OutcomeContext, renewAt: string | undefined): string | undefined {
  if (told.staging || told.dryRun) return 'Next: run it without --staging and --dry-run for the real certificate.';
  const around = (iso: string) => `around ${dateText(iso, now)} (${fromNow(iso, now)})`;
  if (outcome.result === 'unchanged') {
    if (renewAt !== undefined) return `Next: renews ${around(renewAt)}.`;
    if (isWaiting(outcome))
      return outcome.next && `Next: \`certfleet renew\` tries it again from ${dateText(outcome.next, now)} on.`;
    return outcome.next && `Next: \`certfleet renew\` looks at it again around ${dateText(outcome.next, now)}.`;
  }
  return outcome.next && `Next: renews by itself ${around(outcome.next)}, when \`certfleet renew\` runs.`;
}

const cronHint =
  'To renew automatically, add this line to root’s crontab (`crontab -e`), once for all certificates; skip it if a ' +
  '`certfleet renew` line is there already:';

/** cron looks for `node` in /usr/bin and /bin alone: where it is elsewhere, a line in front of the first says so. */
export function cronPath(node: string): string {
  const folder = dirname(node);
  return folder === '/usr/bin' || folder === '/bin' ? '' : `  PATH=${folder}:/usr/bin:/bin\n`;
}

// «abc: abc: …» helps nobody.
const withoutName = ({ certificate, message }: Outcome): string =>
  message.startsWith(`${certificate}: `) ? message.slice(certificate.length + 2) : message;

/** `2 issued, 1 failed`. */
export function summary(outcomes: readonly Outcome[]): string {
  const counts = new Map<string, number>();
  for (const outcome of outcomes) {
    const what = isWaiting(outcome) ? 'waiting after a failure' : outcome.result;
    counts.set(what, (counts.get(what) ?? 0) + 1);
  }
  const words = [...counts].map(([result, count]) => `${count} ${result}`);
  return words.length === 0 ? 'nothing to do' : words.join(', ');
}

const outcomeData = (outcome: Outcome): JsonObject => ({
  certificate: outcome.certificate,
  result: outcome.result,
  message: outcome.message,
  ...('notAfter' in outcome && outcome.notAfter !== undefined ? { notAfter: outcome.notAfter } : {}),
  ...(outcome.next === undefined ? {} : { next: outcome.next }),
  ...(isWaiting(outcome) ? { failing: true } : {}),
  ...('error' in outcome ? failureData(outcome.error) : {}),
});
