import type { CertfleetError } from '../../core/errors/errors.ts';
import { version } from '../../core/errors/version.ts';
import type { LimitWait } from '../../core/lineage/failure.ts';
import { notRenewedHere } from '../../core/lineage/not-renewed.ts';
import { withCount } from '../../core/lineage/places.ts';
import { withLetters } from '../../core/names/letters.ts';
import type { Outcome } from '../../core/plan/outcome.ts';
import { deployHookTarget } from '../../core/spec/hooks.ts';
import type { JsonObject } from '../../core/text/json.ts';
import { present } from '../../core/text/present.ts';
import { shortList } from '../../core/text/short-list.ts';
import { spanText } from '../../core/text/span.ts';
import type { Session } from '../context.ts';
import { adviseCrontab } from '../timers/crontab.ts';
import { exitCodeOf } from './exit-codes.ts';
import { detailOf, type Failed, failureData, groupsOf, groupText, printingOf } from './failure.ts';
import { folderOf, placesOf } from './places.ts';
import { fewCertificates } from './progress.ts';
import { dateText, fromNow, withDates } from './text.ts';

export interface OutcomeContext {
  /** `renew` summarizes certificates that are not due, if there are many. */
  readonly command: 'issue' | 'renew';
  readonly staging?: boolean;
  readonly dryRun?: boolean;
  /** The certificate went back to its previous version. */
  readonly rollback?: boolean;
  /** `issue` changes the settings of a stored certificate. */
  readonly changes?: boolean;
  /** `renew` also renews what becomes due before the next run. */
  readonly renewsEarly?: boolean;
  /** Certificates for which the interval of `renew --next-run` is too long. */
  readonly tooSlow?: readonly Failed[];
  /** The targets of a certificate issued by flags. Those of declared certificates are in the configuration. */
  readonly targets?: readonly string[] | undefined;
}

/** Reports the first event of a run. */
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

/** Prints how the run ended and what to do next. Resolves with the exit code. */
export async function tellOutcomes(
  outcomes: readonly Outcome[],
  session: Session,
  told: OutcomeContext,
): Promise<number> {
  const now = await session.now();
  const { tooSlow = [] } = told;
  const code = exitCodeOf([...outcomes, ...tooSlow]);
  for (const outcome of outcomes)
    if ('error' in outcome) session.debug(`${outcome.certificate}: ${detailOf(outcome.error)}`);
  session.reporter.report({
    v: 1,
    time: now.toISOString(),
    level: code === 0 ? 'info' : 'error',
    event: 'run.finished',
    message: summary(outcomes),
    // Only `--json` shows them, and there may be thousands.
    data: { exitCode: code, ...present({ outcomes: session.json ? outcomes.map(outcomeData) : undefined }) },
  });
  if (session.json) return code;
  const usual = printingOf(session);
  const printing = { ...usual, complete: (text: string) => withDates(usual.complete?.(text) ?? text, now) };
  const { style } = printing;
  const limited = outcomes.filter(isLimited);
  const waiting = outcomes.filter((outcome) => isWaiting(outcome) && !isLimited(outcome));
  const idle = outcomes.filter(
    (outcome) => outcome.result === 'unchanged' && !outcome.paused && !isWaiting(outcome) && !isLimited(outcome),
  );
  // If many certificates went well, one line for each is enough.
  const isBrief = outcomes.length > fewCertificates && !session.verbose;
  // People still read five lines of "not due", but a thousand would hide what happened. A dry run always says why a
  // certificate was not tried.
  const isMuch = (group: readonly Outcome[]) =>
    told.command === 'renew' && !told.dryRun && group.length > fewCertificates;
  const isOfSome = session.invocation.args.length > 0 || told.targets !== undefined;
  const isLong = limited.length > fewCertificates;
  const summed: ReadonlySet<Outcome> = new Set([...[idle, waiting].filter(isMuch).flat(), ...(isLong ? limited : [])]);
  const groups = new Map(groupsOf(outcomes.filter((one) => 'error' in one)).map((group) => [group[0], group]));
  for (const outcome of outcomes) {
    if ('error' in outcome) {
      const group = groups.get(outcome);
      if (!group) continue; // printed with the first of its group
      for (const one of group)
        if (one.result === 'pending')
          session.print(
            `${style.warn(withLetters(one.certificate))}: ${untilText(one.notAfter, now)}; a deployment is pending`,
          );
      session.complain(groupText(group, printing));
      if (outcome.result === 'pending') session.note('  Next: `certfleet renew` tries again.');
      else session.complain(`  ${nextAfterFailure(group, now, told)}`);
    } else if (!session.quiet && !summed.has(outcome)) {
      session.print(successLine(outcome, now, told, style.good));
      // The first line of a rollback has no message.
      const shown = told.rollback ? undefined : outcome.message;
      for (const words of outcome.settling ?? []) if (words !== shown) session.print(`  ${words}`);
      for (const { identifier, reason } of outcome.dropped ?? [])
        session.print(`  ${style.warn('without')} ${withLetters(identifier)}: ${reason}`);
      if (isBrief && !isWaiting(outcome) && !isLimited(outcome) && !outcome.byHand) continue;
      for (const line of await placeLines(outcome, told, session)) session.print(`  ${line}`);
      const next = isLimited(outcome) ? afterLimit(outcome, now, isOfSome) : nextLine(outcome, now, told);
      if (next !== undefined) session.print(`  ${next}`);
    }
  }
  for (const line of [...leftTexts(outcomes), ...hookTexts(outcomes)]) session.complain(line);
  for (const group of groupsOf(tooSlow)) session.complain(groupText(group, printing));
  if (session.quiet) return code;
  if (isMuch(idle))
    session.print(`${idle.length} certificates are not due; \`certfleet status\` shows when each will be renewed.`);
  if (isMuch(waiting))
    session.print(
      `${waiting.length} certificates failed earlier and wait for their next try; \`certfleet status\` shows why and when.`,
    );
  if (isLong) session.print(limitedText(limited, now));
  if (outcomes.length === 0) session.print(await nothingText(session, told));
  const first = outcomes.find((outcome) => outcome.result === 'issued');
  if (told.command === 'issue' && !told.staging && first && !first.byHand) await adviseCrontab(session);
  if (outcomes.length > fewCertificates) session.print(summary(outcomes));
  return code;
}

