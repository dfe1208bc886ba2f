import { isFailure } from '../../../core/errors/errors.ts';
import { type Language, say } from '../../../core/errors/wording.ts';
import { limitText } from '../../../core/lineage/failure.ts';
import { adviceWithoutSettings } from '../../../core/lineage/not-renewed.ts';
import { pauseText } from '../../../core/lineage/pause.ts';
import { waitsForOther } from '../../../core/lineage/places.ts';
import { rolloverText } from '../../../core/lineage/rollover.ts';
import { withLetters } from '../../../core/names/letters.ts';
import { shortList } from '../../../core/text/short-list.ts';
import { spanText } from '../../../core/text/span.ts';
import type { Fleet, LineageStatus } from '../../../fleet.ts';
import type { Run } from '../../context.ts';
import { certificateNames } from '../../flags/names.ts';
import { asExample, mergedIfMany, nameless, withoutNames } from '../../output/failure.ts';
import { saidIn } from '../../output/said.ts';
import { formatTable } from '../../output/table.ts';
import { dateText, fromNow, widthOf, withDates } from '../../output/text.ts';
import { openAlarmsText } from './alarms.ts';
import { isSteady, nodesText } from './nodes.ts';

/**
 * `certfleet status`: prints a table, and below it what needs attention. Exits with 7 if the store is damaged, else
 * with 0, whatever state the certificates are in.
 */
export const status: Run = async (session) => {
  let fleet: Fleet;
  try {
    fleet = await session.fleet({ makeStore: false });
  } catch (error) {
    if (!isFailure(error, 'store/absent') || session.invocation.flags['store'] !== undefined) throw error;
    session.print(`There are no certificates: ${say(error, session.language).message}.`);
    session.note(
      'Next: `certfleet issue` creates the store. If there should be one, check the path (`store` in certfleet.yaml).',
    );
    return 0;
  }
  const all = await fleet.status(await certificateNames(session, session.invocation.args), session.signal);
  const now = await session.now();
  const nodes = await fleet.nodes(all, session.signal);
  for (const lineage of all) session.printJson({ object: 'certificate', ...lineage });
  for (const node of nodes) session.printJson({ object: 'node', ...node });
  const damaged = await fleet.damagedLedger(session.signal);
  for (const { message } of damaged)
    session.note(`${message}. It is about the CA’s limits, and the next order writes it anew.`);
  // `certfleet store check` names a damaged document.
  const alarms = await fleet.alarms(session.signal).catch((error: unknown) => {
    if (!isFailure(error, 'store/corrupt')) throw error;
    return undefined;
  });
  const openCount = alarms ? alarms.open.length + alarms.more : 0;
  if (openCount > 0) session.printJson({ object: 'alarms', open: openCount });
  const code = damaged.length > 0 || all.some(isDamaged) ? 7 : 0;
  if (session.json) return code;
  if (all.length === 0) {
    session.print('There are no certificates yet.');
    session.note('Next: `certfleet issue -d www.example.com --agree-tos --staging` gets a test certificate.');
    return code;
  }
  const width = widthOf(session.context.stdout);
  const head = ['NAME', 'STATE', 'VALID UNTIL', 'LEFT', 'RENEWAL', 'DEPLOYED TO'];
  const rows = all.map((lineage) => [
    withLetters(lineage.name),
    stateText(lineage),
    lineage.notAfter ? dateText(lineage.notAfter, now) : '-',
    leftText(lineage, now),
    renewalText(lineage, now),
    deploymentText(lineage),
  ]);
  // On a narrow screen, first leaves out LEFT (the date implies it), then the targets (`certfleet show` lists them),
  // then shortens the middle of long names.
  session.printWhole(formatTable(head, rows, width, { leaveOut: [3, 5], shorten: 0, cutLast: true }));
  const said = all.map((one) => saidIn(session.language, one));
  const remarks = [...remarksOfAll(said, now, session.language), ...accountsText(said)];
  if (remarks.length > 0) session.print(`\n${remarks.join('\n')}`);
  const about = nodesText(nodes, { now, width });
  if (about) {
    session.printWhole(`\n${about.table}`);
    if (about.remarks.length > 0) session.print(`\n${about.remarks.join('\n')}`);
  }
  const { responderSecret } = await session.settings();
  if (responderSecret !== undefined) session.print(`\n${silentResponders}`);
  const open = alarms && openAlarmsText(alarms);
  if (open !== undefined) session.print(`\n${open}`);
  const next = nextText(all, now, nodes.some(isSteady) ? 'run' : 'renew');
  if (next !== undefined) session.print(`\n${next}`);
  return code;
};

