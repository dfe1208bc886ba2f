import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ageOf, markIn, markLifeMs, markOf, nameWithMark } from './own-mark.ts';

const hex12 = fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: 12, maxLength: 12 });

test('a name carries owner, expiry and id, within 40 characters that every balancer takes', () => {
  fc.assert(
    fc.property(
      hex12,
      hex12,
      fc.date({ min: new Date('2026-01-01'), max: new Date('2126-01-01'), noInvalidDate: true }),
      (owner, id, expires) => {
        const name = nameWithMark({ owner, expires, id });
        expect(name).toMatch(/^[a-z][a-z0-9-]{1,39}$/);
        expect(name.startsWith(markOf(owner))).toBe(true);
        const mark = markIn(name);
        expect(mark).toMatchObject({ owner, id });
        expect((mark?.expires.getTime() ?? 0) - expires.getTime()).toBeGreaterThanOrEqual(0);
        expect((mark?.expires.getTime() ?? 0) - expires.getTime()).toBeLessThan(3_600_000);
      },
    ),
  );
});

test.each(['order', 'keep'] as const)('the expiry of a rule (%s) shows its age to the hour', (kind) => {
  const at = new Date('2026-11-25T12:34:00Z').getTime();
  const expires = new Date(at + markLifeMs[kind]);
  const mark = markIn(nameWithMark({ owner: '0123456789ab', expires, id: '0123456789ab' }))!;
  for (const hours of [0, 5, 20]) {
    const { ms, isKept } = ageOf(mark, new Date(at + hours * 3_600_000));
    expect(isKept).toBe(kind === 'keep');
    expect(ms).toBeLessThanOrEqual(hours * 3_600_000);
    expect(ms).toBeGreaterThanOrEqual(Math.max(0, (hours - 1) * 3_600_000));
  }
});

test.each([
  '',
  'web',
  'cf-web',
  'cf-0123456789ab',
  'cf-0123456789ab-0abcd-0123456789',
  'xcf-0123456789ab-0abcd-0123456789ab',
])('the name "%s" is somebody else’s', (name) => expect(markIn(name)).toBeUndefined());
