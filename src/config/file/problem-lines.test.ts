import { expect, it } from 'vitest';
import { linesOf } from './problem-lines.ts';

const text = `# settings
a: &x
  b: 1
c: *x
"d e":
  f
0x10: |

  text
? - k
: l
list:
  - x
  - # - a comment
  -
  - {g: 1,
     h: [1,
      2]}
  -
  - >-

    folded
  - !!str
  - - 1
    -
empty:
`;

it.each<[path: readonly PropertyKey[], line: number | undefined]>([
  [[], 2],
  [['a'], 3],
  [['a', 'b'], 3],
  [['a', 'none'], 2],
  [['c'], 4],
  [['c', 'b'], 4],
  [['d e'], 6],
  [['16'], 7],
  [['list'], 13],
  [['list', 0], 13],
  [['list', 1], 14],
  [['list', 2], 15],
  [['list', 3, 'h', 1], 18],
  [['list', 4], 19],
  [['list', 5], 20],
  [['list', 6], 23],
  [['list', 7, 1], 25],
  [['list', 99], 12],
  [['empty'], 26],
  [['none', 'at', 'all'], 2],
])('%j is in line %s', (path, line) => {
  const crlf = text.replaceAll('\n', '\r\n');
  for (const one of [text, crlf]) expect(linesOf(one, [{ path, message: '' }])).toEqual([line]);
});

it('names the key if it is that', () => {
  expect(linesOf(text, [{ path: ['d e'], onKey: true, message: '' }])).toEqual([5]);
});

it('finds no line in a text that is empty or not YAML, but keeps one that is given', () => {
  for (const bad of ['', '# a\n', 'a: [', '"'])
    expect(
      linesOf(bad, [
        { path: ['a'], message: '' },
        { path: [], line: 3, message: '' },
      ]),
    ).toEqual([undefined, 3]);
});

it('takes what is empty or full of comments in no time', () => {
  const comments = `a:\n  -\n${'# # # - #\n'.repeat(20_000)}  -\n`;
  expect(linesOf(comments, [{ path: ['a', 1], message: '' }])).toEqual([20_003]);
});
