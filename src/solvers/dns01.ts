import { canonicalName, isDnsName } from '../core/names/dns-name.ts';
import type { AdapterSettings } from '../core/spec/spec.ts';
import { oneOf } from '../core/text/one-of.ts';
import { defineDnsSolver, duration, resolverAddress, z } from '../define.ts';

const challenges = ['dns-01', 'dns-account-01', 'dns-persist-01'] as const;

const options = z.strictObject({
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
      z.string().refine((name) => canonicalName(name) !== '' && isDnsName(canonicalName(name)), {
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
    .enum(challenges, { error: oneOf(challenges) })
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

/** Answers over DNS with any DNS provider. The engine does the work (`engine/solvers/dns01.ts`). */
export default defineDnsSolver({
  id: 'dns01',
  title: 'DNS-01 through one of the DNS providers',
  since: '0.1.0',
  through: 'dns',
  answers: challenges,
  notes:
    'Finds the zone, follows CNAMEs, and waits until every authoritative server answers with the record. ' +
    '`certfleet providers` lists the DNS providers, and `certfleet providers ID` shows the options of one. ' +
    'On the command line, use `--dns ID`.',
  options,

  engineTraits({ challenge }, { byPerson }) {
    if (!byPerson) return { preparesNothing: true };
    // A record of dns-persist-01 outlives the order.
    return { preparesNothing: true, person: challenge === 'dns-persist-01' ? 'once' : 'each order' };
  },

  doubts({ name, settings: { challenge, persistFor, zones = {} } }) {
    const own = Object.entries(zones as Readonly<Record<string, string>>)
      .filter(([, solver]) => solver === name)
      .map(([zone]) => canonicalName(zone));
    return [
      ...(persistFor === undefined || challenge === 'dns-persist-01'
        ? []
        : [`solvers.${name}: persistFor has no effect without \`challenge: dns-persist-01\``]),
      ...(own.length === 0
        ? []
        : [
            `solvers.${name}: zones names the solver "${name}" itself for ${own.join(', ')}, which has no effect; name another solver, or leave it out`,
          ]),
    ];
  },

  read({ provider, options, dns, timeout, propagation, ...more }) {
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
  },
});
