import { parseIdentifier } from '../../../config/certificates/identifiers.ts';
import { adapterEntry, dns01Type, providerOf, type Registry } from '../../../config/registry/registry.ts';
import { type CertfleetError, fail, isFailure, withHint } from '../../../core/errors/errors.ts';
import { canonicalName, isDnsName, parseServerAddress } from '../../../core/names/dns-name.ts';
import { baseName } from '../../../core/names/identifier.ts';
import { withLetters } from '../../../core/names/letters.ts';
import type { NamedAdapter, Settings } from '../../../core/spec/spec.ts';
import { present } from '../../../core/text/present.ts';
import { shellWord } from '../../../core/text/shell-word.ts';
import { spanText } from '../../../core/text/span.ts';
import type { TrialNews, TrialReport } from '../../../fleet.ts';
import type { Run, Session } from '../../context.ts';
import { proveCredentials, writeDnsSolver } from '../../flags/dns-solver.ts';
import { listOf, textOf } from '../../flags/values.ts';
import { Written } from '../../flags/written.ts';
import { registryOf } from '../../registry.ts';
import { openAny, printStep, secondsText } from './trial.ts';

/** `certfleet dns test PROVIDER ZONE` */
export const dnsTest: Run = async (session) => {
  const [named = '', typed = ''] = session.invocation.args;
  const identifier = parseIdentifier(typed);
  if (identifier.type === 'ip')
    throw fail('usage/invalid-value', { typed, form: 'the name of a zone, not an address' });
  const below = baseName(identifier);
  const record = recordFrom(session);
  const { fleet, absent } = await openAny(session);
  const settings = fleet.settings();
  const registry = await registryOf(session);
  const solver = await solverToTry(session, settings, named, below);
  const orDeclared = (error: unknown) => withDeclared(error, { settings, solver, typed, registry });
  const failing = (error: unknown): never => {
    throw orDeclared(error);
  };
  await proveCredentials(solver.settings, session).catch(failing);
  const provider = String(solver.settings['provider']);
  const title = adapterEntry(registry, 'dns', provider)?.title ?? provider;
  if (!session.quiet) session.print(`Trying ${title} with ${withLetters(below)}.`);
  const told = teller(session, absent);
  const report = await fleet.tryDns({ solver, below, record, told }, session.signal).catch(failing);
  const { error, ...rest } = report;
  session.printJson({ object: 'dns-test', solver: solver.name, provider, ...rest, ok: error === undefined });
  if (!session.quiet) for (const line of conclusions(report, title)) session.print(line);
  if (error) throw orDeclared(error);
  if (!session.quiet)
    session.noteWhole(`Next: get a certificate:\n  ${issueLine(session, solver.name, record, below, report)}`);
  return 0;
};

/**
 * Adds a hint if a declared solver has the credentials that this provider lacks: the user may have meant that solver.
 */
function withDeclared<Thrown>(
  error: Thrown,
  {
    settings,
    solver,
    typed,
    registry,
  }: {
    readonly settings: Settings;
    readonly solver: NamedAdapter;
    readonly typed: string;
    readonly registry: Registry;
  },
): Thrown | CertfleetError {
  const { provider } = solver.settings;
  const declared = Object.values(settings.solvers).find(
    ({ settings: one }) => providerOf(registry, one) === provider,
  )?.name;
  if (!isFailure(error, 'config/credential-missing') || declared === undefined || declared === solver.name)
    return error;
  const hint = `The configuration declares the solver "${declared}": \`certfleet dns test ${shellWord(declared)} ${shellWord(typed)}\` uses its credentials. ${error.hint}`;
  return withHint(error, hint);
}

/** Returns a command to copy that issues a certificate with the same solver. */
function issueLine(
  { invocation: { flags } }: Session,
  solver: string,
  record: string | undefined,
  below: string,
  { zone }: TrialReport,
): string {
  const name = record?.startsWith(label) ? record.slice(label.length) : below;
  const names = name === zone ? `${name},'*.${name}'` : name;
  const credentials = textOf(flags['credentials']);
  const given = [
    ...listOf(flags['dnsOption']).map((option) => ['--dns-option', option]),
    ...(credentials === undefined ? [] : [['--dns-option', `credentials=${credentials}`]]),
    ...(['config', 'store'] as const).flatMap((flag) => {
      const value = textOf(flags[flag]);
      return value === undefined ? [] : [[`--${flag}`, value]];
    }),
  ];
  const words = ['--dns', solver, ...given.flat(), '--agree-tos'].map(shellWord);
  return `certfleet issue -d ${names} ${words.join(' ')}`;
}