/** Explains why a run had no certificates: there are none, or certfleet no longer renews them. */
async function nothingText(session: Session, { command, dryRun }: OutcomeContext): Promise<string> {
  const nothing = dryRun ? 'Nothing was tried: ' : '';
  const isAll = command === 'renew' && session.invocation.args.length === 0;
  const all = isAll ? await (await session.fleet({ makeStore: false })).status([], session.signal) : [];
  const given = all.filter(({ givenBack }) => givenBack !== undefined);
  const [first] = given;
  if (!first?.givenBack)
    return `${nothing}${nothing ? 'there' : 'There'} are no certificates yet. To get one: \`certfleet issue -d www.example.com --agree-tos\``;
  const paths = [...new Set(given.flatMap((one) => one.givenBack?.path ?? []))];
  const names = shortList(given.map(({ name }) => withLetters(name)));
  return `${nothing || 'Nothing to renew: '}${names} ${given.length === 1 ? 'was' : 'were'} given back to certbot in ${paths.join(', ')} by \`import --undo\`. ${notRenewedHere(first.givenBack).advice.replace(' it ', given.length === 1 ? ' it ' : ' them ')}`;
}

/**
 * Describes what certificates left behind outside the store. Groups the leftovers by reason, because a missing
 * permission concerns all of them.
 */
function leftTexts(outcomes: readonly Outcome[]): readonly string[] {
  const reasons = new Map<string, { readonly certificate: string; readonly what: string }[]>();
  for (const { certificate, left = [] } of outcomes)
    for (const { what, reason } of left) reasons.set(reason, [...(reasons.get(reason) ?? []), { certificate, what }]);
  const texts = [...reasons].map(([reason, all]) => {
    const names = shortList([...new Set(all.map(({ certificate }) => withLetters(certificate)))]);
    const whats = shortList([...new Set(all.map(({ what }) => what))]);
    return `${names}: could not remove ${whats}: ${reason}`;
  });
  if (texts.length === 0) return [];
  return [
    ...texts,
    '  Next: fix the problem, or remove it by hand; `certfleet renew` and `certfleet sweep` try again.',
  ];
}

/** Describes the hooks that do not run, grouped by reason. */
function hookTexts(outcomes: readonly Outcome[]): readonly string[] {
  const found = new Map<string, { readonly names: Set<string>; readonly hint: string }>();
  for (const { certificate, refusedHooks = [] } of outcomes)
    for (const { what, reason, hint } of refusedHooks) {
      const text = `${what} does not run: ${reason}`;
      const one = found.get(text) ?? { names: new Set(), hint };
      one.names.add(withLetters(certificate));
      found.set(text, one);
    }
  return [...found].flatMap(([text, { names, hint }]) => [
    `${shortList([...names])}: ${text}`,
    `  Next: until this is mended, certificates are ordered without it. ${hint}`,
  ]);
}

