import { daysOf } from './days.ts';
import type { Hour, Years } from './years.ts';

const texts = {
  en: {
    title: 'Orders, and tokens left, while 10,000 names are added and in the year after',
    columns: ['the first 12 days, 6 hours each', 'the first year, a day each'],
    orders: 'orders',
    left: 'fewest tokens left to the account',
    firsts: 'first certificates',
    renewals: 'renewals',
    day: (day: number) => `day ${day}`,
  },
  'zh-CN': {
    title: '添加 10,000 个域名期间以及之后一年的订单和剩余令牌',
    columns: ['前 12 天，每 6 小时一格', '第一年，每天一格'],
    orders: '订单数',
    left: '账户剩余令牌的最小值',
    firsts: '首次签发',
    renewals: '续期',
    day: (day: number) => `第 ${day} 天`,
  },
} as const;

export type Language = keyof typeof texts;
export const languages = Object.keys(texts) as readonly Language[];

const [width, height, panelWidth, panelHeight] = [860, 400, 370, 120];
const colours = { firsts: '#2563eb', renewals: '#f59e0b', left: '#16a34a', axis: '#6b7280' };

/** Draws the orders and the tokens of the account, the first 12 days on the left and the year on the right. */
export function plotOf(years: Years, language: Language): string {
  const text = texts[language];
  const columns = [
    { bars: daysOf({ hours: years.hours.slice(0, 12 * 24) }, 6), each: 0.25, ticks: [0, 4, 8, 12] },
    { bars: daysOf({ hours: years.hours.slice(0, 365 * 24) }), each: 1, ticks: [0, 90, 180, 270] },
  ];
  const panels = columns.flatMap(({ bars, each, ticks }, column) => {
    const x = 55 + column * 430;
    const most = Math.max(...bars.map(({ firsts, renewals }) => firsts + renewals));
    const top = Math.ceil(most / 500) * 500;
    const orders = panelOf(bars.length, top, [
      { colour: colours.firsts, heights: bars.map(({ firsts }) => firsts) },
      {
        colour: colours.renewals,
        heights: bars.map(({ renewals }) => renewals),
        from: bars.map(({ firsts }) => firsts),
      },
    ]);
    const left = panelOf(bars.length, 300, [{ colour: colours.left, heights: bars.map((bar: Hour) => bar.left) }]);
    const marks = ticks.map((day) => {
      const at = (day / each / bars.length) * panelWidth;
      return `<text x="${at.toFixed(0)}" y="${panelHeight + 16}" text-anchor="middle">${text.day(day)}</text>`;
    });
    const title = `<text y="-12" font-weight="bold">${text.columns[column]}</text>`;
    return [
      `<g transform="translate(${x} 70)">${title}${orders}</g>`,
      `<g transform="translate(${x} 235)"><text y="-8">${text.left}</text>${left}${marks.join('')}</g>`,
    ];
  });
  const legend = (['firsts', 'renewals'] as const).map(
    (what, at) =>
      `<rect x="${55 + at * 200}" y="22" width="12" height="12" fill="${colours[what]}"/><text x="${72 + at * 200}" y="32">${text.orders}: ${text[what]}</text>`,
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="sans-serif" font-size="12" role="img">`,
    `<title>${text.title}</title>`,
    `<rect width="${width}" height="${height}" fill="white"/>`,
    ...legend,
    ...panels,
    '</svg>',
    '',
  ].join('\n');
}

interface Layer {
  readonly colour: string;
  readonly heights: readonly number[];
  /** On what each bar stands; 0 if not given. */
  readonly from?: readonly number[];
}

/** Draws bars side by side, with the scale on the left. */
function panelOf(count: number, top: number, layers: readonly Layer[]): string {
  const y = (value: number) => (panelHeight - (value / top) * panelHeight).toFixed(1);
  const x = (at: number) => ((at / count) * panelWidth).toFixed(1);
  const paths = layers.map(({ colour, heights, from = [] }) => {
    const bars = heights.flatMap((value, at) => {
      const base = from[at] ?? 0;
      return value > 0 ? `M${x(at)} ${y(base)}V${y(base + value)}H${x(at + 1)}V${y(base)}Z` : [];
    });
    return `<path fill="${colour}" d="${bars.join('')}"/>`;
  });
  const scale = [0, top / 2, top].map(
    (value) => `<text x="-6" y="${Number(y(value)) + 4}" text-anchor="end" fill="${colours.axis}">${value}</text>`,
  );
  const axes = `<path d="M0 0V${panelHeight}H${panelWidth}" fill="none" stroke="${colours.axis}"/>`;
  return [...paths, axes, ...scale].join('');
}
