import { fail } from '../../core/errors/errors.ts';
import { didYouMean } from '../../core/text/nearest.ts';
import { shortList } from '../../core/text/short-list.ts';
import { isProgram } from '../other-clients.ts';

/** What one command line of certbot says, before it is known which command of certfleet does it. */
export interface CertbotWords {
  readonly verb: string;
  readonly domains: readonly string[];
  readonly webroots: readonly string[];
  /** Every answer to how the challenges are answered. */
  readonly authenticators: readonly string[];
  /** The last of them: `webroot`, `standalone`, `manual`, `nginx`, `apache`, `dns-…`. */
  readonly authenticator: string | undefined;
  readonly installer: string | undefined;
  /** The value of each flag that is read later, by its meaning. */
  readonly values: Readonly<Partial<Record<Kept, string>>>;
  readonly expand: boolean;
  /** It must not ask. */
  readonly isUnattended: boolean;
  /** `--disable-hook-validation`. */
  readonly trustsHooks: boolean;
  /** `--no-directory-hooks`. */
  readonly leavesFolders: boolean;
  /** What certbot's installers would add to the configuration of the server. */
  readonly enhancements: readonly Enhancement[];
  /** Flags that certfleet has too, in its own words, each with its value. */
  readonly same: readonly (readonly string[])[];
  /** The flags that are for an order, and not for `renew`, as they are typed. */
  readonly ofOrder: readonly string[];
  /** Flags for the DNS plugin and the key, which the parser of certfleet translates. */
  readonly others: readonly string[];
  /** The certificate has settings that a configuration declares, or declared. */
  readonly keepsSettings?: boolean;
  /** With `--nginx` and `--apache`, once the server's configuration has been read. */
  readonly served?: Served;
}

/** What the configuration of a web server says of the names. */
export interface Served {
  /** What to write after --http; undefined if the server only gets the certificate. */
  readonly http?: string;
  /** What to write after --deploy. */
  readonly deploy: readonly string[];
  /** A hook that makes the server read the certificate. */
  readonly deployHook?: string;
  /** The flags that name the nginx that was asked. */
  readonly nginx?: readonly string[];
}

export type Enhancement = '--redirect' | '--hsts' | '--uir' | '--staple-ocsp';

type Kept =
  | 'name'
  | 'configDir'
  | 'cliIni'
  | 'challenges'
  | 'authHook'
  | 'cleanupHook'
  | 'port'
  | 'address'
  | 'certPath'
  | 'keyPath'
  | 'reason'
  | 'nginxCtl'
  | 'nginxRoot'
  | 'apacheCtl';

type Meaning =
  | { readonly does: 'same'; readonly as: string; readonly takes?: true }
  | { readonly does: 'keep'; readonly as: Kept; readonly takes: true }
  | { readonly does: 'choose'; readonly as: string }
  | { readonly does: 'author' | 'installer' | 'both' | 'domains' | 'webroot' | 'map' | 'other'; readonly takes: true }
  | { readonly does: 'expand' | 'unattended' | 'trust' | 'leave-folders' | 'nothing'; readonly takes?: true }
  | { readonly does: 'enhance'; readonly as: Enhancement; readonly takes?: never }
  | { readonly does: 'refuse'; readonly why: string };

const same = (as: string): Meaning => ({ does: 'same', as });
const sameValue = (as: string): Meaning => ({ does: 'same', as, takes: true });
const keep = (as: Kept): Meaning => ({ does: 'keep', as, takes: true });
const choose = (as: string): Meaning => ({ does: 'choose', as });
const other: Meaning = { does: 'other', takes: true };
const unattended: Meaning = { does: 'unattended' };
const enhance = (as: Enhancement): Meaning => ({ does: 'enhance', as });
const nothing: Meaning = { does: 'nothing' };
const ignored: Meaning = { does: 'nothing', takes: true };

