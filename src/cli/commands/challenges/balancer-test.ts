import { balancerIn, ruleSolverFor, ruleSolverType } from '../../../config/adapters/referred-adapters.ts';
import { parseIdentifier } from '../../../config/certificates/identifiers.ts';
import { type CertfleetError, fail } from '../../../core/errors/errors.ts';
import { withLetters } from '../../../core/names/letters.ts';
import type { NamedAdapter, Settings } from '../../../core/spec/spec.ts';
import { didYouMean } from '../../../core/text/nearest.ts';
import { shellWord } from '../../../core/text/shell-word.ts';
import type { BalancerTrialNews } from '../../../fleet.ts';
import type { Run, Session } from '../../context.ts';
import { openAny, printStep } from './trial.ts';

/** `certfleet balancer test NAME [HOST]` */
export const balancerTest: Run = async (session) => {
  const [named = '', typed] = session.invocation.args;
  const host = hostFrom(typed);
  const { fleet, absent } = await openAny(session);
  const solver = solverFor(fleet.settings(), named);
  if (solver.settings['byHand'] === true && host === undefined)
    throw fail('usage/arguments', {
      what: `a host that the rule is for, because ${solver.name} has \`byHand: true\``,
      form: `certfleet balancer test ${shellWord(named)} HOST`,
    });
  const balancer = balancerIn(solver)?.name ?? named;
  if (!session.quiet)
    session.print(`Trying the balancer ${balancer}${host === undefined ? '' : ` with ${withLetters(host)}`}.`);
  const told = teller(session, absent);
  const { error, ...rest } = await fleet.tryBalancer({ solver, host, told }, session.signal);
  session.printJson({ object: 'balancer-test', solver: solver.name, balancer, ...rest, ok: error === undefined });
  if (error) throw error;
  if (session.quiet) return 0;
  session.print('Nothing is left.');
  const { solvers, certificates } = fleet.settings();
  const isDeclared = solvers[solver.name] !== undefined;
  const certificate = certificates.find(
    (one) => one.solver === solver.name && one.identifiers.some(({ value }) => value === host),
  );
  const what =
    certificate === undefined ? `-d ${host ?? 'NAME'} --http ${shellWord(solver.name)}` : shellWord(certificate.name);
  const how = isDeclared ? solver.name : `a solver of type ${ruleSolverType} for ${balancer}`;
  session.note(isDeclared ? `Next: get a certificate: \`certfleet issue ${what}\`` : `Next: declare ${how}.`);
  return 0;
};

function hostFrom(typed: string | undefined): string | undefined {
  if (typed === undefined) return undefined;
  const { type, value } = parseIdentifier(typed);
  if (type === 'ip' || value.startsWith('*.'))
    throw fail('usage/invalid-value', { typed, form: 'a host name, not an address or a wildcard' });
  return value;
}

/** Returns the declared solver of this name or behind this balancer, or one with the usual options. */
function solverFor(settings: Settings, named: string): NamedAdapter {
  const found = ruleSolverFor(settings, named);
  if (found) return found;
  throw fail('usage/unknown-name', {
    ...{ kind: 'balancer', name: named, nearest: didYouMean(named, Object.keys(settings.balancers)) },
    advice: 'Declare it in `balancers` of certfleet.yaml, or name the configuration with --config.',
  });
}

const labels = {
  listener: 'listener',
  responder: 'responder',
  add: 'added',
  healthy: 'healthy',
  answer: 'answered',
  remove: 'removed',
} as const;

/** Prints each step as it happens. */
function teller(session: Session, absent: CertfleetError | undefined): (news: BalancerTrialNews) => void {
  const byHand = '`certfleet sweep --lost` lists it';
  return (news) => {
    if ('step' in news) {
      session.printJson({ object: 'balancer-test-step', ...news });
      printStep(session, labels[news.step], news);
    } else if ('waitsFor' in news) session.note(`waiting for up to ${news.seconds} s: ${news.waitsFor}`);
    else if ('adds' in news) {
      if (absent)
        session.note(
          `T${absent.message.slice(1)}, so nothing is journalled. If this is killed and leaves its rule, ${byHand}.`,
        );
    } else {
      const by = absent === undefined ? '`certfleet sweep` or the next test removes it' : byHand;
      session.complain(`The rule is left (${news.left}); ${by}.`);
    }
  };
}
