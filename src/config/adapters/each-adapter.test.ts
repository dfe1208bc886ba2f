import { expect, it } from 'vitest';
import { testSpec } from '../../core/lineage/test-lineages.ts';
import type { AdapterSettings, StoredSpec, UsedAdapter } from '../../core/spec/spec.ts';
import { present } from '../../core/text/present.ts';
import { registry } from '../../generated/registry.ts';
import { eachAdapter } from './each-adapter.ts';

const other = {
  kind: 'solver',
  name: 'other',
  settings: { type: 'dns01', provider: 'cloudflare', options: { token: 't' } },
} as const;
const balancer = { kind: 'balancer', name: 'slb', settings: { type: 'alibaba-clb', listenerPort: 443 } } as const;
const edge = { kind: 'deployer', name: 'edge', settings: { type: 'files' } };

const specWith = (settings: AdapterSettings, uses?: readonly UsedAdapter[]): StoredSpec => ({
  ...testSpec,
  parts: [{ solver: { name: 'web', settings, ...present({ uses }) } }],
});

it.each<[AdapterSettings, readonly UsedAdapter[], readonly string[]]>([
  [{ type: 'http01-webroot', folders: ['/w'] }, [], ['http01-webroot']],
  [{ type: 'dns01', provider: 'rfc2136' }, [], ['rfc2136']],
  [{ type: 'dns01', provider: 'rfc2136', zones: { 'b.test': 'other' } }, [other], ['rfc2136', 'cloudflare']],
  [{ type: 'http01-forward-rule', balancer: 'slb' }, [balancer], ['http01-forward-rule', 'alibaba-clb']],
])('%j with %j is made of %s', (settings, uses, types) => {
  const found = eachAdapter({ ...specWith(settings, uses), targets: [] }, registry);
  expect(found.map((one) => one.settings.type)).toEqual(types);
});

it('has each adapter with its own options alone', () => {
  const dns = { type: 'dns01', provider: 'rfc2136', options: { keyName: 'k' }, zones: { 'b.test': 'other' } };
  const clb = { name: 'clb', settings: { type: 'alibaba-clb', balancer: 'slb' }, uses: [balancer] };
  const spec = specWith(dns, [other]);
  expect(eachAdapter({ ...spec, targets: [...spec.targets, clb] }, registry)).toEqual([
    { kind: 'dns', name: 'web', settings: { type: 'rfc2136', keyName: 'k' } },
    { kind: 'dns', name: 'other', settings: { type: 'cloudflare', token: 't' } },
    edge,
    { kind: 'deployer', name: 'clb', settings: { type: 'alibaba-clb', balancer: 'slb' } },
    balancer,
  ]);
});
