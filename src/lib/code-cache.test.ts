import { tmpdir } from 'node:os';
import { afterEach, expect, it, vi } from 'vitest';
import { codeCacheFolder } from './code-cache.ts';

afterEach(() => void vi.restoreAllMocks());

// It must exist.
const home = tmpdir();

it.each([
  ['a user', 1000, { HOME: home }, `${home}/.cache/certfleet`],
  ['a user with XDG_CACHE_HOME', 1000, { HOME: home, XDG_CACHE_HOME: '/fast/me' }, '/fast/me/certfleet'],
  ['a relative XDG_CACHE_HOME', 1000, { HOME: home, XDG_CACHE_HOME: 'fast' }, `${home}/.cache/certfleet`],
  ['a user without HOME', 1000, {}, undefined],
  ['a user whose HOME does not exist', 1000, { HOME: '/nonexistent' }, undefined],
  ['an empty HOME', 1000, { HOME: '', XDG_CACHE_HOME: '' }, undefined],
  ['a relative HOME', 1000, { HOME: 'home' }, undefined],
  ['root', 0, {}, '/var/cache/certfleet'],
  ['root with the HOME of a user', 0, { HOME: home, XDG_CACHE_HOME: '/fast/me' }, '/var/cache/certfleet'],
  ['a folder of its own', 1000, { HOME: home, CERTFLEET_CODE_CACHE: '/run/me/code' }, '/run/me/code'],
  ['a folder of its own, for root', 0, { CERTFLEET_CODE_CACHE: '/run/code' }, '/run/code'],
  ['off', 1000, { HOME: home, CERTFLEET_CODE_CACHE: 'off' }, undefined],
  ['off, for root', 0, { CERTFLEET_CODE_CACHE: 'off' }, undefined],
  ['default paths elsewhere', 1000, { HOME: home, CERTFLEET_ROOT: '/srv/root' }, '/srv/root/var/cache/certfleet'],
  ['default paths elsewhere, for root', 0, { CERTFLEET_ROOT: '/srv/root' }, '/srv/root/var/cache/certfleet'],
])('the code cache of %s', (_, uid, env, folder) => {
  vi.spyOn(process as { geteuid(): number }, 'geteuid').mockReturnValue(uid);
  expect(codeCacheFolder(env)).toBe(folder);
});