function nextAfterFailure(group: readonly Outcome[], now: Date, told: OutcomeContext): string {
  const times = group.flatMap((one) => one.next ?? []).sort();
  const [next, another] = new Set(times.map((time) => dateText(time, now)));
  if (told.staging || told.dryRun) return 'Next: fix the problem and run it again.';
  if (group.every((one) => 'error' in one && one.error.code === 'dns/needs-person'))
    return `Next: run \`certfleet issue ${group.map(({ certificate }) => certificate).join(' ')}\` at a terminal.`;
  // A person ends a rollover, at an unknown time.
  if (group.every((one) => 'error' in one && one.error.code === 'account/rolling'))
    return 'Next: finish the rollover, or give it up; then run it again. `certfleet renew` goes on by itself.';
  const [retryAt] = group.flatMap((one) =>
    'error' in one && one.error.retryAt ? [one.error.retryAt.toISOString()] : [],
  );
  if (group.every((one) => one.result === 'failed' && one.settingsStay)) {
    const first = retryAt === undefined ? 'fix the problem' : `wait until ${dateText(retryAt, now)}`;
    const again = told.command === 'issue' ? 'run it again' : 'repeat the change with `certfleet issue`';
    return `Next: ${first} and ${again}; the certificate and its stored settings stay as they were.`;
  }
  // A check refused the change before the certificate was touched.
  const isPassing = group.every((one) => 'error' in one && passes(one.error));
  const later = retryAt === undefined ? 'run it again later' : `run it again after ${dateText(retryAt, now)}`;
  const again = isPassing ? later : 'fix the problem and run it again';
  if (next === undefined && told.changes) return `Next: ${again}; its stored settings stay as they were.`;
  if (next === undefined && isPassing && told.command === 'renew')
    return 'Next: the next `certfleet renew` tries again.';
  // Either a first `issue` by flags failed before its order, or `renew` cannot read the document.
  if (next === undefined) return `Next: ${again}; \`certfleet renew\` does not retry it.`;
  if (group.every((one) => one.result === 'failed' && one.notDue))
    return `Next: ${retryAt === undefined ? 'fix the problem and run it again' : again}. ${group.length > 1 ? 'None of them is due' : 'Its certificate is not due'} before ${next}.`;
  return `Next: \`certfleet renew\` tries ${another ? 'the first of them ' : ''}again after ${next}.`;
}

/**
 * Reports whether the failure may pass by itself, so that there is nothing to fix. A problem document from the CA says
 * what to fix.
 */
const passes = ({ code, retry, blame }: CertfleetError): boolean =>
  retry === 'at' || (retry === 'later' && code !== 'acme/problem' && !['config', 'bug'].includes(blame));

/** Reports whether a certificate failed earlier, and it is too early to retry. */
const isWaiting = (outcome: Outcome): boolean => outcome.result === 'unchanged' && outcome.failing === true;

/** Reports whether a certificate waits for a rate limit, and `renew` orders it then. */
const isLimited = (outcome: Outcome): outcome is Limited =>
  outcome.result === 'unchanged' && outcome.limited !== undefined;
type Limited = Extract<Outcome, { readonly result: 'unchanged' }> & { readonly limited: LimitWait };

/** Says how many certificates wait for a rate limit, and until when. */
function limitedText(limited: readonly Limited[], now: Date): string {
  const times = limited.map((one) => one.limited.until).sort((a, b) => Date.parse(a) - Date.parse(b));
  const [first, last] = [times[0]!, times.at(-1)!].map((time) => dateText(time, now));
  const quotas = [...new Set(limited.map((one) => one.limited.quota))];
  return [
    `${limited.length} certificates are rate limited, the first until ${first}, the last until ${last} (${shortList(quotas)}).`,
    'Next: `certfleet renew` orders each when its time comes; `certfleet plan` shows when.',
  ].join('\n');
}

/** A run of some certificates does not know which of the others have their turn before. */
const afterLimit = ({ certificate, limited }: Limited, now: Date, isOfSome: boolean): string =>
  isOfSome
    ? `Next: \`certfleet renew\` orders it when its turn comes; \`certfleet plan ${certificate}\` shows when.`
    : `Next: \`certfleet renew\` orders it after ${dateText(limited.until, now)}.`;

type Success = Exclude<Outcome, { readonly result: 'failed' | 'pending' }>;

