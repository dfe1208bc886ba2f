import { withLetters } from '../../../core/names/letters.ts';
import { toForgetEnded } from '../../../core/node/missing-nodes.ts';
import { commandsOf, type Role } from '../../../core/node/running.ts';
import { shortList } from '../../../core/text/short-list.ts';
import { spanText } from '../../../core/text/span.ts';
import type { NodeStatus } from '../../../fleet.ts';
import type { Run } from '../../context.ts';
import { formatTable } from '../../output/table.ts';
import { dateText } from '../../output/text.ts';

/** `certfleet node forget NAME`. */
export const forgetNode: Run = async (session) => {
  const [node = ''] = session.invocation.args; // the parser requires one
  const fleet = await session.fleet({ makeStore: false });
  const running = await fleet.forgetNode(node, session.signal);
  session.printJson({ object: 'node', node, forgotten: running.length === 0, running });
  if (running.length > 0) {
    session.print(`Forgot what has ended on the node ${node}. ${listed(running)} still runs there.`);
    return 0;
  }
  session.print(`Forgot the node ${node}.`);
  session.note('If it runs certfleet with this store again, it is known again.');
  return 0;
};

const listed = (running: readonly Role[]): string => running.map((role) => `\`${commands[role]}\``).join(' and ');

/**
 * Describes the nodes of the store: a table, and below it what needs attention. Returns undefined if there is nothing to
 * say of a single node.
 */
export function nodesText(
  nodes: readonly NodeStatus[],
  { now, width }: { readonly now: Date; readonly width: number },
): { readonly table: string; readonly remarks: readonly string[] } | undefined {
  const remarks = nodes.flatMap((node) => [
    ...[...missingText(node, now), ...stoppedText(node, now)],
    ...[...machinesText(node), ...lacksText(node, now)],
  ]);
  if (nodes.length < 2 && remarks.length === 0 && nodes.every(({ running }) => !running)) return undefined;
  const rows = nodes.map((node) => [
    node.node,
    stateText(node, now),
    node.lastRun === undefined ? '-' : dateText(node.lastRun, now),
    node.everyMs === undefined ? '-' : spanText(node.everyMs),
    `${lacksNumber(node) || 'nothing'}`,
  ]);
  return { table: formatTable(['NODE', 'STATE', 'LAST RUN', 'EVERY', 'LACKS'], rows, width), remarks };
}

/** Reports whether a node keeps certfleet running. */
export const isSteady = ({ running = [] }: NodeStatus): boolean => running.some(({ role }) => role === 'node');

function stateText(status: NodeStatus, now: Date): string {
  const { missingSince, running = [], stopped } = status;
  const main = running.find(({ role }) => role === 'node');
  if (missingSince !== undefined && !main) return 'missing';
  if (main) return `running since ${dateText(main.since, now)}`;
  if (running[0]) return `responder since ${dateText(running[0].since, now)}`;
  if (stopped) return `stopped since ${dateText(stopped.since, now)}`;
  return lacksNumber(status) > 0 ? 'behind' : 'well';
}

const lacksNumber = ({ lacks, more = 0 }: NodeStatus): number =>
  new Set(lacks.map(({ certificate }) => certificate)).size + more;

function missingText(status: NodeStatus, now: Date): readonly string[] {
  const { node, missing, missingSince, lastRun, lastSeen, everyMs, running } = status;
  if (missingSince === undefined) return [];
  if (running) {
    const seen = dateText(lastSeen ?? missingSince, now);
    const words = `\`${commands[missing ?? 'renew']}\` is missing on the node ${node}: its last sign of life was on ${seen}.`;
    return [words, againText(status, commands[missing ?? 'renew'])];
  }
  const usual = everyMs === undefined ? '' : `; it usually runs every ${spanText(everyMs)}`;
  const what = commands[missing ?? 'renew'];
  const why =
    missing === 'renew' || missing === undefined
      ? `its last run began on ${dateText(lastRun ?? missingSince, now)}${usual}`
      : `\`${what}\` gave its last sign of life there on ${dateText(lastSeen ?? missingSince, now)}`;
  return [`The node ${node} is missing: ${why}.`, againText(status, what)];
}

function stoppedText(status: NodeStatus, now: Date): readonly string[] {
  const { node, stopped } = status;
  if (!stopped) return [];
  const command = commands[stopped.role];
  return [
    `\`${command}\` has not run on the node ${node} since ${dateText(stopped.since, now)}.`,
    againText(status, command),
  ];
}

/** Where something else runs, the node is not gone. */
function againText({ node, running }: NodeStatus, command: string): string {
  const otherwise = running
    ? `it is not needed there any more, ${toForgetEnded(node)}`
    : `the node is gone for good, run \`certfleet node forget ${node}\``;
  return `  Start \`${command}\` there again or, if ${otherwise}.`;
}

const commands = { renew: 'certfleet renew', ...commandsOf } as const;

const machinesText = ({ node, severalMachines }: NodeStatus): readonly string[] =>
  severalMachines
    ? [
        `Several machines run as the node ${node}, so what one of them lacks may not be shown.`,
        '  Give each a name of its own: `node` in the configuration, or `--node`.',
      ]
    : [];

/** Describes what a node lacks, with one line for each reason. */
function lacksText({ node, lacks, more = 0, running, stopped, missing }: NodeStatus, now: Date): readonly string[] {
  const reasons = new Map<string, { readonly names: Set<string>; readonly targets: Set<string>; since: string }>();
  for (const { certificate, target, since, message = '' } of lacks) {
    const known = reasons.get(message) ?? { names: new Set(), targets: new Set(), since };
    known.names.add(withLetters(certificate));
    known.targets.add(target);
    if (Date.parse(since) < Date.parse(known.since)) known.since = since;
    reasons.set(message, known);
  }
  const lines = [...reasons].map(([message, { names, targets, since }]) => {
    const what = `The node ${node} lacks ${shortList([...names])} (${shortList([...targets])}) since ${dateText(since, now)}`;
    if (message !== '') return `${what}: ${message}`;
    if (running) return `${what}: it has not delivered it yet.`;
    const isSchedule = !stopped && (missing === undefined || missing === 'renew');
    return `${what}: \`${isSchedule ? commands.renew : commands.node}\` has not run there since then.`;
  });
  return more === 0 ? lines : [...lines, `The node ${node} lacks ${more} more.`];
}
