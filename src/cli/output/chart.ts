/** Eighths of a cell, from empty to full. */
const eighths = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

export interface Bar {
  readonly label: string;
  readonly value: number;
}

export interface Size {
  /** The width of the screen. */
  readonly width: number;
  /** The number of lines for the bars. */
  readonly height: number;
}

/**
 * Draws a bar for each value, from left to right. On a narrow screen, a bar stands for several values, and shows the
 * highest. The labels of the first and the last value are below.
 */
export function barChart(
  bars: readonly Bar[],
  { width, height }: Size,
): { readonly text: string; readonly each: number } {
  const highest = Math.max(1, ...bars.map(({ value }) => value));
  const margin = String(highest).length + 2;
  const room = Math.max(10, width - margin);
  const each = Math.ceil(bars.length / room);
  const values = Array.from({ length: Math.ceil(bars.length / each) }, (_, i) =>
    Math.max(...bars.slice(i * each, (i + 1) * each).map(({ value }) => value)),
  );
  // A single order must be seen, too.
  const filled = values.map((value) => (value === 0 ? 0 : Math.max(1, Math.round((value / highest) * height * 8))));
  const lines = Array.from({ length: height }, (_, i) => {
    const below = (height - 1 - i) * 8;
    const cells = filled.map((eights) => eighths[Math.min(8, Math.max(0, eights - below))]!).join('');
    const scale = i === 0 ? String(highest) : i === height - 1 ? '0' : '';
    return `${scale.padStart(margin - 2)} ${i === height - 1 ? '┴' : '┤'}${cells}`.trimEnd();
  });
  const [first, last] = [bars[0]?.label ?? '', bars.at(-1)?.label ?? ''];
  const space = values.length - first.length - last.length;
  const labels = space > 0 ? `${first}${' '.repeat(space)}${last}` : first;
  return { text: [...lines, `${' '.repeat(margin)}${labels}`].join('\n'), each };
}
