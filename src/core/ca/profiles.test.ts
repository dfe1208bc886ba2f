import { describe, expect, it } from 'vitest';
import { profileAdvice } from './profiles.ts';

const letsEncrypt = ['classic', 'shortlived', 'tlsserver'];
const names = (count: number) =>
  Array.from({ length: count }, (_, n) => ({ type: 'dns', value: `n${n}.test` }) as const);
const address = { type: 'ip', value: '192.0.2.1' } as const;

describe('what is said of profiles when the CA refuses an order', () => {
  it.each([
    ['26 names', names(26), 'tlsserver', /accepts at most 25 identifiers.*`--profile classic`.*at most 100/],
    ['26 names', names(26), 'shortlived', /accepts at most 25 identifiers.*`--profile classic`/],
    ['101 names', names(101), undefined, /profile classic accepts at most 100 identifiers.*several certificates/],
    ['an IP address', [address], undefined, /profile classic accepts no IP addresses.*`--profile shortlived`/],
    ['an IP address', [address], 'tlsserver', /profile tlsserver accepts no IP addresses.*`--profile shortlived`/],
    [
      'an IP address and 25 names',
      [...names(25), address],
      'shortlived',
      /accepts at most 25 identifiers.*several certificates/,
    ],
  ])('%s (%#)', (_what, identifiers, profile, words) => {
    expect(profileAdvice({ identifiers, profile }, letsEncrypt)).toMatch(words);
  });

  it.each([
    ['25 names fit', names(25), 'tlsserver', letsEncrypt],
    ['an address fits', [address], 'shortlived', letsEncrypt],
    ['nothing is known of the profile', names(26), 'gold', ['gold', 'silver']],
    ['the CA has no profiles', names(26), undefined, []],
  ])('nothing where %s', (_what, identifiers, profile, profiles) => {
    expect(profileAdvice({ identifiers, profile }, profiles)).toBeUndefined();
  });
});
