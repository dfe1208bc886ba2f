import type { Hour, Years } from './years.ts';

/** The hours of each day together. */
export function daysOf({ hours }: Pick<Years, 'hours'>, hoursEach = 24): readonly Hour[] {
  const days: Hour[] = [];
  for (let from = 0; from < hours.length; from += hoursEach) {
    const some = hours.slice(from, from + hoursEach);
    const sum = (of: (hour: Hour) => number) => some.reduce((all, one) => all + of(one), 0);
    const left = Math.min(...some.map((hour) => hour.left));
    days.push({ firsts: sum(({ firsts }) => firsts), renewals: sum(({ renewals }) => renewals), left });
  }
  return days;
}
