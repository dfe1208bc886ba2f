/**
 * Commands and flags of certbot, lego and acme.sh, and what to use instead, for people who type them out of habit.
 * docs/guides/coming-from-certbot.md has longer lists, and says what works differently.
 */
const words: Readonly<Record<string, string>> = {
  certonly: '`certfleet issue -d NAME`, or `certfleet certbot certonly`,',
  run: '`certfleet issue -d NAME`, or `certfleet certbot run`,',
  obtain: '`certfleet issue -d NAME`',
  certificates: '`certfleet status`',
  list: '`certfleet status`',
  plugins: '`certfleet providers`',
  reconfigure: '`certfleet issue NAME` with the flags that change',
  install: '`certfleet renew --redeploy`',
  '--remove': '`certfleet delete NAME`',
  '--issue': '`certfleet issue -d NAME`',
  '--renew': '`certfleet renew`',
  '-m': '`--email`',
  '--server': '`--issuer`',
  '-s': '`--issuer`',
  '--accept-tos': '`--agree-tos`',
  '--cert-name': '`--name`',
  '--test-cert': '`--staging`',
  '--test': '`--staging`',
  '--preferred-profile': '`--profile`',
  '--standalone': '`--http standalone`',
  '--http.port': '`--http standalone:ADDRESS:PORT`',
  '--webroot': '`--http webroot:FOLDER`',
  '--webroot-path': '`--http webroot:FOLDER`',
  '--http.webroot': '`--http webroot:FOLDER`',
  '-w': '`--http webroot:FOLDER`',
  '--manual-auth-hook': 'a solver of type `command`',
  '--manual-cleanup-hook': 'a solver of type `command`',
  '--alpn': '`--tls-alpn`',
  '--tls': '`--tls-alpn`',
  '--tls.port': '`--tls-alpn ADDRESS:PORT`',
  '--stateless': '`--http stateless`, after `certfleet stateless -d NAME`',
  '--dns.resolvers': '`--resolver`',
  '--nginx': '`certfleet certbot --nginx`, or `--http webroot:FOLDER` with `--deploy nginx:FOLDER`,',
  '--apache': '`certfleet certbot --apache`, or `--http webroot:FOLDER` with `--deploy files:FOLDER`,',
  '--reloadcmd': 'a deployer of type `command`',
  '--preferred-challenges': '`--http` or `--dns`',
  '--force-renewal': '`--force`',
  '--force-renew': '`--force`',
  '--config-dir': '`--store`',
  '--path': '`--store`',
  '--hmac': '`--eab-hmac-key`',
  '--kid': '`--eab-kid`',
};

const asksRarely =
  'not needed: certfleet asks only on a terminal, and only before a certificate moves to another CA or loses names';
const noStapling =
  'CAs have ended OCSP, so there is nothing to staple: Let’s Encrypt refuses such requests since 2025, and clients would reject a certificate without the staple';

/** Words without a counterpart. */
const without: Readonly<Record<string, string>> = {
  register: 'not needed: `certfleet issue` opens the account',
  '--non-interactive': asksRarely,
  '-n': asksRarely,
  '--must-staple': noStapling,
  '--ocsp-must-staple': noStapling,
  '--ocsp': noStapling,
  '--days': 'not needed: the CA or the lifetime decides when `certfleet renew` renews',
  '--expand':
    'not needed: `certfleet issue NAME -d NAMES` takes the new list of names, and `certfleet issue -d NAMES` adds names',
};

/** What to do instead of another client's command or flag, as a clause; undefined for an unknown word. */
export function wordHere(typed: string): string | undefined {
  if (Object.hasOwn(words, typed)) return `use ${words[typed]} instead`;
  return Object.hasOwn(without, typed) ? without[typed] : undefined;
}

/** Whether there may be flags of certbot, so that `certbot-flags.ts` must be loaded. */
export const mayBeCertbots = (argv: readonly string[]): boolean =>
  argv.some((word) =>
    /^(--dns-(?!option(=|$))|--certbot-dns-|(--authenticator|--rsa-key-size|--elliptic-curve)(=|$)|-a$|--manual$)/.test(
      word,
    ),
  );

/** certfleet's flags before and after the word `certbot`, with that word, and the rest, which is certbot's. */
export interface SplitAtCertbot {
  readonly own: readonly string[];
  readonly theirs: readonly string[];
}

/** The words in front of a whole line of certbot, pasted behind `certfleet certbot`. */
export const isProgram = (word: string): boolean => /^(sudo|(.*\/)?cert(bot(-auto)?|fleet))$/.test(word);

/** `-nd NAME` as `-n -d NAME`, and `-dNAME` as `-d NAME`, as certbot reads them. */
const unbundled = (word: string): readonly string[] => {
  const [, alone, flag, value] = /^-(?=.)([nqtvh]*)([dwaimc]?)(\S*)$/.exec(word) ?? [];
  if (alone === undefined || flag === undefined || (flag === '' && value !== '')) return [word];
  return [...[...alone].map((letter) => `-${letter}`), ...(flag === '' ? [] : [`-${flag}`]), ...(value ? [value] : [])];
};

/** Splits `certfleet certbot …`; undefined for any other command. */
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
  // certbot keeps everything there, and so may need no other folder.
  const hasStore = own.some((word) => /^--store(=|$)/.test(word));
  return { own: folder === undefined || hasStore ? own : [...own, '--store', `${folder}/certfleet`], theirs };
}
