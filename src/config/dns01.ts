import type { AdapterSettings } from '../core/spec.ts';
import { duration, z } from '../define.ts';
import type { ChallengeType } from '../ports/solver.ts';
import { dns01Type } from './registry.ts';

/**
 * The options of the solver `dns01`, which is part of the engine and not an adapter file. Its provider is one, and
 * `options` are the provider's.
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
        .array(z.string().min(1))
        .min(1)
        .meta({ title: 'Servers to ask, as address or address:port', examples: [['192.0.2.53', '192.0.2.54:5353']] }),
    })
    .optional()
    .meta({ title: 'Do not search for the zone and its servers (split horizon)' }),
  timeout: duration(
    'How long to wait until every authoritative server returns the record; by default as long as the provider needs',
  ).optional(),
  propagation: duration(
    'How long to ask the servers at least: every one must still return the record when this is over. Rarely needed',
  ).optional(),
});

export interface Dns01Settings {
  readonly provider: string;
  /** The provider's options, with the provider as their `type`. */
  readonly options: AdapterSettings;
  readonly dns: { readonly zone: string; readonly nameservers: readonly string[] } | undefined;
  /** undefined: as long as the provider needs. */
  readonly timeoutMs: number | undefined;
  readonly propagationMs: number | undefined;
}

/** Reads the settings of a `dns01` solver, which were checked when they were loaded. */
export function dns01Settings(settings: AdapterSettings): Dns01Settings {
  const { type: _type, ...rest } = settings;
  const { provider, options, dns, timeout, propagation } = dns01Options.parse(rest);
  const times = { timeoutMs: timeout, propagationMs: propagation };
  return { provider, options: { ...options, type: provider } as AdapterSettings, dns, ...times };
}

/** The challenges that a solver can answer, by its type. A command solver names one in `challenge`; default dns-01. */
export function challengesOf(solver: AdapterSettings): readonly ChallengeType[] {
  if (solver.type === dns01Type) return ['dns-01'];
  if (solver.type.startsWith('http01')) return ['http-01'];
  const declared = solver['challenge'] ?? solver['challenges'] ?? solver['answers'];
  const named = (Array.isArray(declared) ? declared : [declared]).filter(
    (c): c is ChallengeType => c === 'http-01' || c === 'dns-01',
  );
  return named.length > 0 ? named : ['dns-01'];
}
