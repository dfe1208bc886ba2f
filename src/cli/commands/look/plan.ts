import { fail } from '../../../core/errors/errors.ts';
import { cut } from '../../../core/errors/remote-text.ts';
import { withLetters } from '../../../core/names/letters.ts';
import { durationMs, durationPattern } from '../../../core/text/span.ts';
import type { Ahead } from '../../../fleet.ts';
import type { Run, Session } from '../../context.ts';
import { certificateNames } from '../../flags/names.ts';
import { type Flags, textOf } from '../../flags/values.ts';
import { barChart } from '../../output/chart.ts';
import { formatTable } from '../../output/table.ts';
import { dateText, widthOf, withDates } from '../../output/text.ts';
import { fleetToLook } from './limits.ts';

/** `certfleet plan [NAME...]`. Exits with 7 if the store is damaged, else with 0. */
export const plan: Run = async (session) => {
  const aheadMs = aheadMsOf(session.invocation.flags);
  const fleet = await fleetToLook(session);
  const names = await certificateNames(session, session.invocation.args);
  const untilMs = (await session.now()).getTime() + aheadMs;
  const ahead = await fleet.plan({ names, untilMs }, session.signal);
  const now = new Date(ahead.from);
  for (const one of ahead.certificates) session.printJson({ object: 'plan', ...one });
  session.printJson({ object: 'orders', from: ahead.from, until: ahead.until, days: ahead.days });
  const code = ahead.certificates.some(({ steps: [first] }) => first?.why === 'corrupt') ? 7 : 0;
  if (session.json) return code;
  if (ahead.certificates.length === 0) {
    session.print('There are no certificates yet.');
    return 0;
  }
  const rows = rowsOf(ahead, untilMs);
  const shown = rows.slice(0, mostRows(session));
  if (shown.length > 0) session.printWhole(tableOf(shown, now, widthOf(session.context.stdout)));
  const more = rows.length - shown.length;
  if (more > 0) session.print(`… and ${more} more. \`certfleet plan --json\` has all of them.`);
  session.print(restText(ahead, rows, now));
  if (names.length === 0) drawOrders(session, ahead);
  return code;
};

/** Two years. */
const longestMs = 731 * 86_400_000;

function aheadMsOf(flags: Flags): number {
  const text = textOf(flags['until']) ?? '90d';
  const ms = durationPattern.test(text) ? durationMs(text) : 0;
  if (ms < 3_600_000 || ms > longestMs)
    throw fail('usage/invalid-value', {
      typed: `--until ${text}`,
      form: 'how far to look ahead, from 1h to 731d, such as 90d',
    });
  return ms;
}

/** The whole message of a failure is in `status` and in `--json`. */
const mostReason = 160;

type One = Ahead['certificates'][number];

/** A terminal shows what fits on a screen or two. A file gets everything. */
const mostRows = ({ context: { stdout } }: Session): number =>
  stdout.columns === undefined ? Number.POSITIVE_INFINITY : 40;

const startOf = ({ steps: [first] }: One): number => (first?.at === undefined ? 0 : Date.parse(first.at));

/** Returns the certificates to which something happens, in order of time. */
const rowsOf = ({ certificates }: Ahead, untilMs: number): readonly One[] =>
  certificates.filter((one) => startOf(one) <= untilMs).sort((a, b) => startOf(a) - startOf(b));

function tableOf(rows: readonly One[], now: Date, width: number): string {
  const head = ['WHEN', 'CERTIFICATE', 'WHAT', 'ORDERS', 'WHY'];
  const cells = rows.map(({ certificate, notAfter, steps }) => {
    const [first] = steps as [One['steps'][number]];
    const { at, action, why, reason } = first;
    const orders = steps.filter((step) => step.action !== 'none').length;
    const isTooLate =
      action !== 'none' && at !== undefined && notAfter !== undefined && notAfter < at && why === 'limit';
    return [
      at === undefined ? '-' : Date.parse(at) <= now.getTime() ? 'now' : dateText(at, now),
      withLetters(certificate),
      action === 'none' ? (words[why] ?? '-') : action,
      orders === 0 ? '-' : String(orders),
      `${cut(withDates(reason, now), mostReason)}${isTooLate ? `; it EXPIRES BEFORE, on ${dateText(notAfter, now)}` : ''}`,
    ];
  });
  return formatTable(head, cells, width, { leaveOut: [3], shorten: 1 });
}

const words: Readonly<Record<string, string>> = {
  'by-hand': 'by hand',
  undeclared: 'expires',
  revoked: 'never',
  paused: 'paused',
};

/** Says how much there is, and when what is not in the table comes. */
function restText({ certificates, until }: Ahead, rows: readonly One[], now: Date): string {
  const orders = rows.reduce((sum, { steps }) => sum + steps.filter(({ action }) => action !== 'none').length, 0);
  const total = `${orders === 1 ? '1 order' : `${orders} orders`} until ${dateText(until, now)}`;
  const others = certificates.filter((one) => !rows.includes(one)).sort((a, b) => startOf(a) - startOf(b));
  const [first] = others;
  if (!first) return `${total}.`;
  const count = others.length === 1 ? '1 certificate is' : `${others.length} certificates are`;
  return `${total}. ${count} due later, the first on ${dateText(new Date(startOf(first)).toISOString(), now)} (${withLetters(first.certificate)}).`;
}

/** Prints the orders of each day: as bars on a terminal, else as a list of the days that have some. */
function drawOrders(session: Session, { days }: Ahead): void {
  const { stdout, isTerminal, env } = session.context;
  if (days.every(({ orders }) => orders === 0)) return;
  if (stdout.columns === undefined || !isTerminal || env['TERM'] === 'dumb') {
    const some = days.filter(({ orders }) => orders > 0);
    session.printWhole(
      `\n${formatTable(
        ['DAY', 'ORDERS'],
        some.map(({ date, orders }) => [date, String(orders)]),
        80,
      )}`,
    );
    return;
  }
  const bars = days.map(({ date, orders }) => ({ label: date, value: orders }));
  const { text, each } = barChart(bars, { width: stdout.columns, height: 8 });
  const title = each === 1 ? 'Orders a day:' : `Orders a day (each bar is the busiest of ${each} days):`;
  session.printWhole(`\n${title}\n${text}`);
}
