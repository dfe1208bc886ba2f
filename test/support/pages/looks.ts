import { isLong, seeded } from '../seeded.ts';

/** Languages and colours in which pages are looked at: in a long run all, otherwise two that have each of them once. */
export const looks = (
  [
    ['en', 'light'],
    ['zh', 'dark'],
    ['zh', 'light'],
    ['en', 'dark'],
  ] as const
).filter((_, index) => isLong || index < 2 === seeded('looks of pages')() < 1 / 2);
