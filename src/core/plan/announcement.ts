import type { LimitWait } from '../lineage/failure.ts';
import type { JsonObject } from '../text/json.ts';

/** A certificate that a run cannot order yet. */
export interface Later extends LimitWait {
  readonly certificate: string;
}

/** Of so few certificates, people want to know each one's time. */
const few = 5;

/**
 * Says what a run is going to do, before it begins: how many certificates at once, and how many when their CA's limits
 * allow it. `data` has the time of each.
 *
 * @param due how many are to be ordered, if some must wait
 */
export function announcement(
  certificates: number,
  { due, later }: { readonly due: number; readonly later: readonly Later[] },
): { readonly message: string; readonly data: JsonObject } {
  const total = certificates === 1 ? 'there is 1 certificate' : `there are ${certificates} certificates`;
  const first = `${total} to work on`;
  const times = later.map(({ until }) => until).sort((a, b) => Date.parse(a) - Date.parse(b));
  const allBy = times.at(-1);
  if (allBy === undefined) return { message: first, data: { certificates } };
  const waiting = later.map(({ certificate, until, quota }) => ({ certificate, at: until, quota }));
  const message = [
    `${first}: ${Math.max(0, due - later.length)} now, ${later.length} by ${allBy}, as the CA’s rate limits allow`,
    ...(later.length <= few ? later.map(lineOf) : linesOf(later)),
    ...(certificates === 1 ? [] : ['Those that wait are ordered by `certfleet renew`.']),
  ].join('\n');
  return { message, data: { certificates, waiting, allBy } };
}

const lineOf = ({ certificate, until, quota }: Later): string => `${certificate}: ${until} (${quota})`;

/** Returns a line for each limit; of many limits, for those for which most wait. */
function linesOf(later: readonly Later[]): readonly string[] {
  const byQuota = new Map<string, string[]>();
  for (const { quota, until } of later) {
    const untils = byQuota.get(quota) ?? [];
    byQuota.set(quota, untils);
    untils.push(until);
  }
  const groups = [...byQuota].sort(([, a], [, b]) => b.length - a.length);
  const lines = groups.slice(0, few).map(([quota, untils]) => {
    const [from, ...others] = untils.sort((a, b) => Date.parse(a) - Date.parse(b)) as [string, ...string[]];
    const last = others.at(-1);
    return `${quota}: ${untils.length} ${last === undefined ? `at ${from}` : `from ${from} to ${last}`}`;
  });
  const more = groups.slice(few).reduce((sum, [, untils]) => sum + untils.length, 0);
  return more > 0 ? [...lines, `${more} for ${groups.length - few} other limits`] : lines;
}
