import { expect, it } from 'vitest';
import { allFlags, certbotOptions, keyCurves, keySizes, native, optionOfFlag } from './flag-table.ts';
import { keyTypeOfFlags } from './key-type.ts';
import { readCertbot } from './words.ts';

const every = certbotOptions().map((option) => [option.flags, option] as const);

it('has each flag and each key once', () => {
  const flags = certbotOptions().flatMap((option) => option.flags.split(' '));
  const keys = certbotOptions().flatMap((option) => option.keys?.split(' ') ?? []);
  expect([new Set(flags).size, new Set(keys).size]).toEqual([flags.length, keys.length]);
  expect(allFlags()).toEqual(flags);
});

it.each(every)('%s says what it means, and does at most one thing', (_flags, option) => {
  const { same, keep, answer, part, enhance, turns, read, refused, own, why, keys, renews, value } = option;
  expect(own ?? same ?? why).toBeTruthy();
  const does = [same, keep, answer, part, enhance, turns, read, refused].filter((one) => one !== undefined);
  expect(does.length).toBeLessThan(2);
  if (refused) expect(why).toBeTruthy();
  if (renews !== undefined) expect(keys).toBeTruthy();
  // What is kept or read has a value; what is turned on has none.
  if (keep !== undefined || part !== undefined || read !== undefined) expect(value).toBeDefined();
  if (answer !== undefined || enhance !== undefined || turns !== undefined) expect(value).toBeUndefined();
});

it.each(every)('%s is read on a command line, or refused', (flags, { value, refused, why }) => {
  for (const flag of flags.split(' ')) {
    const words = [
      'certonly',
      flag,
      ...(value === undefined ? [] : [flag === '--webroot-map' ? '{"a.test":"/a"}' : 'x']),
    ];
    if (refused) expect(() => readCertbot(words)).toThrow(`${flag} is not supported: ${why}`);
    else expect(readCertbot(words).verb).toBe('certonly');
  }
});

it('has what certfleet takes as it stands', () => {
  for (const flag of native) expect(optionOfFlag(flag)).toBeDefined();
});

it('proposes keys that certfleet makes', () => {
  for (const size of keySizes) expect(keyTypeOfFlags({ type: 'rsa', size })).toBe(`rsa${size}`);
  expect(keyCurves.map((curve) => keyTypeOfFlags({ curve }))).toEqual(['p256', 'p384']);
});
