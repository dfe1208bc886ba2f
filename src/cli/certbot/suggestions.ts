import { directoryOf } from '../../config/certificates/issuer-directory.ts';
import { fail } from '../../core/errors/errors.ts';
import { mayBeSecret } from '../../migrate/certbot/plugin-flags.ts';
import type { CertbotWords } from '../../migrate/certbot/words.ts';
import { isProgram } from '../../migrate/other-clients.ts';
import type { Session } from '../context.ts';
import { withPlaces } from '../flags/values.ts';
import { registryOf } from '../registry.ts';
import { storedFleet } from './stored.ts';

/** Returns the same line for a new certificate, with `***` for what may be secret. */
export async function lineAs(verb: string, given: CertbotWords, session: Session, ...more: string[]): Promise<string> {
  const { args } = session.invocation;
  const typed = Math.max(args.indexOf(given.verb), args.findIndex((word) => !isProgram(word)) - 1);
  const agrees = given.same.some(([flag]) => flag === '--agree-tos') || (await hasAccount(given, session));
  const words = [
    ...(verb === 'run' ? [] : [verb]),
    ...more,
    ...args.filter((word, at) => at > typed || (at < typed && !isProgram(word))),
    ...(agrees ? [] : ['--agree-tos']),
  ];
  const shown = words.map((word, at) => {
    const [flag] = /^--[^=]+(?==)/.exec(word) ?? [];
    if (flag !== undefined) return mayBeSecret(flag) ? `${flag}=***` : word;
    const before = words[at - 1] ?? '';
    return !before.includes('=') && mayBeSecret(before) ? '***' : word;
  });
  const { shownOf } = await import('./shown-words.ts');
  const registry = await registryOf(session);
  return withPlaces(`certfleet certbot ${await shownOf(shown, {}, registry)}`, session);
}

/** Reports whether an account at the CA is open, and therefore its terms were agreed to. */
async function hasAccount({ same }: CertbotWords, session: Session): Promise<boolean> {
  const accounts = (await (await storedFleet(session))?.accounts(session.signal)) ?? [];
  const typed = same.findLast(([flag]) => flag === '--issuer')?.[1];
  const directory = typed === undefined ? undefined : (directoryOf(typed)?.directory ?? typed);
  return accounts.some((one) => one.state === 'open' && (directory === undefined || one.directory === directory));
}

export function required(name: string | undefined, verb: string): readonly string[] {
  if (name === undefined)
    throw fail('usage/arguments', { what: 'the certificate', form: `certfleet certbot ${verb} --cert-name NAME` });
  return [name];
}

/** The error for a line without `-d`. */
export const namesMissing = (verb: string, known: readonly string[] = []): Error =>
  fail(
    'usage/arguments',
    { what: 'the domains of the certificate', form: `certfleet certbot ${verb} -d NAME` },
    known.length > 0 ? { hint: `The server has ${known.join(', ')}.` } : {},
  );
