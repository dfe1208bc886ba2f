import { fail, isFailure } from '../../../core/errors/errors.ts';
import { durationMs, durationPattern } from '../../../core/text/span.ts';
import type { Fleet, LostObject, LostRemoval } from '../../../fleet.ts';
import type { Session } from '../../context.ts';
import { type Flags, textOf } from '../../flags/values.ts';
import { exitCodeOfSweep } from '../../output/exit-codes.ts';
import { reportStart } from '../../output/outcomes.ts';
import { formatTable } from '../../output/table.ts';
import { dateText, widthOf } from '../../output/text.ts';

/** Returns what `--owner` and `--older-than` ask to remove. Fails with `usage/…`. */
export function removalOf(flags: Flags): Partial<LostRemoval> | undefined {
  const [owner, age] = [textOf(flags['owner']), textOf(flags['olderThan'])];
  const isGone = flags['gone'] === true;
  if (owner === undefined && age === undefined && !isGone) return undefined;
  const extra = isGone ? '--gone' : '--older-than';
  if (flags['lost'] !== true)
    throw fail('usage/flag-needs', { flag: owner === undefined ? extra : '--owner', needed: '--lost' });
  if (owner === undefined)
    throw fail('usage/flag-needs', { flag: extra, needed: '--owner ID; `certfleet sweep --lost` lists the IDs' });
  if (isGone && age !== undefined)
    throw fail('usage/flags-exclude', {
      one: '--gone',
      other: '--older-than',
      reason: 'nothing needs what an installation that is gone has created, however old it is',
    });
  if (!/^[0-9a-f]{12}$/.test(owner))
    throw fail('usage/invalid-value', {
      typed: `--owner ${owner}`,
      form: 'the 12 hex digits that `certfleet sweep --lost` shows',
    });
  if (isGone) return { owner, olderThanMs: Number.NEGATIVE_INFINITY };
  if (age === undefined) return { owner };
  if (!durationPattern.test(age))
    throw fail('usage/invalid-value', { typed: `--older-than ${age}`, form: 'a duration such as 1d or 12h' });
  return { owner, olderThanMs: durationMs(age) };
}

/**
 * `certfleet sweep --lost`: prints a table of leftovers that no journal records. Exits with 0, unless something failed.
 */
export async function sweepLost(session: Session, removal: Partial<LostRemoval> | undefined): Promise<number> {
  const fleet = await openAny(session);
  await reportStart(session, 'sweep');
  const { owner, olderThanMs } = removal ?? {};
  // Nothing needs a leftover of this installation. One of another installation may still be needed while that is alive.
  const isOurs = owner !== undefined && owner === fleet.owner();
  if (owner !== undefined && !isOurs && olderThanMs === undefined)
    throw fail('usage/flag-needs', {
      flag: `--owner ${owner}`,
      needed:
        '--older-than, such as 1d, because another installation may still need what it created; or --gone, if that installation no longer exists',
    });
  const remove = owner === undefined ? undefined : { owner, olderThanMs: olderThanMs ?? Number.NEGATIVE_INFINITY };
  const { lost, known, removed, failed } = await fleet.sweepLost(remove, session.signal);
  const now = await session.now();
  const code = exitCodeOfSweep(failed);
  const isLeft = (one: LostObject) => one.isOurs || Date.parse(one.expires) <= now.getTime();
  const left = lost.filter(isLeft);
  const counts = [
    ...(removal ? [`${removed.length} removed`] : []),
    `${left.length} ${left.length === 1 ? 'is' : 'are'} lost`,
    ...(left.length < lost.length ? [`${lost.length - left.length} may belong to other installations`] : []),
    `${known} ${known === 1 ? 'is' : 'are'} known to this store`,
  ];
  const message = counts.join(', ');
  for (const one of lost) session.printJson({ object: 'lost', ...one });
  session.reporter.report({
    v: 1,
    time: now.toISOString(),
    level: code === 0 ? 'info' : 'error',
    event: 'run.finished',
    message,
    data: { exitCode: code, removed, lost: lost.map((one) => ({ ...one })), failed: failed.map((one) => ({ ...one })) },
  });
  for (const what of removed) session.print(`removed: ${what}`);
  for (const { what, reason, verb = 'remove' } of failed) session.complain(`could not ${verb} ${what}: ${reason}`);
  if (lost.length > 0) {
    const rows = lost.map((one) => [
      one.kind,
      one.name,
      one.at,
      ownerText(one),
      dateText(one.expires, now),
      stateText(one, now),
    ]);
    const width = widthOf(session.context.stdout);
    session.printWhole(
      formatTable(['KIND', 'NAME', 'AT', 'OWNER', 'EXPIRES', 'STATE'], rows, width, { leaveOut: [4] }),
    );
  }
  session.print(`Sweep: ${message}.`);
  if (left.length > 0 && !removal) {
    const example = left.find((one) => one.isOurs) ?? left[0];
    const age = example?.isOurs ? '' : ' --older-than 1d';
    const stays = left.some((one) => one.owner === example?.owner && one.staysUntilExpiry);
    const expiry = stays ? ', once it has expired where it may be in use' : '';
    session.note(
      `Next: \`certfleet sweep --lost --owner ${example?.owner}${age}\` removes what that owner lost${expiry}.`,
    );
  } else if (lost[0] && !removal)
    session.note(
      `Next: if the installation ${lost[0].owner} is gone, for instance because its store was lost, \`certfleet sweep --lost --owner ${lost[0].owner} --gone\` removes what it left.`,
    );
  return code;
}

/** Opens the fleet. Without a store, the configuration says where to look, and everything with a mark is unknown. */
async function openAny(session: Session): Promise<Fleet> {
  try {
    return await session.fleet({ makeStore: false });
  } catch (error) {
    const { balancers, deployers } = await session.settings();
    const places = Object.keys(balancers).length + Object.keys(deployers).length;
    if (!isFailure(error, 'store/absent') || places === 0) throw error;
    const fleet = await session.fleet({ makeStore: true, inMemory: true });
    session.note(
      `T${error.message.slice(1)}, so no journal says what is still needed: everything at the configured balancers and targets that carries certfleet’s mark is listed.`,
    );
    return fleet;
  }
}

const ownerText = ({ owner, isOurs }: LostObject): string => (isOurs ? `${owner} (ours)` : owner);

const stateText = ({ isInWork, expires }: LostObject, now: Date): string =>
  isInWork ? 'a process is at work there' : Date.parse(expires) <= now.getTime() ? 'left over' : 'not expired yet';
