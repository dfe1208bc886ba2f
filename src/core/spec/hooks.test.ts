import { describe, expect, it } from 'vitest';
import { hooksFromFlags } from '../../cli/flags/hooks.ts';
import { aroundOrder, briefHook, hookText, programsIn, type RunHooks, wholeHook, withHooks } from './hooks.ts';
import { inPlaceTarget } from './in-place.ts';
import type { Hooks, StoredSpec } from './spec.ts';
import { targetOf } from './spec-parts.ts';

const root = '/etc/letsencrypt';
const folder = 'for f in /hooks/*; do "$f" || s=$?; done';

const inPlace = {
  name: inPlaceTarget(root),
  settings: { type: 'files', path: root, layout: 'certbot', certbotName: 'Old Name' },
  traits: { files: { root, inPlace: true, name: 'Old Name' } },
} as const;

/** A certificate that was imported in place, under another name than certbot’s. */
const stored = (hooks: Hooks): StoredSpec => ({
  ...{ name: 'old-name', identifiers: [], parts: [], endpoints: [], hooks },
  issuer: { name: '', settings: { directory: '', email: [], agreeToTerms: true, test: false } },
  targets: [inPlace],
  preflight: { resolvers: [], http01Port: 80 },
});

describe('the hooks of a run', () => {
  it.each<[string, Hooks, RunHooks, string | undefined]>([
    ['run in place of the certificate’s', { deploy: 'old' }, { deploy: 'new' }, 'new'],
    [
      'run after what comes first',
      { deploy: 'old', first: { deploy: folder } },
      { deploy: 'new # now' },
      `s=0\n${folder}\n(\nnew # now\n) || s=$?\nexit $s`,
    ],
    ['leave what comes first', { first: { deploy: folder } }, {}, `s=0\n${folder}\nexit $s`],
    ['leave out what came first', { first: { deploy: folder } }, { without: { deploy: folder } }, undefined],
    [
      'leave out only some of what came first',
      { deploy: 'old', first: { deploy: `${folder}\nreload || s=$?` } },
      { without: { deploy: folder, pre: folder } },
      's=0\nreload || s=$?\n(\nold\n) || s=$?\nexit $s',
    ],
    ['are none', {}, {}, undefined],
  ])('%s', (_, before, hooks, run) => {
    const spec = withHooks(stored(before), hooks);
    expect(spec.hooks).not.toHaveProperty('without');
    const env = { RENEWED_LINEAGE: `${root}/live/Old Name` };
    const hook = {
      name: 'deploy-hook',
      settings: { type: 'command', run, timeout: '5m', env },
      traits: { ofNode: 'command' },
    };
    expect(spec.targets).toEqual(run === undefined ? [inPlace] : [inPlace, hook]);
  });

  // certbot, too, runs such a program once.
  it.each<[string, string, boolean]>([
    ['is the program in a folder that runs first', '/le/pre/10.sh', true],
    ['is the program with an argument', '/le/pre/10.sh -v', false],
    ['is a program in another folder', '/le/post/10.sh', false],
    ['is a backup in the folder', '/le/pre/10.sh~', false],
    ['is hidden in the folder', '/le/pre/.10.sh', false],
    ['only begins with the program', '/le/pre/10.sh;stop', false],
  ])('that %s: %s', (_, own, isLeft) => {
    const lines = `${programsIn('/le/pre')}\nmore`;
    const hooks = { pre: own, deploy: own, post: own, first: { pre: lines, deploy: lines, post: lines } };
    const first = `s=0\n${lines}\nexit $s`;
    expect(aroundOrder(hooks)).toEqual([{ pre: first, post: first }, ...(isLeft ? [] : [{ pre: own, post: own }])]);
    const run = targetOf(withHooks(stored({}), hooks), 'deploy-hook')?.settings['run'];
    expect(run).toBe(isLeft ? first : `s=0\n${lines}\n(\n${own}\n) || s=$?\nexit $s`);
    expect(hookText(hooks, 'pre')?.split(', then ')).toHaveLength(isLeft ? 2 : 3);
  });

  it('around an order are a pair for what runs first, and one of its own', () => {
    expect(aroundOrder({ pre: 'stop', post: 'start', first: { pre: folder } })).toEqual([
      { pre: `s=0\n${folder}\nexit $s` },
      { pre: 'stop', post: 'start' },
    ]);
    expect(aroundOrder({ deploy: 'reload', first: { deploy: folder } })).toEqual([]);
  });
});

it.each<[Hooks, string, string]>([
  [{ pre: 'stop web' }, '`stop …`', 'stop web'],
  [{ first: { pre: programsIn('/le/pre') } }, '(the programs in /le/pre)', 'the programs in /le/pre'],
  [
    { pre: 'stop a\nstop b', first: { pre: programsIn('/le/pre') } },
    '(the programs in /le/pre, then `stop …`)',
    'the programs in /le/pre, then stop a\nstop b',
  ],
  [{ first: { pre: 'cat x > /a || s=$?\ncat y > /b || s=$?' } }, '(`cat …`)', 'cat x > /a, then cat y > /b'],
])('%j are %s for people', (hooks, brief, whole) => {
  expect(briefHook(wholeHook(hooks, 'pre')!)).toBe(brief);
  expect(hookText(hooks, 'pre')).toBe(whole);
});

describe('flags of `issue`', () => {
  const kept: Hooks = { deploy: 'reload', first: { deploy: folder, pre: folder } };
  it.each<[Readonly<Record<string, string>>, Hooks]>([
    [{}, kept],
    [{ deployHook: 'new' }, { ...kept, deploy: 'new' }],
    [{ deployHook: 'none' }, { first: { pre: folder } }],
    [{ deployHook: 'none', preHook: 'none' }, {}],
  ])('%j', (flags, hooks) => {
    expect(hooksFromFlags(flags, kept).hooks ?? {}).toEqual(hooks);
  });
});
