import { isFailure } from '../../../core/errors/errors.ts';
import { withLetters } from '../../../core/names/letters.ts';
import { accountKey } from '../../../core/spec/account.ts';
import { present } from '../../../core/text/present.ts';
import { shortList } from '../../../core/text/short-list.ts';
import { spanText } from '../../../core/text/span.ts';
import type { Fleet, LimitsStatus } from '../../../fleet.ts';
import type { Run, Session } from '../../context.ts';
import { issuerFromFlags } from '../../flags/issuer.ts';
import { certificateNames } from '../../flags/names.ts';
import { textOf } from '../../flags/values.ts';
import { formatTable } from '../../output/table.ts';
import { dateText, widthOf } from '../../output/text.ts';

/** `certfleet limits [NAME...]`. */
export const limits: Run = async (session) => {
  const { args, flags } = session.invocation;
  const named = textOf(flags['issuer']);
  const issuer =
    named === undefined ? undefined : await issuerFromFlags(session, await session.declared(), { opensAccount: false });
  const fleet = await fleetToLook(session);
  const names = await certificateNames(session, args);
  const request = { names, all: flags['all'] === true, ...present({ issuer }) };
  const all = await fleet.limits(request, session.signal);
  for (const one of all) session.printJson({ object: 'limits', ...one });
  if (session.json) return 0;
  if (all.length === 0) session.print('There are no certificates and no issuers yet.');
  const now = await session.now();
  const width = widthOf(session.context.stdout);
  for (const [at, one] of all.entries()) {
    if (at > 0) session.print('');
    if (!one.isKnown) session.print(unknownText(one));
    else session.printWhole(`${headOf(one)}\n${tableOf(one, { now, width })}`);
    for (const line of wrongTimes(one, now)) session.print(line);
  }
  return 0;
};

/** Opens the store, or an empty one if there is none yet: nothing is written. */
export async function fleetToLook(session: Session): Promise<Fleet> {
  try {
    return await session.fleet({ makeStore: false });
  } catch (error) {
    if (!isFailure(error, 'store/absent') || session.invocation.flags['store'] !== undefined) throw error;
    return session.fleet({ makeStore: false, inMemory: true });
  }
}

function unknownText({ issuers, directory }: LimitsStatus): string {
  const isForTests = issuers.every((name) => name.endsWith(' (staging)'));
  const way = isForTests
    ? '`limits` of an issuer do not apply to its `testDirectory`. If that has some, order the test from an issuer of its own, with this directory, `test: true` and `limits`.'
    : 'If it has some, set `limits` of the issuer.';
  return `${issuers.join(', ')}: certfleet knows no rate limits of ${directory}, so no order waits for one. ${way}`;
}

const headOf = ({ issuers, directory }: LimitsStatus): string => `${issuers.join(', ')}: ${directory}`;

function tableOf(
  { directory, buckets, accounts }: LimitsStatus,
  { now, width }: { readonly now: Date; readonly width: number },
): string {
  const rows = buckets.map(
    ({ title, limit, of, left, burst, periodSeconds, nextAt, fullAt, usedBy, usedByUnknown }) => {
      const account = accounts.find(({ name, url }) => (url ?? accountKey({ directory, name })) === of);
      const isOfAccount = limit === 'newOrdersPerAccount';
      return [
        title,
        isOfAccount
          ? accounts.length > 1
            ? (account?.name ?? of)
            : 'the account'
          : of.split(' ').map(withLetters).join(' '),
        `${left} of ${burst} in ${spanText(periodSeconds * 1_000)}`,
        nextAt === undefined ? 'now' : dateText(nextAt, now),
        fullAt === undefined ? 'is full' : dateText(fullAt, now),
        usersText(usedBy, usedByUnknown),
      ];
    },
  );
  const head = ['LIMIT', 'FOR', 'LEFT', 'NEXT', 'FULL AGAIN', 'USED BY'];
  return formatTable(head, rows, width, { leaveOut: [4], shorten: 1, cutLast: true });
}

function usersText(usedBy: readonly { readonly certificate: string }[], unknown: number): string {
  const known = shortList([...new Set(usedBy.map(({ certificate }) => withLetters(certificate)))]);
  return [known, unknown > 0 ? `${unknown} unknown` : ''].filter(Boolean).join('; ') || '-';
}

/** Says which stored times cannot be right. */
const wrongTimes = ({ buckets }: LimitsStatus, now: Date): readonly string[] =>
  buckets.flatMap(({ title, of, nextAt, isFromTheFuture }) =>
    isFromTheFuture
      ? [
          `${title} (${of}): the store has a time that only a wrong clock can have written, so it counts as used up${nextAt === undefined ? '' : ` until ${dateText(nextAt, now)}`}. The CA’s next answer corrects it.`,
        ]
      : [],
  );
