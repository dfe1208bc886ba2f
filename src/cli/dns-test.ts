import { parseIdentifier, withLetters } from '../config/identifiers.ts';
import { adapterEntry, dns01Type } from '../config/registry.ts';
import { canonicalName, isDnsName, parseServerAddress } from '../core/dns-name.ts';
import { fail, isFailure } from '../core/errors.ts';
import { baseName } from '../core/identifier.ts';
import { spanText } from '../core/span.ts';
import type { Settings } from '../core/spec.ts';
import type { Fleet, TrialNews, TrialReport } from '../fleet.ts';
import type { Run, Session } from './context.ts';
import { listOf, textOf } from './flag-values.ts';
import { dnsSolver, type NamedSolver, proveCredentials } from './solver-flags.ts';
import { styleOf, wrap } from './text.ts';

/** `certfleet dns test PROVIDER ZONE` */
export const dnsTest: Run = async (session) => {
  const [named = '', typed = ''] = session.invocation.args;
  const identifier = parseIdentifier(typed);
  if (identifier.type === 'ip') throw fail('usage/invalid', { what: `${typed} is an address: name a zone` });
  const below = baseName(identifier);
  const record = recordFrom(session);
  const settings = await session.settings();
  const registry = session.context.registry ?? (await import('../generated/registry.ts')).registry;
  const solver = await solverToTry(session, settings, named, below);
  await proveCredentials(solver, session, registry, undefined);
  const { fleet, isJournalled } = await openAny(session, settings);
  const provider = String(solver.settings['provider']);
  const title = adapterEntry(registry, 'dns', provider)?.title ?? provider;
  if (!session.quiet) session.print(`Trying ${title} with ${withLetters(below)}.`);
  const told = teller(session, isJournalled);
  const report = await fleet.tryDns({ solver, below, record, told }, session.signal);
  const { error, ...rest } = report;
  session.printJson({ object: 'dns-test', solver: solver.name, provider, ...rest, ok: error === undefined });
  if (!session.quiet) for (const line of conclusions(report, title)) session.print(line);
  if (error) throw error;
  if (!session.quiet)
    session.note(`Next: get a certificate: certfleet issue -d ${below},'*.${below}' --dns ${solver.name}`);
  return 0;
};

function recordFrom({ invocation }: Session): string | undefined {
  const typed = textOf(invocation.flags['record']);
  if (typed === undefined) return undefined;
  const name = canonicalName(typed);
  if (name === '' || !isDnsName(name))
    throw fail('usage/invalid', { what: `--record ${typed}: this is not a DNS name` });
  return name;
}

/** A declared solver, or a provider with options from flags and the environment. */
async function solverToTry(session: Session, settings: Settings, named: string, zone: string): Promise<NamedSolver> {
  const { flags } = session.invocation;
  const registry = session.context.registry ?? (await import('../generated/registry.ts')).registry;
  const credentials = textOf(flags['credentials']);
  const nameservers = listOf(flags['nameserver']);
  const isDeclared = Object.hasOwn(settings.solvers, named);
  if (isDeclared && credentials !== undefined)
    throw fail('usage/invalid', {
      what: `--credentials cannot change the declared solver "${named}": change its options in the configuration`,
    });
  const file = credentials === undefined ? [] : [`credentials=${credentials}`];
  const dnsOption = [...listOf(flags['dnsOption']), ...file];
  const withOptions: Session = {
    ...session,
    invocation: { ...session.invocation, flags: { ...flags, ...(dnsOption.length === 0 ? {} : { dnsOption }) } },
  };
  const choosing = { session: withOptions, settings, registry, kept: [] };
  const solver = await dnsSolver(named, choosing, 'dns test');
  if (solver.settings.type !== dns01Type)
    throw fail('usage/invalid', { what: `dns test ${named}: only a solver of type ${dns01Type} has a DNS provider` });
  const odd = nameservers.find((text) => !parseServerAddress(text));
  if (odd !== undefined)
    throw fail('usage/invalid', {
      what: `--nameserver ${odd}: write an IP address, like 192.0.2.53 or [2001:db8::53]:53`,
    });
  if (nameservers.length === 0) return solver;
  return { ...solver, settings: { ...solver.settings, dns: { zone, nameservers } } };
}

/** The fleet; without a store, one that stores nothing. */
async function openAny(session: Session, settings: Settings): Promise<{ fleet: Fleet; isJournalled: boolean }> {
  try {
    const fleet = await session.fleet({ makeStore: settings.storeIsDeclared === true });
    return { fleet, isJournalled: true };
  } catch (error) {
    if (!isFailure(error, 'store/absent') || session.invocation.flags['store'] !== undefined) throw error;
    return { fleet: await session.fleet({ makeStore: true, inMemory: true }), isJournalled: false };
  }
}

const labels = {
  zone: 'zone',
  check: 'credentials',
  add: 'added',
  visible: 'visible',
  remove: 'removed',
  gone: 'gone',
} as const;

/** Prints each step when it is made. */
function teller(session: Session, isJournalled: boolean): (news: TrialNews) => void {
  const width = session.context.stdout.columns ?? Number.POSITIVE_INFINITY;
  const style = styleOf(session.context);
  const indent = ' '.repeat(24);
  return (news) => {
    if ('step' in news) {
      session.printJson({ object: 'dns-test-step', ...news });
      const head = `${style.good('✓')} ${labels[news.step].padEnd(11)} ${secondsText(news.ms).padStart(8)}  `;
      if (!session.quiet) session.printWhole(`${head}${wrap(news.finding, width - indent.length, indent)}`);
    } else if ('waitsFor' in news) session.note(`waiting: ${news.waitsFor}`);
    else if ('adds' in news) {
      if (isJournalled) return;
      const { name, value } = news.adds;
      session.note(`There is no store. If this is killed, remove the TXT value ${value} at ${name} yourself.`);
    } else {
      const { name, value, reason } = news.left;
      const by = isJournalled ? '`certfleet sweep` or the next test removes it' : 'remove it yourself';
      session.complain(`The TXT value ${value} at ${name} is left (${reason}); ${by}.`);
    }
  };
}

const secondsText = (ms: number): string => `${(ms / 1_000).toFixed(ms < 9_950 ? 1 : 0)} s`;
const limitText = (ms: number): string => (ms < 120_000 ? `${Math.round(ms / 1_000)} seconds` : spanText(ms));

/** What was measured, beside what certfleet assumes of the service. */
function conclusions({ visible, ttl, traits, left, error }: TrialReport, title: string): readonly string[] {
  const lines: string[] = [];
  if (visible) {
    const { ms, limitMs } = visible;
    lines.push(`Visible everywhere after ${secondsText(ms)}; certfleet waits for at most ${limitText(limitMs)}.`);
  }
  if (ttl.served !== undefined) {
    // A server that caches counts down.
    const same = ttl.served <= ttl.sent;
    lines.push(
      same
        ? `TTL ${ttl.served} s, as asked.`
        : `TTL ${ttl.served} s, although ${ttl.sent} s was asked for (minTtl is ${traits.minTtl}): ${title} may not accept less.`,
    );
  }
  if (left === undefined && error === undefined) lines.push('Nothing is left.');
  return lines;
}
