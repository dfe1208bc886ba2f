import { certbotVerbs, insteadOf, native, noStapling } from './certbot/flag-table.ts';
import { isOfDnsPlugin } from './certbot/plugin-flags.ts';

/** Commands and flags of lego and acme.sh, and what to use instead. Those of certbot are in its table. */
const words: Readonly<Record<string, string>> = {
  obtain: '`certfleet issue -d NAME`',
  list: '`certfleet status`',
  '--remove': '`certfleet delete NAME`',
  '--issue': '`certfleet issue -d NAME`',
  '--renew': '`certfleet renew`',
  '-s': '`--issuer`',
  '--accept-tos': '`--agree-tos`',
  '--test': '`--staging`',
  '--http.port': '`--http standalone:ADDRESS:PORT`',
  '--http.webroot': '`--http webroot:FOLDER`',
  '--alpn': '`--tls-alpn`',
  '--tls': '`--tls-alpn`',
  '--tls.port': '`--tls-alpn ADDRESS:PORT`',
  '--stateless': '`--http stateless`, after `certfleet stateless -d NAME`',
  '--dns.resolvers': '`--resolver`',
  '--reloadcmd': 'a deployer of type `command`',
  '--force-renew': '`--force`',
  '--path': '`--store`',
  '--hmac': '`--eab-hmac-key`',
  '--kid': '`--eab-kid`',
};

/** Words without a counterpart. */
const without: Readonly<Record<string, string>> = {
  '--ocsp-must-staple': noStapling,
  '--ocsp': noStapling,
  '--days': 'not needed: the CA or the lifetime decides when `certfleet renew` renews',
};

/** Returns a clause with what to do instead of another client's command or flag, or undefined for an unknown word. */
export function wordHere(typed: string): string | undefined {
  if (Object.hasOwn(words, typed)) return `use ${words[typed]} instead`;
  if (Object.hasOwn(without, typed)) return without[typed];
  return Object.hasOwn(certbotVerbs, typed) ? certbotVerbs[typed]?.instead : insteadOf(typed);
}

/**
 * Reports whether there may be flags of certbot that `certfleet issue` accepts unchanged, so that `translate` must be
 * loaded.
 */
export const mayBeCertbots = (argv: readonly string[]): boolean =>
  argv.some((word) => {
    const [flag = ''] = word.split('=', 1);
    return flag === '--dns-option' ? false : isOfDnsPlugin(flag) || native.has(flag);
  });

/** certfleet's flags before and after the word `certbot`, with that word, and the rest, which is certbot's. */
export interface SplitAtCertbot {
  readonly own: readonly string[];
  readonly theirs: readonly string[];
}

/** Reports whether a word may precede the rest of a whole certbot line that was pasted after `certfleet certbot`. */
export const isProgram = (word: string): boolean => /^(sudo|(.*\/)?cert(bot(-auto)?|fleet))$/.test(word);

/** Splits `-nd NAME` into `-n -d NAME`, and `-dNAME` into `-d NAME`, as certbot does. */
const unbundled = (word: string): readonly string[] => {
  const [, alone, flag, value] = /^-(?=.)([nqtvh]*)([dwaimc]?)(\S*)$/.exec(word) ?? [];
  if (alone === undefined || flag === undefined || (flag === '' && value !== '')) return [word];
  return [...[...alone].map((letter) => `-${letter}`), ...(flag === '' ? [] : [`-${flag}`]), ...(value ? [value] : [])];
};

/** Splits `certfleet certbot …`. Returns undefined for any other command. */
export function splitAtCertbot(argv: readonly string[]): SplitAtCertbot | undefined {
  let at = 0;
  while (argv[at]?.startsWith('-')) at += /^--(config|store|log-file)$/.test(argv[at]!) ? 2 : 1;
  if (argv[at] !== 'certbot') return undefined;
  const own = argv.slice(0, at + 1);
  const theirs: string[] = [];
  let folder: string | undefined;
  const typed = argv.slice(at + 1).flatMap(unbundled);
  for (at = 0; at < typed.length; at++) {
    const word = typed[at]!;
    if (/^--(store|log-file)$/.test(word)) own.push(word, typed[++at] ?? '');
    else if (/^(--(json|help|version)|-h|-V|--(store|log-file)=.*)$/.test(word)) own.push(word);
    else if (/^(-q|--quiet)$/.test(word)) own.push('--quiet');
    else if (/^(-v+|--verbose)$/.test(word)) own.push('--verbose');
    else if (word === 'help' && theirs.every(isProgram)) own.push('--help');
    else theirs.push(word);
    if (word === '--config-dir') folder = typed[at + 1];
    else if (word.startsWith('--config-dir=')) folder = word.slice('--config-dir='.length);
  }
  // certbot keeps everything in this folder, so no other folder may be needed.
  const hasStore = own.some((word) => /^--store(=|$)/.test(word));
  return { own: folder === undefined || hasStore ? own : [...own, '--store', `${folder}/certfleet`], theirs };
}