const silentResponders =
  'Responders with `responderSecret` write nothing to the store, so it cannot be said here whether they run: ask `certfleet health --role responder` there.';

/** Reports whether the store lacks a document of the certificate, or cannot read one. */
const isDamaged = ({ state, accountMissing }: LineageStatus): boolean =>
  state === 'corrupt' || accountMissing !== undefined;

/** Reports each missing account once. */
const accountsText = (all: readonly LineageStatus[]): readonly string[] => [
  ...new Set(all.flatMap(({ accountMissing: one }) => (one ? [`${one.message}\n  ${one.hint}`] : []))),
];

const stateText = ({ state, work }: LineageStatus): string =>
  state === 'working' && work ? `working (${work.step})` : state;

const leftText = ({ notAfter }: LineageStatus, now: Date): string => {
  if (!notAfter) return '-';
  const ms = Date.parse(notAfter) - now.getTime();
  return ms > 0 ? spanText(ms) : 'none';
};

/**
 * Reports whether `renew` skips the certificate: it is no longer declared, a test certificate, or revoked without
 * replacement.
 */
export const isLeftAlone = ({ state, revoked }: LineageStatus): boolean =>
  leftAlone.has(state) || (state === 'revoked' && revoked?.isReplaced === false);
const leftAlone: ReadonlySet<LineageStatus['state']> = new Set(['undeclared', 'test']);

/**
 * Describes when the certificate is renewed, and whether the CA chose the time. The remarks below the table give the
 * exact time of a retry.
 */
function renewalText(lineage: LineageStatus, now: Date): string {
  const { state, renewAt, renewalSource, failure, rateLimit } = lineage;
  const heldUntil = lineage.heldUntil ?? rateLimit?.until;
  if (isLeftAlone(lineage)) return 'never';
  if (state === 'corrupt') return '-';
  if (lineage.paused) return 'paused';
  if (state === 'revoked' && !failure) return 'now';
  if (failure && !failure.notDue)
    return Date.parse(failure.retryAt) > now.getTime() ? `retry ${fromNow(failure.retryAt, now)}` : 'retry due';
  if (heldUntil && !failure) return fromNow(heldUntil, now);
  if (lineage.rollover && toWorkOn.has(state)) return 'waits';
  if (!renewAt) return '-';
  if (lineage.byHand) return `by hand ${dateText(renewAt, now)}`;
  return `${dateText(renewAt, now)}${renewalSource === 'ari' ? ' (CA)' : ''}`;
}

function deploymentText({ state: whole, deployments }: LineageStatus): string {
  if (deployments.length === 0) return '-';
  // `intended` is meant for programs: no delivery has begun yet, such as after an import, or a run was interrupted
  // before the delivery.
  const intended = whole === 'pending' || whole === 'working' ? 'pending' : 'interrupted';
  return deployments
    .map(({ target, state, settling, places, noLongerWanted }) => {
      if (noLongerWanted) return `${target} (no longer delivered to)`;
      const rollOut = places && waitsForOther(places) ? 'waiting' : 'rolling out';
      const words = settling ? rollOut : state === 'intended' ? intended : state;
      return state === 'current' ? target : `${target} (${words})`;
    })
    .join(', ');
}

