import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { didYouMean, didYouMeanName, editDistance, nearest } from './nearest.ts';

describe('nearest', () => {
  it.each([
    ['solvr', ['solver', 'store'], 'solver'],
    ['isser', ['issuers', 'issuer'], 'issuer'],
    ['cert', ['certificates', 'store'], 'certificates'],
    ['DEPLOY', ['deploy'], 'deploy'],
    ['tpye', ['type', 'name'], 'type'],
    ['banana', ['solver', 'store'], undefined],
    ['x', ['solver'], undefined],
  ])('%s among %j is %s', (typed, known, found) => {
    expect(nearest(typed, known)).toBe(found);
  });

  it('words the guess, or says nothing', () => {
    expect(didYouMean('solvr', ['solver'])).toBe('; did you mean "solver"?');
    expect(didYouMean('banana', ['solver'])).toBe('');
  });

  it.each([
    ['w2.example.test', 'cb1.example.test', ''],
    ['wwww.example.test', 'www.example.test', '; did you mean "www.example.test"?'],
    ['www.exmaple.test', 'www.example.test', '; did you mean "www.example.test"?'],
    ['example.test', 'www.example.test', '; did you mean "www.example.test"?'],
  ])('guesses names of certificates by what differs: %s, %s', (typed, known, guess) => {
    expect(didYouMeanName(typed, [known])).toBe(guess);
  });

  it('counts a swap of neighbours as one', () => {
    expect(editDistance('haporxy', 'haproxy')).toBe(1);
    expect(editDistance('', 'abc')).toBe(3);
  });

  it('is a distance: symmetric, zero only for equals, never more than the longer word', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 12 }), fc.string({ maxLength: 12 }), (a, b) => {
        const distance = editDistance(a, b);
        expect(distance).toBe(editDistance(b, a));
        expect(distance === 0).toBe(a === b);
        expect(distance).toBeLessThanOrEqual(Math.max(a.length, b.length));
      }),
    );
  });
});
