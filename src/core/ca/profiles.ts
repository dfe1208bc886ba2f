import type { Identifier } from '../names/identifier.ts';

export interface ProfileLimits {
  readonly mostNames: number;
  /** Whether the profile accepts IP addresses. */
  readonly addresses: boolean;
}

/** The limits of Let's Encrypt's profiles, as of 2026-11: a directory lists its profiles, but not their limits. */
export const letsEncryptProfiles: Readonly<Record<string, ProfileLimits>> = {
  classic: { mostNames: 100, addresses: false },
  tlsserver: { mostNames: 25, addresses: false },
  shortlived: { mostNames: 25, addresses: true },
};
/** The profile of an order that does not name one. */
const usual = 'classic';

interface ProfileOrder {
  readonly identifiers: readonly Identifier[];
  readonly profile?: string | undefined;
}

/**
 * Returns why the requested profile cannot accept these identifiers, and which profile can. Returns undefined if it
 * can, or if its limits are unknown.
 */
export function profileProblem(
  { identifiers, profile = usual }: ProfileOrder,
  profiles: Readonly<Record<string, ProfileLimits>>,
): { readonly profile: string; readonly accepts: string; readonly advice: string } | undefined {
  const asked = Object.hasOwn(profiles, profile) ? profiles[profile] : undefined;
  const hasAddress = identifiers.some(({ type }) => type === 'ip');
  const fits = ({ mostNames, addresses }: ProfileLimits): boolean =>
    identifiers.length <= mostNames && (addresses || !hasAddress);
  if (!asked || fits(asked)) return undefined;
  const limits = [
    ...(identifiers.length > asked.mostNames ? [`at most ${asked.mostNames} identifiers`] : []),
    ...(hasAddress && !asked.addresses ? ['no IP addresses'] : []),
  ];
  const [other, itsLimits] = Object.entries(profiles).find(([, one]) => fits(one)) ?? [];
  const advice =
    itsLimits === undefined
      ? 'No other profile accepts all of these: split them across several certificates.'
      : `Use \`--profile ${other}\` (\`profile: ${other}\` in certfleet.yaml), which accepts at most ${itsLimits.mostNames} identifiers${hasAddress ? ', including IP addresses' : ''}.`;
  return { profile, accepts: limits.join(' and '), advice };
}

/**
 * Returns the same as sentences, after a CA that offers these profiles has refused an order. Only Let's Encrypt's
 * limits are known.
 */
export function profileAdvice(order: ProfileOrder, offered: readonly string[]): string | undefined {
  const known = Object.entries(letsEncryptProfiles).filter(([name]) => offered.includes(name));
  const problem = profileProblem(order, Object.fromEntries(known));
  return problem && `The profile ${problem.profile} accepts ${problem.accepts}. ${problem.advice}`;
}
