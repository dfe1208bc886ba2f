/** Columns side by side, as wide as their widest cell; where the screen is too narrow, the widest ones are cut. */
export function formatTable(head: readonly string[], rows: readonly (readonly string[])[], width: number): string {
  const gap = 2;
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const room = width - gap * (widths.length - 1);
  // A column keeps eight letters, so that what is left still says something.
  for (let over = total(widths) - room; over > 0; over--) {
    const widest = widths.indexOf(Math.max(...widths));
    if (widths[widest]! <= 8) break;
    widths[widest]!--;
  }
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => {
        const space = widths[column]!;
        const shown = cell.length > space ? `${cell.slice(0, space - 1)}…` : cell;
        return column === cells.length - 1 ? shown : shown.padEnd(space);
      })
      .join(' '.repeat(gap))
      .trimEnd();
  return [head, ...rows].map(line).join('\n');
}

const total = (numbers: readonly number[]): number => numbers.reduce((sum, n) => sum + n, 0);
