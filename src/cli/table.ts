import { columnsOf, wrap } from './text.ts';

/**
 * Columns side by side, as wide as their widest cell. Where the screen is too narrow, the columns of `cut` are cut, the
 * first of them first, and the last column is wrapped unless it is one of them; the others stay whole. Without a screen
 * (`width` is Infinity) nothing is cut or wrapped.
 */
export function formatTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  width: number,
  cut: readonly number[] = [],
): string {
  const gap = 2;
  const last = head.length - 1;
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => columnsOf(row[column] ?? ''))),
  );
  const room = width - gap * last;
  // What is cut keeps eight letters, so that it still says something.
  for (const column of cut) widths[column] = atLeast(8, widths[column]!, total(widths) - room);
  // What is wrapped keeps room for a few words, even where the line is longer than the screen then.
  if (!cut.includes(last)) widths[last] = atLeast(24, widths[last]!, total(widths) - room);
  const indent = ' '.repeat(total(widths.slice(0, last)) + gap * last);
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => {
        const space = widths[column]!;
        if (column === last && !cut.includes(last)) return wrap(cell, space, indent);
        const shown = columnsOf(cell) > space ? `${cell.slice(0, space - 1).trimEnd()}…` : cell;
        return column === last ? shown : shown + ' '.repeat(Math.max(0, space - columnsOf(shown)));
      })
      .join(' '.repeat(gap))
      .trimEnd();
  return [head, ...rows].map(line).join('\n');
}

/** A width without what is too much of it, but never less than `least` of it. */
const atLeast = (least: number, width: number, tooMuch: number): number =>
  Math.max(Math.min(least, width), width - Math.max(0, tooMuch));
const total = (numbers: readonly number[]): number => numbers.reduce((sum, n) => sum + n, 0);
