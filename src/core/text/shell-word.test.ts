import { expect, it } from 'vitest';
import { shellWord } from './shell-word.ts';

it.each([
  ['/var/lib/certfleet', '/var/lib/certfleet'],
  ['/srv/a store', "'/srv/a store'"],
  ["/srv/it's", "'/srv/it'\\''s'"],
  ['$(id)', "'$(id)'"],
])('quotes %s for a shell if needed', (text, word) => {
  expect(shellWord(text)).toBe(word);
});
