import { isOtherSkew, longestSkewMs } from '../../core/ca/clock-skew.ts';
import { knownIssuerAt } from '../../core/ca/known-issuers.ts';
import { adviceFor, problemType } from '../../core/ca/problem-advice.ts';
import { fail, isFailure } from '../../core/errors/errors.ts';
import type { IssuerSettings, NamedIssuer, StoredSpec } from '../../core/spec/spec.ts';
import { didYouMean } from '../../core/text/nearest.ts';
import { spanText } from '../../core/text/span.ts';
import type { Directory, Issuer } from '../../ports/issuer.ts';
import type { Engine } from '../engine.ts';
import { keepLimit } from '../ledger/ca-hold.ts';
import { type Asker, ask } from '../run/ask.ts';

/** Returns the CA's directory. Fails with `acme/clock-skew` if this machine's clock differs from the CA's. */
export async function askDirectory(
  asker: Asker & { readonly engine: Pick<Engine, 'store'>; readonly issuer: Issuer },
): Promise<Directory> {
  const { engine, issuer, signal } = asker;
  const directory = await ask(asker, () => issuer.directory(signal), { isKnown: true }).catch(
    async (error: unknown) => {
      await keepLimit(engine, issuer.directoryUrl, error).catch(() => undefined); // the CA will repeat it
      throw error;
    },
  );
  const { clockSkewMs = 0 } = directory;
  noteSkew(engine, issuer.directoryUrl, clockSkewMs);
  if (Math.abs(clockSkewMs) > longestSkewMs)
    throw fail('acme/clock-skew', { url: issuer.directoryUrl, span: spanText(Math.abs(clockSkewMs)) });
  return directory;
}

/** How long to wait for the clock of a CA. */
const clockPatienceMs = 5_000;

/** Asks a CA for its time. Never fails: the next order reports a CA that does not answer. */
export async function askClock(engine: Engine, { name, settings }: NamedIssuer, signal: AbortSignal): Promise<void> {
  const deadline = engine.clock.deadline(clockPatienceMs, signal);
  const asker = { engine, issuer: engine.connect.issuer(name, settings), signal: deadline.signal };
  await askDirectory(asker).catch(() => undefined);
  deadline.done();
}

/** Takes note of how far this machine's clock is ahead of a CA's. */
export function noteSkew({ memory }: Pick<Engine, 'memory'>, directory: string, skewMs: number): void {
  if (isOtherSkew(skewMs, memory.skews.get(directory))) memory.skews.set(directory, skewMs);
}

/** Fails if the CA lists its profiles, but not this one (draft-ietf-acme-profiles). */
export function checkProfile({ issuer: { name: issuer }, profile }: StoredSpec, listed: Directory['profiles']): void {
  const profiles = Object.keys(listed);
  if (profile === undefined || profiles.length === 0 || profiles.includes(profile)) return;
  const nearest = didYouMean(profile, profiles);
  throw fail('config/unknown-profile', { issuer, profile, nearest, profiles: profiles.join(', ') });
}

/**
 * Converts the error of a CA that refused to order or finalize because it has withdrawn the profile that it listed
 * (`invalidProfile`). Returns any other error unchanged.
 */
export function asWithdrawn(
  error: unknown,
  { issuer: { name: issuer }, profile }: StoredSpec,
  listed: Directory['profiles'],
): unknown {
  if (profile === undefined || problemType(error) !== 'invalidProfile' || !isFailure(error)) return error;
  const left = Object.keys(listed).filter((name) => name !== profile);
  const others = left.length === 0 ? '' : ` (${left.join(', ')})`;
  const { problem } = error;
  const { detail = 'invalidProfile' } = (problem ?? {}) as { readonly detail?: string };
  return fail('acme/profile-refused', { issuer, profile, detail, others }, { cause: error, problem });
}

/** Fails with `config/terms-not-agreed` if the CA has terms of service and the user has not agreed to them. */
export function checkTerms(issuer: Issuer, settings: IssuerSettings, directory: Directory): void {
  if (directory.termsOfService !== undefined && !settings.agreeToTerms)
    throw fail('config/terms-not-agreed', { issuer: issuer.name, url: directory.termsOfService });
}

/** Fails if the CA would refuse a new account. */
export function checkMayRegister(issuer: Issuer, settings: IssuerSettings, directory: Directory): void {
  checkTerms(issuer, settings, directory);
  const known = knownIssuerAt(issuer.directoryUrl);
  if (!settings.eab && (directory.externalAccountRequired || known?.needsAccountBinding)) {
    const advice = [adviceFor('externalAccountRequired'), known?.accountBinding].filter((one) => one !== undefined);
    throw fail('acme/external-account-required', { issuer: issuer.name, advice: advice.join(' ') });
  }
  if (known?.needsEmail && settings.email.length === 0) throw fail('config/email-needed', { issuer: issuer.name });
}
