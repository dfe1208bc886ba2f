import { columnsOf, cutMiddle, cutTo, wrap } from './text.ts';

/** How to fit a table on a narrow screen. */
export interface Narrow {
  /** Columns to leave out, in this order. */
  readonly leaveOut?: readonly number[];
  /** Shorten this column if the rows are still too long. */
  readonly shorten?: number;
  /** Cut the last column instead of wrapping it. */
  readonly cutLast?: boolean;
}

const gap = 2;
/**
 * The minimum width of a cut column (eight letters are still informative), of a wrapped one (a few words), and of a
 * shortened one (the host and the end of its domain).
 */
const [leastCut, leastWrapped, leastShort] = [8, 24, 20];

/**
 * Formats columns as wide as their widest cell. Only the last column is cut or wrapped, and one may be shortened. Rows
 * that are still too long for the screen stay long. Without a screen (`width` is Infinity), nothing is shortened.
 */
export function formatTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  width: number,
  { leaveOut = [], shorten, cutLast = false }: Narrow = {},
): string {
  const last = head.length - 1;
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => columnsOf(row[column] ?? ''))),
  );
  const least = Math.min(widths[last]!, cutLast ? Math.max(leastCut, head[last]!.length) : leastWrapped);
  let columns = head.map((_, column) => column);
  const others = () =>
    columns.reduce((sum, column) => sum + (column === last ? 0 : widths[column]!), gap * (columns.length - 1));
  for (const column of leaveOut)
    if (others() + (columns.includes(last) ? least : 0) > width) columns = columns.filter((one) => one !== column);
  const missing = others() + (columns.includes(last) ? least : 0) - width;
  if (shorten !== undefined && missing > 0)
    widths[shorten] = Math.min(widths[shorten]!, Math.max(leastShort, widths[shorten]! - missing));
  widths[last] = Math.max(least, Math.min(widths[last]!, width - others()));
  const format = (text: string, column: number): string => {
    const space = widths[column]!;
    const cell = column === shorten ? cutMiddle(text, space) : text;
    if (column !== last) return cell + ' '.repeat(Math.max(0, space - columnsOf(cell)));
    if (!cutLast) return wrap(cell, space, ' '.repeat(others()));
    return cutTo(cell, space);
  };
  const line = (cells: readonly string[]) =>
    columns
      .map((column) => format(cells[column] ?? '', column))
      .join(' '.repeat(gap))
      .trimEnd();
  return [head, ...rows].map(line).join('\n');
}
