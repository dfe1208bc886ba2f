import { expect, it } from 'vitest';
import { commandWords } from './command-words.ts';

it.each<[string, readonly string[] | undefined]>([
  ['/opt/keys --profile prod', ['/opt/keys', '--profile', 'prod']],
  ['  /opt/keys\t-x  ', ['/opt/keys', '-x']],
  [`/opt/keys "a b" 'c "d"' e\\ f "g\\"h" i'j'"k"`, ['/opt/keys', 'a b', 'c "d"', 'e f', 'g"h', 'ijk']],
  [`/opt/keys '' "$"`, undefined],
  [`/opt/keys ''`, ['/opt/keys', '']],
  ['/opt/keys @arn:aws:iam::1:role/x,y=z%', ['/opt/keys', '@arn:aws:iam::1:role/x,y=z%']],
  ['', []],
  ['/opt/keys "open', undefined],
  ["/opt/keys 'open", undefined],
  ['/opt/keys \\', undefined],
  ['/opt/keys | cat', undefined],
  ['/opt/keys; rm x', undefined],
  ['/opt/keys $HOME', undefined],
  ['/opt/keys "$(id)"', undefined],
  ['/opt/keys `id`', undefined],
  ['/opt/keys > x', undefined],
  ['~/keys', undefined],
  ['/opt/*', undefined],
])('%j is %j', (text, words) => {
  expect(commandWords(text)).toEqual(words);
});
