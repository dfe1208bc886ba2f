import { expect, test } from 'vitest';
import type { StoredSpec } from '../core/spec/spec.ts';
import { forStaging } from './staging.ts';

test.each([
  ['another directory, whose limits are its own', { testDirectory: 'https://test.ca.test' }, undefined],
  ['the same directory', { test: true }, { newOrdersPerAccount: '9/3h' }],
])('the limits of a test certificate at %s', (_what, more, limits) => {
  const settings = { directory: 'https://ca.test', limits: { newOrdersPerAccount: '9/3h' }, ...more };
  const wanted = { name: 'a', issuer: { name: 'ca', settings } } as unknown as StoredSpec;
  expect(forStaging(wanted).issuer.settings.limits).toEqual(limits);
});