/** The first label of challenge records. */
const label = '_acme-challenge.';

function recordFrom({ invocation }: Session): string | undefined {
  const typed = textOf(invocation.flags['record']);
  if (typed === undefined) return undefined;
  const name = canonicalName(typed);
  if (name === '' || !isDnsName(name))
    throw fail('usage/invalid-value', { typed: `--record ${typed}`, form: 'a DNS name' });
  return name;
}

/** Returns a declared solver, or a provider with options from flags and the environment. */
async function solverToTry(session: Session, settings: Settings, named: string, zone: string): Promise<NamedAdapter> {
  const { flags } = session.invocation;
  const registry = await registryOf(session);
  const credentials = textOf(flags['credentials']);
  const nameservers = listOf(flags['nameserver']);
  const isDeclared = Object.hasOwn(settings.solvers, named);
  if (isDeclared && credentials !== undefined)
    throw fail('usage/declared-solver', { flag: '--credentials', name: named });
  const file = credentials === undefined ? [] : [`credentials=${credentials}`];
  const dnsOption = [...listOf(flags['dnsOption']), ...file];
  const withOptions: Session = {
    ...session,
    invocation: {
      ...session.invocation,
      flags: { ...flags, ...present({ dnsOption: dnsOption.length === 0 ? undefined : dnsOption }) },
    },
  };
  const written = new Written();
  const name = await writeDnsSolver(named, { written, session: withOptions, settings, registry }, 'dns test');
  const { solvers } = await written.settings(session, settings);
  const solver = solvers[name]!;
  if (providerOf(registry, solver.settings) === undefined)
    throw fail('usage/not-applicable', {
      typed: `dns test ${named}`,
      reason: `only a solver of type ${dns01Type} has a DNS provider`,
      advice: 'Name a DNS provider, or a solver of that type.',
    });
  const odd = nameservers.find((text) => !parseServerAddress(text));
  if (odd !== undefined)
    throw fail('usage/invalid-value', {
      typed: `--nameserver ${odd}`,
      form: 'an IP address, like 192.0.2.53 or [2001:db8::53]:53',
    });
  if (nameservers.length === 0) return solver;
  return { ...solver, settings: { ...solver.settings, dns: { zone, nameservers } } };
}

const labels = {
  zone: 'zone',
  check: 'credentials',
  add: 'added',
  visible: 'visible',
  remove: 'removed',
  gone: 'gone',
} as const;

/** Prints each step as it happens. */
function teller(session: Session, absent: CertfleetError | undefined): (news: TrialNews) => void {
  return (news) => {
    if ('step' in news) {
      session.printJson({ object: 'dns-test-step', ...news });
      printStep(session, labels[news.step], news);
    } else if ('waitsFor' in news) session.note(`waiting: ${news.waitsFor}`);
    else if ('adds' in news) {
      if (!absent) return;
      const { name, value } = news.adds;
      session.note(
        `T${absent.message.slice(1)}, so nothing is journalled. If this is killed, remove the TXT value ${value} at ${name} yourself.`,
      );
    } else {
      const { name, value, reason } = news.left;
      const by = absent === undefined ? '`certfleet sweep` or the next test removes it' : 'remove it yourself';
      session.complain(`The TXT value ${value} at ${name} is left (${reason}); ${by}.`);
    }
  };
}

const limitText = (ms: number): string => (ms < 120_000 ? `${Math.round(ms / 1_000)} seconds` : spanText(ms));

/** Compares the measurements with what certfleet assumes about the service. */
function conclusions({ visible, ttl, traits, left, error }: TrialReport, title: string): readonly string[] {
  const lines: string[] = [];
  if (visible) {
    const { ms, limitMs } = visible;
    lines.push(`Visible everywhere after ${secondsText(ms)}; certfleet waits for at most ${limitText(limitMs)}.`);
  }
  if (ttl.served !== undefined) {
    const { served, sent } = ttl;
    const odd = `TTL ${served} s, although ${sent} s was asked for`;
    if (served === sent) lines.push(`TTL ${served} s, as asked.`);
    else if (served > sent) lines.push(`${odd} (minTtl is ${traits.minTtl}): ${title} may not accept less.`);
    else lines.push(`${odd}: ${title} has set another one, or a server that caches counts down.`);
  }
  if (left === undefined && error === undefined) lines.push('Nothing is left.');
  return lines;
}