interface Remark {
  readonly name: string;
  /** The first line begins with the certificate's name; further lines are indented. */
  readonly text: string;
}

/** Returns the remarks on all certificates, and merges them where many are alike. */
function remarksOfAll(all: readonly LineageStatus[], now: Date, language: Language): readonly string[] {
  const remarks: Remark[] = [];
  for (const lineage of all)
    for (const line of remarksOf(lineage, now)) {
      const above = line.startsWith('  ') ? remarks.pop() : undefined;
      remarks.push({ name: lineage.name, text: above ? `${above.text}\n${line}` : line });
    }
  const groups = mergedIfMany(
    remarks.map((remark) => [remark]),
    ([remark]) => withoutNames(nameless(remark!.text, remark!.name)),
  );
  return groups.map((group) => remarkText(group, language));
}

const limitTime = /(?<=rate limited) until (\d{4}-\d\d-\d\d(?: \d\d:\d\d UTC)?)/;

/** Returns remarks that differ in until when a limit lasts with the first and the last of these times. */
function withBothTimes(group: readonly Remark[]): readonly Remark[] {
  const times = group.flatMap(({ text }) => limitTime.exec(text)?.[1] ?? []).sort();
  const [first, last] = [times[0], times.at(-1)];
  if (first === last) return group;
  const all = `, the first until ${first}, the last until ${last}`;
  return group.map(({ name, text }) => ({
    name,
    text: text.replace(limitTime, all).replace('`certfleet renew` orders it', '`certfleet renew` orders each'),
  }));
}

function remarkText(some: readonly Remark[], language: Language): string {
  const group = withBothTimes(some);
  const [first, ...others] = group;
  if (!first || others.length === 0) return first?.text ?? '';
  const text = nameless(first.text, first.name);
  const isSame = others.every((one) => nameless(one.text, one.name) === text);
  const rest = (isSame ? text.replace(/^NAME/, '') : first.text.slice(first.name.length))
    .replace(/^ is /, ' are ')
    .replace(/^ was /, ' were ')
    .replace(/^ lacks /, ' lack ')
    .replace(
      /^( are no longer declared), so it is not renewed; it expires on /,
      '$1, so they are not renewed; they expire on ',
    )
    .replace(/^( are no longer declared), and was never issued/, '$1, and were never issued');
  return [`${shortList(group.map(({ name }) => name))}${rest}`, ...(isSame ? [] : [asExample(language)])].join('\n');
}

