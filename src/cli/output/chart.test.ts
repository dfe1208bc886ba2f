import { expect, it } from 'vitest';
import { barChart } from './chart.ts';

const bars = (...values: readonly number[]) => values.map((value, i) => ({ label: `2026-03-${10 + i}`, value }));

it('draws a bar a day, with the highest as the scale', () => {
  const { text, each } = barChart(bars(...Array.from({ length: 24 }, (_, i) => i * 2)), { width: 40, height: 4 });
  expect(each).toBe(1);
  expect(text).toBe(`46 ┤                  ▁▂▄▅▇█
   ┤            ▁▂▃▅▆███████
   ┤       ▂▃▅▆▇████████████
 0 ┴ ▁▃▄▆▇██████████████████
    2026-03-10    2026-03-33`);
});

it('shows the highest of several days in one bar if the screen is narrow, and a single order', () => {
  const { text, each } = barChart(bars(...Array.from({ length: 60 }, (_, i) => (i === 7 ? 1_000 : i === 40 ? 1 : 0))), {
    width: 36,
    height: 2,
  });
  expect(each).toBe(2);
  const [top, bottom] = text.split('\n') as [string, string];
  expect(top).toBe('1000 ┤   █');
  expect(bottom).toBe('   0 ┴   █                ▁');
});