/** certbot's flags except those of DNS plugins. Where two names are on a line, certbot has both. */
const meanings: Readonly<Record<string, Meaning>> = {
  ...{ '-d': { does: 'domains', takes: true }, '--domains': { does: 'domains', takes: true } },
  ...{ '--domain': { does: 'domains', takes: true }, '--ip-address': { does: 'domains', takes: true } },
  ...{ '-w': { does: 'webroot', takes: true }, '--webroot-path': { does: 'webroot', takes: true } },
  '--webroot-map': { does: 'map', takes: true },
  '--webroot': choose('webroot'),
  '--standalone': choose('standalone'),
  '--manual': choose('manual'),
  '--nginx': choose('nginx'),
  '--apache': choose('apache'),
  ...{ '-a': { does: 'author', takes: true }, '--authenticator': { does: 'author', takes: true } },
  ...{ '-i': { does: 'installer', takes: true }, '--installer': { does: 'installer', takes: true } },
  '--configurator': { does: 'both', takes: true },
  '--preferred-challenges': keep('challenges'),
  '--http-01-port': keep('port'),
  '--http-01-address': keep('address'),
  '--manual-auth-hook': keep('authHook'),
  '--manual-cleanup-hook': keep('cleanupHook'),
  '--cert-name': keep('name'),
  '--config-dir': keep('configDir'),
  ...{ '-c': keep('cliIni'), '--config': keep('cliIni') },
  '--cert-path': keep('certPath'),
  '--key-path': keep('keyPath'),
  '--reason': keep('reason'),
  ...{ '--nginx-ctl': keep('nginxCtl'), '--nginx-server-root': keep('nginxRoot'), '--nginx-sleep-seconds': ignored },
  '--apache-ctl': keep('apacheCtl'),
  '--expand': { does: 'expand' },
  ...{ '--key-type': other, '--rsa-key-size': other, '--elliptic-curve': other },
  ...{ '-m': sameValue('--email'), '--email': sameValue('--email') },
  '--agree-tos': same('--agree-tos'),
  '--server': sameValue('--issuer'),
  // certbot has it in a variable, REQUESTS_CA_BUNDLE.
  '--ca-file': sameValue('--ca-file'),
  ...{ '--staging': same('--staging'), '--test-cert': same('--staging') },
  '--dry-run': same('--dry-run'),
  ...{ '--force-renewal': same('--force'), '--renew-by-default': same('--force') },
  '--pre-hook': sameValue('--pre-hook'),
  '--post-hook': sameValue('--post-hook'),
  ...{ '--deploy-hook': sameValue('--deploy-hook'), '--renew-hook': sameValue('--deploy-hook') },
  '--reuse-key': same('--reuse-key'),
  ...{ '--no-reuse-key': same('--no-reuse-key'), '--new-key': same('--no-reuse-key') },
  '--preferred-chain': sameValue('--preferred-chain'),
  ...{ '--preferred-profile': sameValue('--profile'), '--required-profile': sameValue('--profile') },
  '--eab-kid': sameValue('--eab-kid'),
  '--eab-hmac-key': sameValue('--eab-hmac-key'),
  '--eab-hmac-alg': sameValue('--eab-hmac-alg'),
  '--account': sameValue('--account'),
  '--allow-subset-of-names': same('--on-failed-name=drop'),
  // Questions that certfleet does not ask, and what it does anyway.
  ...{
    '-n': unattended,
    '--non-interactive': unattended,
    '--noninteractive': unattended,
    '--no-self-upgrade': nothing,
  },
  ...{ '--keep': nothing, '--keep-until-expiring': nothing, '--reinstall': nothing, '--autorenew': nothing },
  ...{ '--renew-with-new-domains': nothing, '--register-unsafely-without-email': nothing },
  ...{ '--eff-email': nothing, '--no-eff-email': nothing, '--agree-dev-preview': nothing },
  ...{ '--manual-public-ip-logging-ok': nothing, '--no-random-sleep-on-renew': nothing },
  ...{
    '--disable-hook-validation': { does: 'trust' },
    '--no-directory-hooks': { does: 'leave-folders' },
    '--strict-permissions': nothing,
  },
  ...{ '--debug': nothing, '--text': nothing, '-t': nothing, '--preconfigured-renewal': nothing },
  ...{ '--delete-after-revoke': nothing, '--no-delete-after-revoke': nothing, '--run-deploy-hooks': nothing },
  ...{ '--work-dir': ignored, '--logs-dir': ignored, '--max-log-backups': ignored, '--user-agent': ignored },
  ...{ '--user-agent-comment': ignored, '--issuance-timeout': ignored },
  // Only certbot's installers use them.
  ...{ '--redirect': enhance('--redirect'), '--hsts': enhance('--hsts'), '--uir': enhance('--uir') },
  '--staple-ocsp': enhance('--staple-ocsp'),
  ...{ '--no-redirect': nothing, '--no-hsts': nothing, '--no-uir': nothing, '--no-staple-ocsp': nothing },
  '--must-staple': { does: 'refuse', why: 'public CAs have ended OCSP, so a certificate cannot demand its answers' },
  '--csr': { does: 'refuse', why: 'certfleet makes the key and the request itself' },
  '--no-verify-ssl': {
    does: 'refuse',
    why: 'certfleet always checks the CA; name its root with --ca-file',
  },
  '--duplicate': { does: 'refuse', why: 'give the second certificate a name of its own with --cert-name' },
  '--no-autorenew': { does: 'refuse', why: '`certfleet renew` renews all certificates that it has' },
};

