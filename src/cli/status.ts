import { isFailure } from '../core/errors.ts';
import type { Fleet, LineageStatus } from '../fleet.ts';
import type { Run } from './context.ts';
import { formatTable } from './table.ts';
import { dateText, fromNow, harmless, spanText } from './text.ts';

/** `certfleet status`: a table, and under it what somebody should look at. Exit 0 whatever the certificates' state. */
export const status: Run = async (session) => {
  let fleet: Fleet;
  try {
    fleet = await session.fleet({ makeStore: false });
  } catch (error) {
    if (!isFailure(error, 'store/absent')) throw error;
    session.print(`There is no certificate: ${error.message}.`);
    session.note(`Next: ${error.hint}`);
    return 0;
  }
  const all = await fleet.status(session.invocation.args, session.signal);
  const now = await session.now();
  for (const lineage of all) session.printJson({ object: 'certificate', ...lineage });
  if (session.json) return 0;
  if (all.length === 0) {
    session.print('There is no certificate yet.');
    session.note('Next: `certfleet issue -d www.example.com --agree-tos --staging` tries it with a test certificate.');
    return 0;
  }
  const head = ['NAME', 'STATE', 'VALID UNTIL', 'LEFT', 'RENEWAL', 'DEPLOYED TO'];
  const rows = all.map((lineage) => [
    lineage.name,
    stateText(lineage),
    lineage.notAfter ? dateText(lineage.notAfter, now) : '-',
    leftText(lineage, now),
    renewalText(lineage, now),
    deploymentText(lineage),
  ]);
  session.print(formatTable(head, rows, session.context.stdout.columns ?? 120));
  const remarks = all.flatMap((lineage) => remarksOf(lineage, now));
  if (remarks.length > 0) session.print(`\n${remarks.join('\n')}`);
  const next = nextText(all, now);
  if (next !== undefined) session.print(`\n${next}`);
  return 0;
};

const stateText = ({ state, work }: LineageStatus): string =>
  state === 'working' && work ? `working (${work.step})` : state;

const leftText = ({ notAfter }: LineageStatus, now: Date): string => {
  if (!notAfter) return '-';
  const ms = Date.parse(notAfter) - now.getTime();
  return ms > 0 ? spanText(ms) : 'none';
};

/** When, and who says so. */
export function renewalText({ renewAt, renewalSource, failure }: LineageStatus, now: Date): string {
  if (failure) return `retry ${dateText(failure.retryAt, now)}`;
  if (!renewAt) return '-';
  return `${dateText(renewAt, now)}${renewalSource === 'ari' ? ' (CA)' : ''}`;
}

function deploymentText({ deployments }: LineageStatus): string {
  if (deployments.length === 0) return '-';
  return deployments.map(({ target, state }) => (state === 'current' ? target : `${target} (${state})`)).join(', ');
}

function remarksOf({ name, state, failure, explanationUrl }: LineageStatus, now: Date): readonly string[] {
  const remarks: string[] = [];
  if (failure) {
    const times = failure.count === 1 ? 'failed once' : `failed ${failure.count} times`;
    remarks.push(`${name} ${times}: ${harmless(failure.message)}`);
    if (failure.hint) remarks.push(`  ${harmless(failure.hint)}`);
    remarks.push(
      `  \`certfleet renew\` tries again from ${dateText(failure.retryAt, now)} on; \`certfleet issue\` tries now.`,
    );
  }
  if (explanationUrl) remarks.push(`${name}: the CA explains its renewal time at ${harmless(explanationUrl)}`);
  if (state === 'corrupt')
    remarks.push(`${name}: its document in the store cannot be read; \`certfleet show ${name}\` says more`);
  return remarks;
}

function nextText(all: readonly LineageStatus[], now: Date): string | undefined {
  const due = all.filter(
    ({ state }) => state === 'due' || state === 'expired' || state === 'pending' || state === 'missing',
  );
  if (due.length > 0) return `Next: \`certfleet renew\` works on ${due.map(({ name }) => name).join(', ')}.`;
  const next = all.filter(({ renewAt }) => renewAt).sort((a, b) => Date.parse(a.renewAt!) - Date.parse(b.renewAt!))[0];
  return (
    next &&
    `Next: ${next.name} renews by itself around ${dateText(next.renewAt!, now)} (${fromNow(next.renewAt!, now)}), when \`certfleet renew\` runs.`
  );
}
