import { remoteText } from '../../../core/errors/remote-text.ts';
import type { Act, RunEntry, TargetResult, Trigger } from '../../../core/history/run-entry.ts';
import { saidRun } from '../../../core/history/run-wording.ts';
import type { Step } from '../../../core/lineage/lineage.ts';
import { withLetters } from '../../../core/names/letters.ts';
import type { Session } from '../../context.ts';
import { dateText, fromNow, widthOf, wrap } from '../../output/text.ts';

/** `certfleet show NAME --history`, of a certificate that the store has. */
export async function showHistory(session: Session, name: string): Promise<number> {
  const fleet = await session.fleet({ makeStore: false });
  const runs = (await fleet.history(name, session.signal)).toReversed();
  session.printJson({ object: 'history', certificate: name, runs });
  if (runs.length === 0) {
    session.print(`No run has done anything to ${withLetters(name)} yet, as far as the store knows.`);
    return 0;
  }
  const [now, width] = [await session.now(), widthOf(session.context.stdout)];
  session.printWhole(runs.map((run) => runText(saidRun(run, session.language), now, width)).join('\n\n'));
  return 0;
}

const titles = 13;

function runText(run: RunEntry, now: Date, width: number): string {
  const { targets, moreTargets, continued, count = 1, since } = run;
  const rows: readonly (readonly [string, string | undefined])[] = [
    ['Run by', startedBy(run)],
    ['Repeated', count > 1 && since ? `${count} times since ${dateText(since, now)}` : undefined],
    ['Goes on', continued && continuedText(continued, now)],
    ['Version', run.version],
    ['Steps', run.steps.map(({ step, ms }) => `${stepWords[step] ?? step} ${durationText(ms)}`).join(', ')],
    ...targets.map((target): readonly [string, string] => ['Target', targetText(target)]),
    ['', moreTargets === undefined ? undefined : `and ${moreTargets} more targets`],
    ['Message', run.message],
    ['Code', run.code],
    ['The CA says', run.caSays],
  ];
  const lines = rows
    .filter((row): row is readonly [string, string] => row[1] !== undefined && row[1] !== '')
    .map(
      ([title, text]) => title.padEnd(titles) + wrap(text, Math.max(20, width - 2 - titles), ' '.repeat(2 + titles)),
    );
  const { startedAt: at } = run;
  return [`${dateText(at, now)} (${fromNow(at, now)}): ${resultText(run)}, ${durationText(run.ms)}`, ...lines].join(
    '\n  ',
  );
}

const actWords: Readonly<Record<Act, string>> = {
  issued: 'issued',
  renewed: 'renewed',
  delivered: 'delivered',
  revoked: 'revoked',
  'rolled-back': 'rolled back',
  exported: 'exported',
  imported: 'imported',
  cleaned: 'cleaned up',
};

/** Returns `renewed and delivered`, or `renewed, but a target lacks it`. */
function resultText({ result, did, steps }: RunEntry): string {
  const acts = did.map((act) => actWords[act] ?? act);
  const done = [acts.slice(0, -1).join(', '), ...acts.slice(-1)].filter((text) => text !== '').join(' and ');
  const last = steps.at(-1)?.step;
  const at = last === undefined ? '' : ` at: ${stepWords[last] ?? last}`;
  const words = { done: '', pending: 'a target lacks it', failed: `failed${at}`, stopped: `stopped${at}` }[result];
  return [done, words].filter((text) => text !== '').join(', but ');
}

const stepWords: Readonly<Record<Step, string>> = {
  lease: 'checks',
  key: 'key',
  order: 'order',
  challenges: 'challenges',
  validate: 'validation',
  finalize: 'certificate',
  deploy: 'delivery',
  close: 'end',
};

const triggerWords: Partial<Record<Trigger, string>> = {
  'dry-run': 'renew --dry-run',
  account: 'account',
};

function startedBy({ trigger, forced, node }: RunEntry): string {
  const words = triggerWords[trigger] ?? trigger;
  return `\`certfleet ${words}${forced ? ' --force' : ''}\` on the node ${remoteText(node)}`;
}

function continuedText({ startedAt, step, cutOff }: NonNullable<RunEntry['continued']>, now: Date): string {
  const at = `at: ${stepWords[step] ?? step}`;
  return cutOff === undefined
    ? `with the run of ${dateText(startedAt, now)}, which stopped ${at}`
    : `with the run of ${dateText(startedAt, now)}, which was interrupted (process ${cutOff}, ${at})`;
}

function targetText({ target, node, result, code, message }: TargetResult): string {
  const of = node === undefined ? target : `${target} of node ${node}`;
  if (result === 'delivered') return `${of} has it`;
  const state = code === 'deploy/settling' ? 'is rolling it out' : 'lacks it';
  return `${of} ${state}${message === undefined ? '' : `: ${message}`}`;
}

/** Returns `0.4 s`, `12 s` or `3 min 20 s`. */
export function durationText(ms: number): string {
  if (ms < 9_950) return `${(ms / 1_000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1_000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 60 ? `${minutes} min ${seconds % 60} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
