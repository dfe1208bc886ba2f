import { type ChallengeType, challengeTypes } from '../core/ca/challenge-type.ts';
import { isDnsName } from '../core/names/dns-name.ts';
import type { AdapterSettings, NamedAdapter } from '../core/spec/spec.ts';
import { duration, z } from '../define.ts';
import { oneOf } from './problems.ts';
import { dns01Type } from './registry.ts';
import { resolverAddress } from './resolver-address.ts';

/** The challenges that the solver `dns01` can answer. The first one is the default. */
export const dnsChallenges = ['dns-01', 'dns-account-01', 'dns-persist-01'] as const;

/**
 * The options of the solver `dns01`, which is part of the engine and not an adapter file. Its provider is an adapter,
 * and `options` are the provider's.
 */
export const dns01Options = z.strictObject({
  provider: z
    .string()
    .meta({ title: 'DNS provider that changes the zone; see dns-providers.md', examples: ['rfc2136'] }),
  options: z
    .record(z.string(), z.unknown())
    .default({})
    .meta({ title: 'The provider’s own options; those left out are read from CERTFLEET_<PROVIDER>_<OPTION>' }),
  dns: z
    .strictObject({
      zone: z
        .string()
        .min(1)
        .meta({ title: 'The zone to change', examples: ['example.com'] }),
      nameservers: z
        .array(resolverAddress())
        .min(1)
        .meta({ title: 'Servers to ask, as address or address:port', examples: [['192.0.2.53', '192.0.2.54:5353']] }),
    })
    .optional()
    .meta({ title: 'Do not search for the zone and its servers (split horizon)' }),
  zones: z
    .record(
      z.string().refine((name) => zoneName(name) !== '' && isDnsName(zoneName(name)), {
        error: 'must be the name of a zone, like example.net',
      }),
      z.string(),
    )
    .optional()
    .meta({
      title: 'Zones that another of `solvers` changes, because a CNAME leads there and another provider has them',
      examples: [{ 'example.net': 'otherSolver' }],
    }),
  challenge: z
    .enum(dnsChallenges, { error: oneOf(dnsChallenges) })
    .default('dns-01')
    .meta({
      title: 'The challenge to answer',
      description:
        'dns-account-01 has a label made of the account’s URL in front of `_acme-challenge`, so that several installations can have a CNAME of their own for one name. The CA must offer it. dns-persist-01 needs one record that stays, `_validation-persist`, so a renewal changes nothing; where the CA does not offer it, dns-01 is answered.',
    }),
  persistFor: duration(
    'dns-persist-01: how long a record is good (`persistUntil`); for ever by default. A new one is written 30 days before its end, or when a third of its time is left',
  ).optional(),
  vantagePoints: z
    .array(resolverAddress())
    .optional()
    .meta({
      title: 'Resolvers elsewhere that must see the value, too, once all name servers have it',
      description:
        'For zones that answer otherwise elsewhere: views, or lines by region as DNSPod and Alibaba Cloud have them.',
      examples: [['8.8.8.8', '[2001:4860:4860::8888]:53']],
    }),
  ignoreNameservers: z
    .array(z.string().min(1))
    .optional()
    .meta({
      title: 'Name servers of the zone that need not have the value, because they are dead; the CA may still ask them',
      examples: [['ns3.example.com']],
    }),
  timeout: duration(
    'How long to wait until every authoritative server returns the record; by default as long as the provider needs',
  ).optional(),
  propagation: duration(
    'How long to ask the servers at least: every one must still return the record when this is over. Rarely needed',
  ).optional(),
});

export interface Dns01Settings {
  readonly challenge: (typeof dnsChallenges)[number];
  /** How long a new dns-persist-01 record is valid; undefined for no limit. */
  readonly persistMs: number | undefined;
  readonly provider: string;
  /** The provider's options, with the provider as their `type`. */
  readonly options: AdapterSettings;
  readonly dns: { readonly zone: string; readonly nameservers: readonly string[] } | undefined;
  /** Undefined to wait as long as the provider needs. */
  readonly timeoutMs: number | undefined;
  readonly propagationMs: number | undefined;
  readonly ignoreNameservers: readonly string[];
  readonly vantagePoints: readonly string[];
}

const zoneName = (name: string): string => name.toLowerCase().replace(/\.$/, '');

/** Reads the settings of a `dns01` solver, which were checked when they were loaded. */
export function dns01Settings(settings: AdapterSettings): Dns01Settings {
  const { type: _type, ...rest } = settings;
  const { provider, options, dns, timeout, propagation, ...more } = dns01Options.parse(rest);
  return {
    provider,
    options: { ...options, type: provider } as AdapterSettings,
    dns,
    timeoutMs: timeout,
    propagationMs: propagation,
    ignoreNameservers: more.ignoreNameservers ?? [],
    vantagePoints: more.vantagePoints ?? [],
    challenge: more.challenge,
    persistMs: more.persistFor,
  };
}

/** Returns the zones that other solvers change on behalf of this one. */
export const zonesElsewhere = ({
  settings: { zones = {} },
  uses = [],
}: NamedAdapter): readonly { readonly zone: string; readonly solver: NamedAdapter }[] =>
  Object.entries(zones as Readonly<Record<string, string>>).flatMap(([zone, named]) => {
    const solver = uses.find(({ kind, name }) => kind === 'solver' && name === named);
    return solver ? [{ zone: zoneName(zone), solver }] : [];
  });

/**
 * Returns the challenges that a solver can answer, by its type. A command solver names one in `challenge`; by default,
 * dns-01.
 */
export function challengesOf(solver: AdapterSettings): readonly ChallengeType[] {
  if (solver.type === dns01Type) {
    const { challenge } = solver;
    if (challenge === 'dns-persist-01') return ['dns-persist-01', 'dns-01'];
    return [challenge === 'dns-account-01' ? 'dns-account-01' : 'dns-01'];
  }
  if (solver.type.startsWith('http01')) return ['http-01'];
  if (solver.type === 'tls-alpn01') return ['tls-alpn-01'];
  const declared = solver['challenge'] ?? solver['challenges'] ?? solver['answers'];
  const named = (Array.isArray(declared) ? declared : [declared]).filter((c): c is ChallengeType =>
    (challengeTypes as readonly unknown[]).includes(c),
  );
  return named.length > 0 ? named : ['dns-01'];
}
