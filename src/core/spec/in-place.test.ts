import { expect, it } from 'vitest';
import { filesInPlace, liveFolder } from './in-place.ts';
import type { AdapterTraits } from './spec.ts';

it.each<[AdapterTraits | undefined, string | undefined, string | undefined]>([
  [{ files: { root: '/srv/' } }, '/srv/live/abc', undefined],
  [{ files: { root: '/srv/', inPlace: true } }, '/srv/live/abc', '/srv/live/abc'],
  [{ files: { root: '/srv/', inPlace: true, name: 'Old Name' } }, '/srv/live/Old Name', '/srv/live/Old Name'],
  [{}, undefined, undefined],
  [undefined, undefined, undefined],
])('the folder of a target with %j is %s, and in place %s', (traits, live, inPlace) => {
  const target = traits && { name: 'edge', settings: { type: 'any' }, traits };
  expect([liveFolder(target, 'abc'), filesInPlace(target, 'abc')]).toEqual([live, inPlace]);
});