function successLine(outcome: Success, now: Date, told: OutcomeContext, good: (text: string) => string): string {
  const name = good(withLetters(outcome.certificate));
  if (told.rollback) {
    const until = outcome.notAfter === undefined ? '' : `; ${untilText(outcome.notAfter, now)}`;
    return `${name}: went back to the previous version${until}`;
  }
  if (outcome.result === 'unchanged' || outcome.result === 'deployed') {
    const valid = outcome.notAfter === undefined ? '' : `; ${untilText(outcome.notAfter, now)}`;
    return `${name}: ${withDates(withoutName(outcome), now)}${valid}`;
  }
  const until = untilText(outcome.notAfter, now);
  if (told.dryRun) return `${name}: the dry run succeeded (test certificate ${until}); nothing was deployed`;
  return `${name}: ${outcome.result}${told.staging ? ' (an untrusted test certificate)' : ''}, ${until}`;
}

function untilText(notAfter: string, now: Date): string {
  const left = Date.parse(notAfter) - now.getTime();
  return left > 0
    ? `valid until ${dateText(notAfter, now)} (${spanText(left)})`
    : `expired on ${dateText(notAfter, now)}`;
}

/** Returns lines that say where the new certificate is. */
async function placeLines(
  { certificate, result }: Success,
  { targets, staging, dryRun }: OutcomeContext,
  session: Session,
): Promise<readonly string[]> {
  if (staging || dryRun || result === 'unchanged') return [];
  if (targets?.length === 0) return ['It is only in the store; `--deploy files:FOLDER` writes it to files.'];
  const delivered = session.delivered.get(certificate) ?? [];
  if (delivered.length === 0) return [];
  const folders = await placesOf(session, certificate);
  return delivered.map(({ target, places }) => {
    if (target === deployHookTarget) return 'The deploy hook has run.';
    const folder = folderOf(target, certificate, folders);
    if (folder !== undefined) return `Files: ${folder} (fullchain.pem, privkey.pem)`;
    const isEndpoint = /:\d+$/.test(target) && !target.startsWith('files:');
    return isEndpoint ? `Served at ${target}.` : `Deployed to ${withCount(target, places)}.`;
  });
}

function nextLine(outcome: Success, now: Date, told: OutcomeContext): string | undefined {
  if (told.rollback) return undefined;
  if (told.dryRun && told.command === 'renew') return undefined;
  if (told.staging || told.dryRun) return 'Next: run it without --staging or --dry-run to get the real certificate.';
  if (outcome.settling) return 'Next: `certfleet renew` looks again whether it is there.';
  const renews = (iso: string) => {
    const when = `around ${dateText(iso, now)} (${fromNow(iso, now)})`;
    if (outcome.byHand)
      return `Next: run \`certfleet issue ${outcome.certificate}\` at a terminal ${when}; \`certfleet renew\` cannot renew it.`;
    return told.renewsEarly ? `Next: it is due ${when}.` : `Next: \`certfleet renew\` renews it ${when}.`;
  };
  // One that was never issued waits for its CA.
  if (isWaiting(outcome) || (outcome.result === 'unchanged' && outcome.notAfter === undefined))
    return outcome.next && `Next: \`certfleet renew\` tries again after ${dateText(outcome.next, now)}.`;
  return outcome.next && renews(outcome.next);
}

// The message may begin with the name, which is printed in front anyway.
const withoutName = ({ certificate, message }: Outcome): string =>
  message.startsWith(`${certificate}: `) ? message.slice(certificate.length + 2) : message;

/** Returns a summary such as `2 issued, 1 failed`. */
export function summary(outcomes: readonly Outcome[]): string {
  const counts = new Map<string, number>();
  for (const outcome of outcomes) {
    const what = isLimited(outcome) ? 'rate limited' : isWaiting(outcome) ? 'waiting after a failure' : outcome.result;
    counts.set(what, (counts.get(what) ?? 0) + 1);
  }
  const words = [...counts].map(([result, count]) => `${count} ${result}`);
  return words.length === 0 ? 'nothing to do' : words.join(', ');
}

const outcomeData = (outcome: Outcome): JsonObject => ({
  certificate: outcome.certificate,
  result: outcome.result,
  message: outcome.message,
  ...present({
    notAfter: 'notAfter' in outcome ? outcome.notAfter : undefined,
    next: outcome.next,
    failing: isWaiting(outcome) ? true : undefined,
    limited: isLimited(outcome) ? { ...outcome.limited } : undefined,
    byHand: outcome.byHand,
    settingsStay: outcome.result === 'failed' && outcome.settingsStay ? true : undefined,
    dropped: outcome.dropped?.map((one) => ({ ...one })),
    left: outcome.left?.map((one) => ({ ...one })),
    settling: outcome.settling,
    refusedHooks: outcome.refusedHooks?.map((one) => ({ ...one })),
  }),
  ...('error' in outcome ? failureData(outcome.error) : {}),
});
