import type { ErrorCode } from './error-table.ts';

/** For codes that cover several cases: what each case means and what to do, as paragraphs for `explain`. */
const details = {
  'usage/invalid-value': [
    'A flag or an argument has a value of the wrong form: it should be a duration, a date, an address, a port or the like. The message shows what was typed and what to write. Nothing was done.',
    'The help of the command says more: add --help.',
  ],
  'usage/unknown-value': [
    'A flag or an argument takes one of a few words, and what was typed is none of them. The message lists the words, and names the nearest one if it looks like a slip. Nothing was done.',
    'The help of the command says what each of them does: add --help.',
  ],
  'usage/unknown-name': [
    'The message says what was looked for: an error code, an adapter or a CA. If something has nearly that name, the message names it; the line below it says how to list all.',
  ],
  'usage/not-applicable': [
    'What was typed is known to certfleet, but means nothing here: it belongs to another command, client or solver. The message says why, and the line below it what to do. It is refused and not ignored, because a flag without an effect would mislead.',
  ],
  'usage/secret-visible': [
    'Every user of a machine can list the processes with their command lines, and shells keep them in their history. So certfleet takes no password, key or token there. Write the place where it is: `file:/path` for a file with mode 0600, or `env:` and the name of an environment variable.',
    'If the secret was real, others may have seen it by now: replace it.',
  ],
  'usage/place-untrusted': [
    'certfleet writes private keys and backups, and opens settings in an editor, only where no other user could read, replace or move them. That takes more than the mode of the folder: a user who can write to a folder above it, or owns a link on the way, could put another folder in its place. The message names what others can change.',
    'Choose a folder that only you can write, such as one in your home directory.',
  ],
  'usage/place-in-store': [
    'A private key in the clear, a key of the store or a backup has no place in the store: each copy of the store would contain it, and it would be lost with the store.',
    'Name a place outside the store.',
  ],
  'usage/timer-impossible': [
    '`certfleet install-timer` changes nothing if what it installs would not run: without systemd and cron, without a lasting path of certfleet (the cache of npx is emptied), or with a key that cron does not pass on. It also never replaces a file that it did not write. The message says what is in the way, and the line below it what to do.',
  ],
  'config/untrusted': [
    'A configuration names hooks and other commands, so only root and the user that runs certfleet may be able to write it. `/etc/certfleet/certfleet.yaml` is checked by its own owner and mode; one that you name with --config is not checked.',
    'The `cli.ini` that `certfleet certbot` reads is always checked, also if you name it, and so are the folders and links on the way to it. The message says what others can change, and the line below it how to close that.',
  ],
  'preflight/no': [
    'Before an order, certfleet checks from this machine what the CA will check. This uses up none of the CA’s limits. The message says which check proved that the CA would refuse:',
    'CAA (RFC 8659): the CAA records of the name, or of a parent, allow only other CAs, another account, another method, or no wildcards. Add a record for this CA to them; the hint shows it.',
    'HTTP-01, the addresses: an authoritative name server says that the name does not exist, or has no address. Add an A or AAAA record.',
    'HTTP-01, the public path: a public address of the name gave a wrong answer on port 80, such as 404 or the page of another server. Make http://NAME/.well-known/acme-challenge/ lead to the solver at every address, IPv6 too, or remove the addresses that cannot. For a webroot, name the folder that the web server really serves for this name.',
    'DNS-01 has codes of its own: `dns/zone-not-found` and `preflight/hides-wildcard`.',
    'A timeout or a refused connection proves nothing and does not stop the order; neither does a wrong answer of a private address, unless you named resolvers. At most 16 addresses of a name are checked.',
    'If the check is wrong because the CA sees what this machine cannot (a router that answers its own public address, split DNS), run `certfleet issue NAME --ignore-preflight` (for a new certificate, repeat your command with --ignore-preflight), or name resolvers that see what the CA sees with --resolver. Past the renewal time, `certfleet renew` asks the CA once a day all the same, so a wrong check does not let a certificate expire.',
  ],
  'acme/wrong-certificate': [
    'certfleet checks what it downloads before it stores or delivers anything. The certificate must have the key that was made for it and exactly the names that were ordered, and be valid now. Each certificate of the chain must be signed by the next one, which must be a CA and valid now, and nothing else may be in the chain. The last one may be signed by a root that the chain leaves out; whether clients trust that root is not checked.',
    'A certificate that comes alone is refused, because public CAs always have an intermediate and clients could not verify it. If your own CA signs with its root directly and sends no chain, add that root to the file that `caFile` on the issuer (or --ca-file) names.',
    'The previous version stays in use, and the next try begins a new order with another private key.',
  ],
} as const satisfies { readonly [code in ErrorCode]?: readonly string[] };

export const errorDetails: { readonly [code in ErrorCode]?: readonly string[] } = details;
/** The codes that have details. */
export type DetailedCode = keyof typeof details;
