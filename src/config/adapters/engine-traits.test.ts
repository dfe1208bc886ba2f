import { expect, it } from 'vitest';
import type { AdapterSettings, AdapterTraits, UsedAdapter } from '../../core/spec/spec.ts';
import { registry } from '../../generated/registry.ts';
import { withTraits } from './engine-traits.ts';

const files = { type: 'files', path: '/srv/' };
const dns = { type: 'dns01', provider: 'rfc2136' };
const byHand = { type: 'dns01', provider: 'manual' };
const usedBy = (settings: AdapterSettings): readonly UsedAdapter[] => [{ kind: 'solver', name: 'other', settings }];

it.each<['solver' | 'deployer', AdapterSettings, readonly UsedAdapter[], AdapterTraits | undefined]>([
  ['deployer', files, [], { ofNode: 'target', files: { root: '/srv/' } }],
  ['deployer', { ...files, layout: 'versions' }, [], { ofNode: 'target', files: { root: '/srv/' } }],
  // Only certbot's layout has another name.
  ['deployer', { ...files, certbotName: 'Old Name' }, [], { ofNode: 'target', files: { root: '/srv/' } }],
  ['deployer', { ...files, layout: 'certbot' }, [], { ofNode: 'target', files: { root: '/srv/', inPlace: true } }],
  [
    'deployer',
    { ...files, layout: 'certbot', certbotName: 'Old Name' },
    [],
    { ofNode: 'target', files: { root: '/srv/', inPlace: true, name: 'Old Name' } },
  ],
  ['deployer', { type: 'command', path: '/srv' }, [], { ofNode: 'command' }],
  ['deployer', { type: 'ssh' }, [], undefined],
  ['solver', { type: 'http01-forward-rule', balancer: 'slb' }, [], { rule: 'removed' }],
  ['solver', { type: 'http01-forward-rule', balancer: 'slb', keep: true }, [], { rule: 'kept' }],
  ['solver', { type: 'http01-stateless' }, [], { stateless: true }],
  ['solver', { type: 'http01-responder' }, [], undefined],
  ['solver', { type: 'http01-webroot' }, [], undefined],
  ['solver', dns, [], { preparesNothing: true }],
  ['solver', byHand, [], { preparesNothing: true, person: 'each order' }],
  ['solver', { ...byHand, challenge: 'dns-persist-01' }, [], { preparesNothing: true, person: 'once' }],
  ['solver', dns, usedBy(dns), { preparesNothing: true }],
  ['solver', dns, usedBy(byHand), { preparesNothing: true, person: 'each order' }],
  // A module of the operator's that is gone.
  ['solver', { ...dns, provider: '/gone/provider.js' }, [], { preparesNothing: true }],
])('of a %s %j with %j', async (kind, settings, uses, traits) => {
  const adapter = { name: 'one', settings, uses };
  expect(await withTraits(kind, adapter, registry)).toEqual(traits ? { ...adapter, traits } : adapter);
});
