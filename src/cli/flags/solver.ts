import { solversEntry } from '../../config/certificates/certificate-entry.ts';
import { fail } from '../../core/errors/errors.ts';
import { type Identifier, isWildcard } from '../../core/names/identifier.ts';
import type { AdapterSettings, Settings } from '../../core/spec/spec.ts';
import { type NamedSolvers, solversFor } from '../../core/spec/spec-parts.ts';
import { didYouMean } from '../../core/text/nearest.ts';
import type { Session } from '../context.ts';
import { needsDns, writeDnsSolver, writeOtherOptions } from './dns-solver.ts';
import { hookWord, refuseIdleHooks, writeHooks } from './hook-solver.ts';
import { refining } from './keys.ts';
import { cutAt, keptPath, textOf } from './values.ts';
import { type Choosing, writeDeclared, writeRefined } from './written-solver.ts';

/**
 * Writes the solvers of a certificate at `path`, with every option that a later `renew` needs, because cron has no
 * environment. If --dns comes with another solver, --dns answers for the wildcards. Returns the further solvers that
 * the certificate may name.
 */
export async function writeSolvers(
  choosing: Choosing,
  path: readonly PropertyKey[],
  identifiers: readonly Identifier[],
): Promise<Settings['solvers']> {
  const { written, session, settings, kept } = choosing;
  const { flags } = session.invocation;
  refuseIdleHooks(flags);
  const isKept = kept !== undefined && ['http', 'tlsAlpn', 'dns'].every((flag) => flags[flag] === undefined);
  if (isKept && refining(flags) !== undefined) await writeOtherOptions({ ...choosing, kept });
  const named = isKept ? kept.solversOf(identifiers) : await writeChosen(choosing, identifiers);
  for (const [key, value] of Object.entries(solversEntry(identifiers, named))) written.set([...path, key], value);
  return { ...kept?.elsewhere, ...(isKept ? kept.solvers : settings.solvers) };
}

/**
 * Writes the solver of --http, --tls-alpn or --dns, or of --dns for the wildcards and another one for the other names.
 * Without these flags, chooses the declared solver if there is only one, else the responder on port 80.
 */
async function writeChosen(choosing: Choosing, identifiers: readonly Identifier[]): Promise<NamedSolvers> {
  const { session, settings } = choosing;
  const { flags } = session.invocation;
  const [http, alpn, dns] = [textOf(flags['http']), flags['tlsAlpn'], textOf(flags['dns'])];
  if (http !== undefined && alpn !== undefined)
    throw fail('usage/flags-exclude', {
      ...{ one: '--http', other: '--tls-alpn', reason: 'both answer for the same names' },
    });
  if (dns === undefined && refining(flags) !== undefined) throw needsDns(flags);
  const overDns = dns === undefined ? undefined : await writeDnsSolver(dns, choosing);
  if (overDns !== undefined && http === undefined && alpn === undefined) return { solver: overDns };
  if (overDns !== undefined) refuseOneKind(identifiers, alpn === undefined ? '--http' : '--tls-alpn');
  const [only, another] = Object.keys(settings.solvers);
  const first =
    alpn !== undefined
      ? await writeAlpnSolver(textOf(alpn), choosing)
      : http === undefined && only !== undefined && another === undefined
        ? await writeDeclared(only, choosing)
        : await writeHttpSolver(http ?? 'standalone', choosing);
  if (overDns === undefined) return { solver: first };
  const others = Object.fromEntries(identifiers.filter(isWildcard).map(({ value }) => [value, overDns]));
  return solversFor(identifiers, { solver: first, solvers: others });
}

/** Refuses --dns together with another solver unless there are names for both. */
function refuseOneKind(identifiers: readonly Identifier[], other: string): void {
  const wildcards = identifiers.filter(isWildcard).length;
  if (wildcards > 0 && wildcards < identifiers.length) return;
  const reason = `--dns answers for the wildcards and ${other} for the other names, but there ${wildcards === 0 ? 'is no wildcard' : 'are only wildcards'}`;
  throw fail('usage/flags-exclude', { one: other, other: '--dns', reason });
}

/** What each word of --http means: a type, the options of a new solver, and those that the text after the colon gives. */
const httpWords: Readonly<Record<string, Word>> = {
  // Only this machine answers, so other nodes need no token document, and a durable write is saved.
  standalone: { fresh: { type: 'http01-responder', shared: false }, typed: (listen) => ({ listen }) },
  webroot: {
    fresh: { type: 'http01-webroot' },
    typed: (rest, session) => ({
      folders: partsIn(rest).map((folder) => keptPath('--http webroot:', folder, session)),
    }),
  },
  stateless: {
    fresh: { type: 'http01-stateless' },
    typed: (rest) => ({ frontends: partsIn(rest).length === 0 ? undefined : partsIn(rest) }),
  },
};

interface Word {
  readonly fresh: AdapterSettings;
  readonly typed: (rest: string | undefined, session: Session) => Readonly<Record<string, unknown>>;
}

const partsIn = (list = ''): readonly string[] => list.split(',').filter((part) => part !== '');

async function writeHttpSolver(how: string, choosing: Choosing): Promise<string> {
  const { session, settings } = choosing;
  if (Object.hasOwn(settings.solvers, how)) return writeDeclared(how, choosing, ['--http', 'http-01']);
  if (how === hookWord) return writeHooks(choosing, 'http-01');
  const [word, rest] = cutAt(how, ':');
  const make = Object.hasOwn(httpWords, word) ? httpWords[word] : undefined;
  if (!make)
    throw fail('usage/unknown-value', {
      typed: `--http ${how}`,
      known: 'standalone[:ADDRESS:PORT], webroot:FOLDER, stateless[:PROXY:PORT] or the name of a declared solver',
      nearest: didYouMean(word, [...Object.keys(httpWords), hookWord, ...Object.keys(settings.solvers)]),
    });
  if (word === 'webroot' && partsIn(rest).length === 0)
    throw fail('usage/flag-needs', { flag: '--http webroot', needed: 'a folder: --http webroot:/var/www/html' });
  return writeRefined({ name: word, settings: make.fresh }, make.typed(rest, session), choosing, `--http ${how}`);
}

/** @param listen the address to listen on; by default, port 443 */
const writeAlpnSolver = (listen: string | undefined, choosing: Choosing): Promise<string> =>
  writeRefined(
    { name: 'tls-alpn', settings: { type: 'tls-alpn01', shared: false } },
    { listen },
    choosing,
    listen === undefined ? '--tls-alpn' : `--tls-alpn ${listen}`,
  );
