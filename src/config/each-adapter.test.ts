import { expect, it } from 'vitest';
import { testSpec, withSolver } from '../core/lineage/test-lineages.ts';
import { eachAdapter } from './each-adapter.ts';

const other = { type: 'dns01', provider: 'cloudflare', options: { token: 't' } };
const balancer = { type: 'alibaba-clb', listenerPort: 443 };
const named = { balancer: 'slb', balancerSettings: balancer };
const theBalancer = { kind: 'balancer', name: 'slb', settings: balancer };
const edge = { kind: 'deployer', name: 'edge', settings: { type: 'files' } };

it.each([
  [{ type: 'http01-webroot', folders: ['/w'] }, ['http01-webroot']],
  [{ type: 'dns01', provider: 'rfc2136' }, ['rfc2136']],
  [
    { type: 'dns01', provider: 'rfc2136', zones: { 'b.test': 'other' }, zoneSolvers: { other } },
    ['rfc2136', 'cloudflare'],
  ],
  [{ type: 'http01-forward-rule', ...named }, ['http01-forward-rule', 'alibaba-clb']],
])('%j is made of %s', (settings, types) => {
  const found = eachAdapter({ ...withSolver(testSpec, settings), targets: [] });
  expect(found.map((one) => one.settings.type)).toEqual(types);
});

it('has each adapter with its own options alone', () => {
  const dns = { type: 'dns01', provider: 'rfc2136', options: { keyName: 'k' }, zones: { 'b.test': 'other' } };
  const spec = withSolver(testSpec, { ...dns, zoneSolvers: { other } });
  const clb = { name: 'clb', settings: { type: 'alibaba-clb', ...named } };
  expect(eachAdapter({ ...spec, targets: [...spec.targets, clb] })).toEqual([
    { kind: 'dns', name: 'web', settings: { type: 'rfc2136', keyName: 'k' } },
    { kind: 'dns', name: 'other', settings: { type: 'cloudflare', token: 't' } },
    edge,
    { kind: 'deployer', name: 'clb', settings: { type: 'alibaba-clb', balancer: 'slb' } },
    theBalancer,
  ]);
});