/** The commands of certbot that have a counterpart here. */
export const certbotVerbs = [
  ...['certonly', 'run', 'renew', 'certificates', 'revoke', 'delete', 'reconfigure', 'plugins'],
  ...['register', 'show_account', 'update_account', 'unregister'],
] as const;

/** All flags that are taken, for a shell to complete. */
export const certbotFlags = (): readonly { readonly flag: string; readonly takes: boolean }[] =>
  Object.entries(meanings)
    .filter(([, meaning]) => meaning.does !== 'refuse')
    .map(([flag]) => ({ flag, takes: !isSwitch(flag) }));

/** The flags of `certfleet renew`, which work there as certbot's. */
export const flagsOfRenew: readonly string[] = ['--force', '--dry-run', '--pre-hook', '--post-hook', '--deploy-hook'];

/** Whether `renew` would drop something that changes what happens; who accepts terms, and for whom, was said before. */
function isOfOrder(meaning: Meaning): boolean {
  switch (meaning.does) {
    case 'same':
      return ![...flagsOfRenew, '--agree-tos', '--email'].includes(meaning.as);
    case 'choose':
      // They say how all certificates were got.
      return !['nginx', 'apache'].includes(meaning.as);
    case 'keep':
      return !['name', 'configDir', 'cliIni', 'nginxCtl', 'nginxRoot', 'apacheCtl'].includes(meaning.as);
    case 'nothing':
    case 'unattended':
    case 'trust':
    case 'leave-folders':
    case 'enhance':
    case 'refuse':
      return false;
    default:
      return true;
  }
}

/** Reads what is typed after `certfleet certbot`. Fails with `usage/invalid`. */
export function readCertbot(words: readonly string[]): CertbotWords {
  const read = {
    verbs: [] as string[],
    domains: [] as string[],
    webroots: [] as string[],
    authenticators: [] as string[],
    installer: undefined as string | undefined,
    values: {} as Partial<Record<Kept, string>>,
    expand: false,
    isUnattended: false,
    trustsHooks: false,
    leavesFolders: false,
    enhancements: [] as Enhancement[],
    same: [] as (readonly string[])[],
    ofOrder: [] as string[],
    others: [] as string[],
  };
  for (let at = 0; at < words.length; at++) {
    const word = words[at]!;
    if (!word.startsWith('-')) {
      read.verbs.push(word);
      continue;
    }
    const [, typed = word, inline] = /^(--[^=]+)=(.*)$/s.exec(word) ?? [];
    const value = (): string => {
      const text = inline ?? words[++at];
      // A word with a blank is a value: a command, for example.
      if (text === undefined || text === '' || (inline === undefined && /^--?[a-z]\S*$/.test(text)))
        throw fail('usage/invalid', { what: `${typed}: its value is missing` });
      return text;
    };
    const author = (how: string) => {
      read.authenticators.push(how);
      if (/dns-/.test(how)) read.others.push('-a', how);
    };
    if (inline !== undefined && isSwitch(typed))
      throw fail('usage/invalid', { what: `${typed} takes no value: leave out =${inline}` });
    if (isOfDnsPlugin(typed)) {
      read.ofOrder.push(typed);
      read.others.push(typed, ...(isChoice(typed) ? [] : [value()]));
      if (isChoice(typed)) read.authenticators.push(typed.slice(2));
      continue;
    }
    const flag = wholeFlag(typed);
    const meaning = meanings[flag]!;
    if (isOfOrder(meaning)) read.ofOrder.push(typed);
    switch (meaning.does) {
      case 'same':
        read.same.push([...meaning.as.split('='), ...(meaning.takes ? [value()] : [])]);
        break;
      case 'keep':
        read.values[meaning.as] = value();
        break;
      case 'choose':
        read.authenticators.push(meaning.as);
        break;
      case 'author':
        author(value());
        break;
      case 'installer':
        read.installer = value();
        break;
      case 'both':
        read.installer = value();
        read.authenticators.push(read.installer);
        break;
      case 'domains':
        read.domains.push(...listIn(value()));
        break;
      case 'webroot':
        read.webroots.push(...listIn(value()));
        break;
      case 'map':
        for (const [names, folder] of webrootMap(value())) {
          read.domains.push(...listIn(names));
          read.webroots.push(folder);
        }
        break;
      case 'expand':
        read.expand = true;
        break;
      case 'unattended':
        read.isUnattended = true;
        break;
      case 'trust':
        read.trustsHooks = true;
        break;
      case 'leave-folders':
        read.leavesFolders = true;
        break;
      case 'enhance':
        read.enhancements.push(meaning.as);
        break;
      case 'other':
        read.others.push(flag, value());
        break;
      case 'nothing':
        if (meaning.takes) value();
        break;
      case 'refuse':
        throw fail('usage/invalid', { what: `${flag}: ${meaning.why}` });
    }
  }
  const { verbs, domains, webroots, ...rest } = read;
  const [verb = 'run', more] = verbs.slice(
    Math.max(
      0,
      verbs.findIndex((word) => !isProgram(word)),
    ),
  );
  if (more !== undefined) throw fail('usage/invalid', { what: `certbot ${verb} takes no argument: ${more}` });
  return {
    ...rest,
    verb,
    authenticator: rest.authenticators.at(-1),
    domains: [...new Set(domains)],
    webroots: [...new Set(webroots)],
    enhancements: [...new Set(rest.enhancements)],
  };
}

