import type { Identifier } from './identifier.ts';

interface Limits {
  readonly most: number;
  readonly addresses: boolean;
}

/** What Let's Encrypt's profiles take, as of 2026-11: a directory names its profiles, but not their limits. */
const known: Readonly<Record<string, Limits>> = {
  classic: { most: 100, addresses: false },
  tlsserver: { most: 25, addresses: false },
  shortlived: { most: 25, addresses: true },
};
/** The profile of an order that names none. */
const usual = 'classic';

/** Which profile takes the identifiers that the asked one does not; undefined where that is not known to be the reason. */
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
  const why = `The profile ${profile} takes ${refused.join(' and ')}.`;
  const other = offered.find((name) => fits(limitsOf(name)));
  if (other === undefined) return `${why} No other one takes them all: split them over several certificates.`;
  const takes = `at most ${limitsOf(other)?.most} identifiers${hasAddress ? ', IP addresses too' : ''}`;
  return `${why} Use \`--profile ${other}\` (\`profile: ${other}\` in certfleet.yaml), which takes ${takes}.`;
}
