import { describe, expect, it } from 'vitest';
import type { Json } from '../text/json.ts';
import { keepsPlace } from './holder.ts';
import type { Version } from './lineage.ts';

const issued = { directory: '', accountUrl: '', issuedAt: '' };
const version = (names: readonly string[], more: Partial<Version> = {}): Version => ({
  ...{ id: 'v1', ...issued, ...more },
  facts: {
    identifiers: names.map((value) => ({ type: 'dns', value })),
    notBefore: '2026-01-01T00:00:00Z',
    notAfter: '2026-04-11T00:00:00Z',
  } as unknown as Version['facts'],
});
const www = 'www.example.com';
const revoked = { revoked: { at: '2026-01-02T00:00:00Z' } as unknown as NonNullable<Version['revoked']> };
const edge = (options: { readonly [option: string]: Json }) => ({
  name: 'edge',
  settings: { type: 'alibaba-cdn', ...options },
});
const listed = edge({ domains: ['WWW.example.com'] });
const covered = edge({ domains: 'covered' });

describe('keepsPlace', () => {
  it.each([
    ['a good certificate', {}, true],
    ['an older version', { current: version(['*.example.com']) }, true],
    ['one in its last tenth', { now: '2026-04-02T00:00:00Z' }, false],
    ['one that is revoked', { has: version([www], revoked) }, false],
    ['one whose key is known', { has: version([www], { compromised: true }) }, false],
    ['one that does not cover it', { has: version(['example.com']) }, false],
    ['one whose newest version does not cover it', { current: version(['example.com']) }, false],
    ['one that is delivered nowhere', { targets: [] }, false],
    ['one that is delivered to something else', { targets: [{ name: 'a', settings: { type: 'nginx' } }] }, false],
    ['one whose deployer excepts it', { targets: [edge({ domains: 'covered', except: [www] })] }, false],
    ['one whose deployer lists others', { targets: [edge({ domains: ['example.com'] })] }, false],
    ['one whose second deployer covers it', { targets: [edge({ domains: ['a.example.com'] }), covered] }, true],
    ['one that is listed', { targets: [listed] }, true],
    ['one that only covers it, against a list', { isListed: true }, false],
    ['one that is listed, against a list', { isListed: true, targets: [listed] }, true],
    ['one of a listener with these names', { targets: [edge({ names: [www] })], isListed: true }, true],
  ])('for %s', (_what, more, expected) => {
    const {
      has = version([www]),
      current = has,
      targets = [covered],
    } = more as Partial<Parameters<typeof keepsPlace>[0]>;
    const { now = '2026-02-01T00:00:00Z', isListed = false } = more as { now?: string; isListed?: boolean };
    const place = { domains: [www], type: 'alibaba-cdn', isListed };
    expect(keepsPlace({ lineage: 'www', has, current, targets }, place, new Date(now))).toBe(expected);
  });
});
