import { expect, it } from 'vitest';
import { filesInPlace, liveFolder } from './in-place.ts';
import type { AdapterSettings } from './spec.ts';

const files = { type: 'files', path: '/srv/' };
it.each<[AdapterSettings | undefined, string | undefined, string | undefined]>([
  [files, '/srv/live/abc', undefined],
  [{ ...files, layout: 'versions' }, '/srv/live/abc', undefined],
  // Only certbot's layout has another name.
  [{ ...files, certbotName: 'Old Name' }, '/srv/live/abc', undefined],
  [{ ...files, layout: 'certbot' }, '/srv/live/abc', '/srv/live/abc'],
  [{ ...files, layout: 'certbot', certbotName: 'Old Name' }, '/srv/live/Old Name', '/srv/live/Old Name'],
  [{ type: 'command', path: '/srv' }, undefined, undefined],
  [{ type: 'files' }, undefined, undefined],
  [undefined, undefined, undefined],
])('the folder of %j is %s, and in place %s', (settings, live, inPlace) => {
  expect([liveFolder(settings, 'abc'), filesInPlace(settings, 'abc')]).toEqual([live, inPlace]);
});