function remarksOf(lineage: LineageStatus, now: Date): readonly string[] {
  const { name, state, notAfter, failure, heldUntil, rateLimit, explanationUrl } = lineage;
  const remarks: string[] = [];
  if (failure?.notDue) {
    remarks.push(`${name} is valid, but the last try to get a new one failed: ${failure.message}`);
    if (failure.hint) remarks.push(`  ${failure.hint}`);
    const force = heldUntil ? `the ${holdText(heldUntil, now)}` : `\`certfleet renew --force ${name}\` tries now`;
    remarks.push(`  It is not due before ${dateText(failure.retryAt, now)}; ${force}.`);
  } else if (failure) {
    const times = failure.count === 1 ? 'failed once' : `failed ${failure.count} times`;
    remarks.push(`${name}${state === 'corrupt' ? '' : ` ${times}`}: ${failure.message}`);
    if (failure.hint) remarks.push(`  ${failure.hint}`);
    if (rateLimit) remarks.push(`  It is ${limitedText(lineage, rateLimit, now)}`);
    else if (heldUntil) remarks.push(`  The ${heldText(heldUntil, failure.retryAt, now)}`);
    else if (state !== 'corrupt' && !isLeftAlone(lineage) && !lineage.paused)
      remarks.push(
        `  \`certfleet renew\` tries again after ${dateText(failure.retryAt, now)}; \`certfleet renew --force ${name}\` tries now.`,
      );
  }
  for (const { what, reason } of lineage.left ?? [])
    remarks.push(
      `${name}: could not remove ${what}: ${reason}`,
      '  Fix the problem, or remove it by hand; `certfleet renew` and `certfleet sweep` try again.',
    );
  if (rateLimit && !failure) remarks.push(`${name}: ${limitedText(lineage, rateLimit, now)}`);
  if (heldUntil && !failure) remarks.push(`${name}: the ${heldText(heldUntil, heldUntil, now)}`);
  if (lineage.rollover) remarks.push(`${name} ${rolloverText(lineage.rollover)}.`);
  for (const { target, state: where, message, noLongerWanted } of lineage.deployments)
    if (where !== 'current' && message && !noLongerWanted) {
      // Most messages already name the target.
      const pending = message.includes(target) ? '' : `${target} does not have it yet: `;
      remarks.push(`${name}: ${pending}${message}`);
    }
  const { revoked, rolledBack, givenBack, settingsLost, paused } = lineage;
  if (paused && !isLeftAlone(lineage))
    remarks.push(
      `${name} is ${withDates(pauseText(paused), now)}${notAfter ? `; it expires on ${dateText(notAfter, now)}` : ''}.`,
      `  \`certfleet resume ${name}\` lets it be renewed and delivered again.`,
    );
  if (givenBack)
    remarks.push(
      `${name} was given back to certbot in ${givenBack.path} by \`import --undo\` on ${dateText(givenBack.at, now)}, so it is not renewed here${notAfter ? `; what the store has expires on ${dateText(notAfter, now)}` : ''}.`,
    );
  else if (settingsLost)
    remarks.push(
      `${name} was made again after its document was lost, so it is not renewed${notAfter ? `; it expires on ${dateText(notAfter, now)}` : ''}.`,
      `  How it is renewed is lost: ${adviceWithoutSettings(name, lineage.identifiers)}.`,
    );
  else if (state === 'undeclared')
    remarks.push(
      `${name} is no longer declared, ${notAfter ? `so it is not renewed; it expires on ${dateText(notAfter, now)}` : 'and was never issued'}.`,
      `  Declare it again, name the configuration that declares it with --config, or run \`certfleet delete ${name}\`.`,
    );
  if (rolledBack && !isLeftAlone(lineage))
    remarks.push(
      `${name} was rolled back on ${dateText(rolledBack.at, now)}; \`certfleet issue ${name} --force\` gets a new one.`,
    );
  if (revoked) {
    const next = revoked.isReplaced
      ? 'the next `certfleet renew` gets another one'
      : paused
        ? 'it is paused, so it is not renewed'
        : `it is not renewed; \`certfleet issue ${name}\` gets another one`;
    remarks.push(`${name} was revoked on ${dateText(revoked.at, now)} (${revoked.reason}): ${next}.`);
  }
  for (const { version, reason, at } of lineage.revoking ?? [])
    remarks.push(
      `${name}: the revocation of version ${version} (${reason}), begun on ${dateText(at, now)}, is not finished; the next \`certfleet renew\` asks the CA again.`,
    );
  if (lineage.byHand && !isLeftAlone(lineage))
    remarks.push(
      `${name} is renewed by hand: run \`certfleet issue ${name}\` at a terminal${lineage.renewAt ? `, from ${dateText(lineage.renewAt, now)} on` : ''}.`,
    );
  if (!isLeftAlone(lineage)) remarks.push(...endingText(lineage, now));
  for (const { identifier, reason } of lineage.dropped ?? [])
    remarks.push(`${name} lacks ${withLetters(identifier)}: ${reason}`);
  if (lineage.dropped && !isLeftAlone(lineage))
    remarks.push(`  The next renewal asks for it again; \`certfleet renew --force ${name}\` asks now.`);
  if (explanationUrl) remarks.push(`${name}: the CA explains its renewal time at ${explanationUrl}`);
  return remarks;
}

/**
 * Describes records that are still there but about to expire. Groups the names of a certificate that expire together.
 */
