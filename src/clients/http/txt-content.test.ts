import { expect, it } from 'vitest';
import { fromTxtContent, toTxtContent } from './txt-content.ts';

const long = 'x'.repeat(255);

it.each([
  ['"abc"', 'abc'],
  ['""', ''],
  ['"v=spf1 -all"', 'v=spf1 -all'],
  ['"one" "two"', '"one" "two"'],
  [String.raw`"a \"b\" \\ \013"`, String.raw`"a \"b\" \\ \013"`],
  [`"${long}"`, long],
  [`"${long}" "y"`, `${long}y`],
  [`"${long}" "${long}" "y"`, `${long}${long}y`],
  // Cut elsewhere by another program.
  [`"y" "${long}"`, `"y" "${long}"`],
])('reads %s, and writes it back unchanged', (content, value) => {
  expect(fromTxtContent(content)).toBe(value);
  expect(toTxtContent(value)).toBe(content);
});
