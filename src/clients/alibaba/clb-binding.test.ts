import { expect, it } from 'vitest';
import { type Binding, planBinding, servedFor, type WantedBinding } from './clb-binding.ts';

const extension = (domain: string, certificate = 'old') => ({ id: `de-${domain}`, domain, certificate });
const bound = (...extensions: Binding['extensions']): Binding => ({ default: 'old', extensions });
const wanted = (names: readonly string[], more: Partial<WantedBinding> = {}): WantedBinding => ({
  certificate: 'new',
  covers: names,
  serves: names,
  mode: 'auto',
  defaultCovers: ['a.test'],
  defaultIsOlder: false,
  ...more,
});

/** `default`, `set a.test`, `+a.test`; or the reason against it. */
const steps = (binding: Binding, want: WantedBinding): string => {
  const plan = planBinding(binding, want);
  if ('refused' in plan) return plan.refused;
  const texts = plan.steps.map((step) => {
    if (step.kind === 'default') return 'default';
    return step.kind === 'set' ? `set ${step.extension.domain}` : `+${step.domain}`;
  });
  return texts.join(' ') || 'nothing';
};

it.each<[string, Binding, WantedBinding, string]>([
  ['the default certificate had the same names', bound(), wanted(['a.test']), 'default'],
  ['it covers more than the default one', bound(), wanted(['b.test', '*.test', 'a.test']), 'default'],
  ['a wildcard covers what the default one did', bound(), wanted(['*.test']), 'default'],
  ['it has another name than the default one', bound(), wanted(['b.test']), '+b.test'],
  ['a wildcard is not covered by a name', bound(), wanted(['a.test'], { defaultCovers: ['*.test'] }), '+a.test'],
  ['the default names are not known', bound(), wanted(['a.test'], { defaultCovers: undefined }), '+a.test'],
  [
    'the default one is an older version, with unknown names',
    bound(),
    wanted(['a.test'], { defaultCovers: undefined, defaultIsOlder: true }),
    'default',
  ],
  [
    'the name has an extension',
    bound(extension('a.test')),
    wanted(['a.test'], { defaultCovers: ['x.test'] }),
    'set a.test',
  ],
  [
    'the name has an extension, and the default one is an older version',
    bound(extension('a.test')),
    wanted(['a.test'], { defaultIsOlder: true }),
    'set a.test default',
  ],
  ['an extension above the name has another certificate', bound(extension('*.test')), wanted(['a.test']), '+a.test'],
  ['an extension above the name has it', bound(extension('*.test', 'new')), wanted(['a.test']), 'nothing'],
  [
    'all is done',
    { default: 'new', extensions: [extension('b.test', 'new')] },
    wanted(['a.test', 'b.test']),
    'nothing',
  ],
  ['one of two names has an extension', bound(extension('b.test')), wanted(['a.test', 'b.test']), 'set b.test default'],
  ['only extensions', bound(), wanted(['a.test', 'b.test'], { mode: 'extensions' }), '+a.test +b.test'],
  [
    'only the default one, which would lose a name',
    bound(),
    wanted(['b.test'], { mode: 'default' }),
    'the default certificate of the listener is also for a.test, which this one does not cover',
  ],
  [
    'only the default one, of unknown names',
    bound(),
    wanted(['b.test'], { mode: 'default', defaultCovers: undefined }),
    'the API does not say which names the default certificate of the listener is for',
  ],
  [
    'an address, which can have no extension',
    bound(),
    wanted(['192.0.2.1']),
    '192.0.2.1 can be served by the default certificate only, and the default certificate of the listener is also for a.test, which this one does not cover',
  ],
  ['an extension for a name below a wildcard of others', bound(extension('shop.test')), wanted(['*.test']), 'default'],
])('%s', (_when, binding, want, expected) => {
  expect(steps(binding, want)).toBe(expected);
});

it('knows what is served for a name', () => {
  const binding = bound(extension('*.test', 'w'), extension('*.b.test', 'b'), extension('a.test', 'a'));
  const served = ['a.test', 'c.test', 'x.b.test', 'other.example'].map((name) => servedFor(binding, name));
  expect(served).toEqual(['a', 'w', 'b', 'old']);
});
