import type { Identifier } from './identifier.ts';

interface Limits {
  readonly most: number;
  readonly addresses: boolean;
}

/** What Let's Encrypt's profiles accept, as of 2026-11: a directory lists its profiles, but not their limits. */
const known: Readonly<Record<string, Limits>> = {
  classic: { most: 100, addresses: false },
  tlsserver: { most: 25, addresses: false },
  shortlived: { most: 25, addresses: true },
};
/** The profile of an order that does not name one. */
const usual = 'classic';

/** Suggests a profile if the requested one cannot accept these identifiers; undefined if it can, or is not known. */
export function profileAdvice(
  order: { readonly identifiers: readonly Identifier[]; readonly profile?: string | undefined },
  offered: readonly string[],
): string | undefined {
  const { identifiers, profile = usual } = order;
  const limitsOf = (name: string) => (offered.includes(name) ? known[name] : undefined);
  const hasAddress = identifiers.some(({ type }) => type === 'ip');
  const fits = (limits: Limits | undefined): boolean =>
    limits !== undefined && identifiers.length <= limits.most && (limits.addresses || !hasAddress);
  const asked = limitsOf(profile);
  if (!asked || fits(asked)) return undefined;
  const refused = [
    ...(identifiers.length > asked.most ? [`at most ${asked.most} identifiers`] : []),
    ...(hasAddress && !asked.addresses ? ['no IP addresses'] : []),
  ];
  const why = `The profile ${profile} accepts ${refused.join(' and ')}.`;
  const other = offered.find((name) => fits(limitsOf(name)));
  if (other === undefined)
    return `${why} No other profile accepts all of these: split them across several certificates.`;
  const accepts = `at most ${limitsOf(other)?.most} identifiers${hasAddress ? ', including IP addresses' : ''}`;
  return `${why} Use \`--profile ${other}\` (\`profile: ${other}\` in certfleet.yaml), which accepts ${accepts}.`;
}
