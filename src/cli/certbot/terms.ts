import { fail } from '../../core/errors/errors.ts';
import type { Fleet } from '../../fleet.ts';
import type { Invocation, Session } from '../context.ts';
import { issuerFromFlags } from '../flags/issuer.ts';
import { keptOf } from '../flags/kept.ts';
import { registryOf } from '../registry.ts';

/**
 * Reports whether a person agrees now to the CA's terms of service. Like certbot, asks at a terminal before the first
 * account is opened. Resolves with undefined if there is nothing to ask. Fails with `usage/not-confirmed` if the person
 * says no.
 *
 * @param name the certificate, which may have its own issuer
 */
export async function agreesNow(
  { args, flags }: Invocation,
  { name, fleet }: { readonly name: string | undefined; readonly fleet: Fleet | undefined },
  session: Session,
): Promise<true | undefined> {
  const { context, signal } = session;
  const [typed] = name === undefined ? args : [];
  const asked = typed === undefined ? flags : { ...flags, issuer: typed };
  const kept = name === undefined ? undefined : (await fleet?.stored(name, signal))?.spec;
  // The command itself reports what a relative path became.
  const quiet = { ...session, note: () => undefined, invocation: { args, flags: asked } };
  const before = kept && keptOf(kept, await registryOf(session)).issuer;
  const issuer = await issuerFromFlags(quiet, await session.settings(), { kept: before, opensAccount: false });
  if (issuer.settings.agreeToTerms) return undefined;
  const isTest = flags['staging'] === true || flags['dryRun'] === true;
  const directory = (isTest ? issuer.settings.testDirectory : undefined) ?? issuer.settings.directory;
  const accounts = (await fleet?.accounts(signal)) ?? [];
  if (accounts.some((one) => one.directory === directory && one.state === 'open')) return undefined;
  const here = await session.fleet({ makeStore: true });
  const settings = { ...issuer.settings, directory };
  // The command itself reports a failure at the CA.
  const found = await here.directory({ name: issuer.name, settings }, signal).catch(() => undefined);
  signal.throwIfAborted();
  if (found?.termsOfService === undefined) return undefined;
  const question = `${issuer.name} has terms of service: ${found.termsOfService}\nHave you read them, and do you agree? [y/N] `;
  if (/^y(es)?$/i.test((await context.ask?.(question, signal)) ?? '')) return true;
  throw fail('usage/not-confirmed', { what: 'the agreement to the terms of service' });
}
