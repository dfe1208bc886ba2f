import { offeredTypes } from '../../../src/config/settings/connection-types.ts';
import { fail } from '../../../src/core/errors/errors.ts';
import type { ConnectionView, FleetConnections } from '../../../src/fleet/web/connections.ts';
import { registry } from '../../../src/generated/registry.ts';

const common = { usedBy: [], certificates: [], certificateCount: 0, secrets: [], leadsKeys: false } as const;

const views: readonly ConnectionView[] = [
  {
    ...{ ...common, section: 'issuers', name: 'letsencrypt', type: 'acme', declaredIn: 'file', canTest: true },
    options: { directory: 'letsencrypt', agreeToTerms: true },
    certificates: ['shop.example.com'],
    certificateCount: 1,
  },
  {
    ...{ ...common, section: 'solvers', name: 'bind', type: 'dns01', provider: 'rfc2136', declaredIn: 'store' },
    options: { 'options.server': 'ns1.example.com', 'options.keyName': 'acme', 'dns.zone': 'example.com' },
    secrets: ['options.secret'],
    certificates: ['shop.example.com', 'www.example.com'],
    certificateCount: 30,
    ...{ canTest: true, revision: '1', by: 'mia', at: '2026-11-30T05:00:00Z' },
  },
  {
    ...{ ...common, section: 'solvers', name: 'front', type: 'http01-forward-rule', declaredIn: 'store' },
    options: { balancer: 'clb' },
    ...{ canTest: false, revision: '2', refused: 'balancer: there is no balancer "clb"' },
  },
];

/** Connections of a made-up fleet, of the real types. */
export function createConnections(): FleetConnections {
  return {
    types: (section) => offeredTypes(section, { balancers: {} }, registry),
    list: async () => views,
    get: async (section, name) => views.find((one) => one.section === section && one.name === name),
    takesSecrets: true,
    changesTargets: () => false,
    check: async () => undefined,
    declare: async () => ({ wrong: { 'options.server': 'write it as ns1.example.com' } }),
    remove: async () => {
      throw fail('config/not-declared', { name: 'bind' });
    },
    test: async () => ({
      ok: false,
      steps: [
        { step: 'zone', finding: 'example.com, at ns1.example.com', ms: 80 },
        { step: 'add', finding: '_acme-challenge.example.com', ms: 120 },
      ],
      failure: fail('config/not-declared', { name: 'bind' }),
    }),
  };
}