export function endingText({ name, records = [] }: LineageStatus, now: Date): readonly string[] {
  const ending = records.filter(({ ends }) => ends !== undefined);
  const [first] = ending;
  if (first?.until === undefined) return [];
  const more = ending.length > 1 ? `, and ${ending.length - 1} more,` : '';
  const isOver = Date.parse(first.until) <= now.getTime();
  const next =
    first.ends === 'person'
      ? `run \`certfleet issue ${name} --force\` at a terminal to add the next one`
      : 'the next renewal writes a new one';
  return [
    `${name}: the TXT record at ${first.name}${more} ${isOver ? 'ended' : ending.length > 1 ? 'end' : 'ends'} on ${dateText(first.until, now)}; ${next}.`,
  ];
}

const holdText = (until: string, now: Date): string =>
  `CA asked us to wait until ${dateText(until, now)}, which \`--force\` does not override`;

/** The next try comes later than the CA asked if several have failed. */
function heldText(until: string, next: string, now: Date): string {
  const isLater = dateText(next, now) !== dateText(until, now);
  const again = isLater
    ? `\`certfleet renew\` tries again after ${dateText(next, now)}`
    : 'then `certfleet renew` tries again';
  return `${holdText(until, now)}; ${again}.`;
}

/** Says until when a rate limit stops an order, and whether that is too late. */
function limitedText(
  { notAfter, state }: LineageStatus,
  limit: NonNullable<LineageStatus['rateLimit']>,
  now: Date,
): string {
  const text = withDates(limitText(limit), now);
  const isTooLate = notAfter !== undefined && Date.parse(notAfter) < Date.parse(limit.until) && state !== 'expired';
  if (isTooLate)
    return `${text}, but it EXPIRES BEFORE, on ${dateText(notAfter, now)}: ask the CA for a higher limit, or use another CA.`;
  return `${text}; then \`certfleet renew\` orders it.`;
}

/** Reports whether it is too early to retry. */
const waits = ({ failure, heldUntil, rateLimit, rollover, paused }: LineageStatus, now: Date): boolean =>
  paused !== undefined ||
  heldUntil !== undefined ||
  rateLimit !== undefined ||
  rollover !== undefined ||
  (failure !== undefined && !failure.notDue && Date.parse(failure.retryAt) > now.getTime());

const toWorkOn: ReadonlySet<LineageStatus['state']> = new Set(['due', 'expired', 'pending', 'missing', 'interrupted']);

/** Reports whether only runs on other nodes have something to do for it. */
const lacksOnlyElsewhere = ({ state, lackingAt = [], deployments }: LineageStatus): boolean =>
  state === 'pending' &&
  lackingAt.length > 0 &&
  lackingAt.every(({ here }) => here !== true) &&
  deployments.every((one) => one.state === 'current');

/** @param command what renews */
function nextText(all: readonly LineageStatus[], now: Date, command: 'run' | 'renew'): string | undefined {
  const isDue = (one: LineageStatus) =>
    (toWorkOn.has(one.state) && !lacksOnlyElsewhere(one)) || one.revoked?.isReplaced === true;
  const due = all.filter((lineage) => isDue(lineage) && !lineage.byHand && !waits(lineage, now));
  if (due.length > 0) return `Next: \`certfleet ${command}\` works on ${shortList(due.map(({ name }) => name))}.`;
  if (all.every(({ state }) => state === 'test'))
    return 'Next: `certfleet issue` without --staging gets a real certificate.';
  const [next] = all
    .filter(
      (lineage) =>
        lineage.renewAt &&
        (!lineage.failure || lineage.failure.notDue) &&
        !lineage.rateLimit &&
        !lineage.byHand &&
        !isLeftAlone(lineage),
    )
    .sort((a, b) => Date.parse(a.renewAt!) - Date.parse(b.renewAt!));
  return (
    next &&
    `Next: \`certfleet ${command}\` renews ${next.name} around ${dateText(next.renewAt!, now)} (${fromNow(next.renewAt!, now)}).`
  );
}
