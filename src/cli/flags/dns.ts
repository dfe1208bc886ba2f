import { dnsChallenges } from '../../config/dns01.ts';
import { fail } from '../../core/errors/errors.ts';
import type { AdapterSettings } from '../../core/spec/spec.ts';
import { didYouMean } from '../../core/text/nearest.ts';
import { durationPattern } from '../../core/text/span.ts';
import { type Flags, textOf } from './values.ts';

/** The first flag that changes a DNS provider without choosing it. */
export const refining = (flags: Flags): string | undefined =>
  textOf(flags['impliedBy']) ??
  (flags['dnsOption'] !== undefined
    ? '--dns-option'
    : flags['propagation'] !== undefined
      ? '--propagation'
      : flags['challenge'] !== undefined
        ? '--challenge'
        : undefined);

/** Also certbot takes the credentials of a plugin without using it. */
export function needsDns(flags: Flags) {
  const implied = textOf(flags['impliedDns']);
  const what =
    implied === undefined
      ? `${refining(flags)} needs --dns PROVIDER`
      : `${refining(flags)} alone does not choose the DNS provider, as in certbot: add --dns-${implied}`;
  return fail('usage/invalid', { what });
}

/** The settings of a solver `dns01` with those of --propagation and --challenge; `none` removes the stored time. */
export const withDnsFlags = (settings: AdapterSettings, flags: Flags): AdapterSettings =>
  withChallenge(withPropagation(settings, flags), flags);

function withChallenge(settings: AdapterSettings, flags: Flags): AdapterSettings {
  const challenge = textOf(flags['challenge']);
  if (challenge === undefined) return settings;
  if (!(dnsChallenges as readonly string[]).includes(challenge))
    throw fail('usage/invalid', {
      what: `--challenge ${challenge}: write ${dnsChallenges.join(', ')}${didYouMean(challenge, dnsChallenges)}`,
    });
  const { challenge: _before, ...rest } = settings;
  return challenge === dnsChallenges[0] ? rest : { ...rest, challenge };
}

function withPropagation(settings: AdapterSettings, flags: Flags): AdapterSettings {
  const propagation = textOf(flags['propagation']);
  if (propagation === undefined) return settings;
  const { propagation: _before, ...rest } = settings;
  if (propagation === 'none') return rest;
  if (!durationPattern.test(propagation))
    throw fail('usage/invalid', { what: `--propagation ${propagation}: write a duration, like 30s or 2m` });
  return { ...rest, propagation };
}