const listIn = (text: string): readonly string[] =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');

function webrootMap(text: string): readonly (readonly [string, string])[] {
  try {
    const map: unknown = JSON.parse(text);
    const entries = Object.entries(map as object);
    if (entries.every(([, folder]) => typeof folder === 'string')) return entries as [string, string][];
  } catch {
    // Said below.
  }
  throw fail('usage/invalid', { what: `--webroot-map: write an object like {"www.example.com": "/var/www/html"}` });
}

const isOfDnsPlugin = (flag: string): boolean => /^--(certbot-[a-z0-9-]+:)?dns-/.test(flag);
/** Whether the value of a flag may be a secret of a DNS plugin. */
export const mayBeSecret = (flag: string): boolean =>
  isOfDnsPlugin(flag) && !isChoice(flag) && !/-(credentials|propagation-seconds)$/.test(flag);
/** `--dns-cloudflare` alone; the other flags of a plugin have a value. */
const isChoice = (flag: string): boolean => /^--dns-[a-z0-9]+$/.test(flag);

/** Whether a flag has no value. Fails with `usage/invalid` for an unknown one. */
export function isSwitch(typed: string): boolean {
  if (isOfDnsPlugin(typed)) return isChoice(typed);
  const meaning = meanings[wholeFlag(typed)]!;
  return meaning.does !== 'refuse' && !('takes' in meaning && meaning.takes === true);
}

/** Whether certbot, or certfleet in its place, knows a flag. */
export function isKnown(typed: string): boolean {
  if (isOfDnsPlugin(typed)) return true;
  return Object.keys(meanings).some((flag) => flag === typed || (typed.length > 2 && flag.startsWith(typed)));
}

/** The flag itself, or the only one that begins so, as certbot takes it too. Fails with `usage/invalid`. */
function wholeFlag(typed: string): string {
  if (Object.hasOwn(meanings, typed)) return typed;
  const known = Object.keys(meanings);
  const begun = typed.startsWith('--') ? known.filter((flag) => flag.startsWith(typed)) : [];
  const [first, ...more] = begun;
  if (first !== undefined && more.every((flag) => meaningText(flag) === meaningText(first))) return first;
  if (first !== undefined)
    throw fail('usage/invalid', { what: `certbot: '${typed}' may be ${shortList(begun)}: write it out` });
  throw fail('usage/invalid', { what: `certbot: unknown option '${typed}'${didYouMean(typed, known)}` });
}

const meaningText = (flag: string): string => JSON.stringify(meanings[flag]);
