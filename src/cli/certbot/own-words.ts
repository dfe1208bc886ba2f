import { parseIdentifiers } from '../../config/certificates/identifiers.ts';
import { fail } from '../../core/errors/errors.ts';
import { didYouMean } from '../../core/text/nearest.ts';
import { certbotOptions, certbotVerbs } from '../../migrate/certbot/flag-table.ts';
import type { CertbotWords } from '../../migrate/certbot/words.ts';
import type { Session } from '../context.ts';
import { nameAsCertbot, namedByDomains } from './certificate.ts';
import { certbotFolder, refuseCertbots, refuseUntaken } from './folder.ts';
import { issueWords, solverWords } from './order-words.ts';
import { lineAs, required } from './suggestions.ts';

/** Returns the certfleet command that does what the certbot command does. Fails with a `usage/` code. */
export async function ownWords(given: CertbotWords, session: Session): Promise<readonly string[]> {
  const { verb, values, others, domains } = given;
  const same = given.same.flat();
  const named = values.name;
  const isDry = same.includes('--dry-run');
  if (isDry && !['certonly', 'run', 'renew', 'reconfigure'].includes(verb))
    throw fail('usage/not-applicable', {
      typed: '--dry-run',
      reason: `\`certbot ${verb}\` has no dry run`,
      advice: 'Leave it out. It works with certonly, run, renew and reconfigure.',
    });
  if (verb === 'renew' || verb === 'certificates') await refuseUntaken(given, session);
  switch (verb) {
    case 'certonly':
    case 'run':
      return issueWords(given, session);
    case 'reconfigure':
      return ['issue', ...required(named, verb), ...solverWords(given), ...same, ...others];
    case 'renew':
      return renewWords(given, session);
    case 'certificates':
      return ['status', ...(named === undefined ? domains : [named])];
    case 'delete':
      return ['delete', ...required(named, verb), ...((await isSure(given, session)) ? ['--force'] : [])];
    case 'revoke':
      return ['revoke', ...revoked(given), '--yes'];
    case 'plugins':
      return ['providers'];
    case 'register':
      return [
        'account',
        'open',
        ...ofAccount(given, ['--agree-tos', '--email', '--eab-kid', '--eab-hmac-key', '--eab-hmac-alg']),
      ];
    case 'show_account':
      return ['account', 'show', ...ofAccount(given, [])];
    case 'update_account':
      return ['account', 'update', ...ofAccount(given, ['--email'])];
    case 'unregister':
      return ['account', 'deactivate', ...ofAccount(given, []), ...(given.isUnattended ? ['--yes'] : [])];
    default:
      throw unknownVerb(verb);
  }
}

function unknownVerb(verb: string): Error {
  const command = `certbot ${verb}`;
  if (certbotVerbs[verb]?.refused)
    return fail(
      'usage/certbot-refused',
      { word: `\`${command}\``, reason: 'certfleet does not edit the configuration of a web server' },
      { hint: 'Get the certificate with --nginx or --apache, which print what to add to the configuration.' },
    );
  const known = Object.keys(certbotVerbs).filter((one) => certbotVerbs[one]?.refused !== true);
  const advice = didYouMean(verb, known) || `; there are ${known.join(', ')}`;
  return fail('usage/unknown-command', { typed: command, advice });
}

/** Returns `renew`, or `issue` if flags change the certificate's settings, because certbot keeps such changes. */
async function renewWords(given: CertbotWords, session: Session): Promise<readonly string[]> {
  const { domains, ofOrder } = given;
  const found = await namedByDomains(given, session);
  const name = given.values.name ?? found?.name;
  if (name === undefined) {
    if (domains.length === 0) return ['renew', ...forRenew(given)];
    const identifiers = parseIdentifiers(domains, 'the certificate');
    await refuseCertbots(certbotFolder(given.values, session), nameAsCertbot(identifiers), session);
    const command = await lineAs('certonly', given, session);
    throw fail('usage/certbot-no-such-names', { names: domains.join(', '), command });
  }
  if (ofOrder.length === 0) return ['renew', name, ...forRenew(given)];
  if (!found?.isDeclared) return ['issue', name, ...solverWords(given), ...given.same.flat(), ...given.others];
  session.note(`${name} is declared in the configuration, so ${ofOrder.join(', ')} changes nothing.`);
  return ['renew', name, ...forRenew(given)];
}

/** The flags of `certfleet renew` that work as certbot's. */
const flagsOfRenew = certbotOptions().flatMap(({ scope, same }) =>
  scope === 'renew' && same !== undefined ? [same] : [],
);

/** Returns the flags that `renew` accepts. certbot's --dry-run takes precedence over --force-renewal. */
function forRenew({ same }: CertbotWords): readonly string[] {
  const isDry = same.some(([flag]) => flag === '--dry-run');
  return same.filter(([flag = '']) => flagsOfRenew.includes(flag) && !(isDry && flag === '--force')).flat();
}

/** Asks before a deletion, as certbot does, unless the run is unattended. */
async function isSure({ values, isUnattended }: CertbotWords, session: Session): Promise<boolean> {
  if (isUnattended) return true;
  const question = `Delete ${values.name} from the store, with its keys? [y/N] `;
  const answer = session.json ? undefined : await session.context.ask?.(question, session.signal);
  if (answer !== undefined && !/^y(es)?$/i.test(answer)) throw fail('usage/not-confirmed', { what: 'the deletion' });
  return answer !== undefined;
}

/**
 * Returns the words of an account command, where the CA is an argument, not a flag. Settings for orders in cli.ini are
 * left out.
 */
function ofAccount({ same }: CertbotWords, flags: readonly string[]): readonly string[] {
  const isTest = same.some(([flag]) => flag === '--staging');
  const issuer = same.findLast(([flag]) => flag === '--issuer')?.slice(1) ?? (isTest ? ['letsencrypt-staging'] : []);
  return [...issuer, ...same.filter(([flag = '']) => ['--account', ...flags].includes(flag)).flat()];
}

/** Returns the words that say which certificate to revoke and why. Like certbot, accepts a file, too. */
function revoked({ same, values: { name, certPath, keyPath, reason } }: CertbotWords): readonly string[] {
  const isTest = same.some(([flag]) => flag === '--staging');
  const issuer = same.findLast(([flag]) => flag === '--issuer') ?? (isTest ? ['--issuer', 'letsencrypt-staging'] : []);
  if (name === undefined && certPath === undefined)
    throw fail('usage/arguments', {
      what: 'the certificate',
      form: 'certfleet certbot revoke --cert-name NAME` or `--cert-path FILE',
    });
  return [
    // certfleet keeps a test certificate as a separate one.
    ...(name === undefined ? ['--cert-path', certPath!, ...issuer] : [isTest ? `${name}~staging` : name]),
    ...(keyPath === undefined ? [] : ['--key-path', keyPath]),
    ...(reason === undefined ? [] : ['--reason', reason]),
  ];
}
