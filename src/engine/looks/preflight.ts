import { type CertfleetError, fail, isFailure, reasonOf } from '../../core/errors.ts';
import { baseName, type Identifier, isWildcard } from '../../core/identifier.ts';
import type { PreflightSettings } from '../../core/spec.ts';
import { happenedWithin } from '../../core/stored-time.ts';
import type { Deadline } from '../../ports/clock.ts';
import type { ChallengeType, Probe, Solver, SolverChallenge } from '../../ports/solver.ts';
import type { Engine, Looks } from '../engine.ts';
import type { Finding } from './finding.ts';
import { lookAtPath, lookUntilServed } from './path.ts';

/** How long all looks together may take: a firewall that drops packets must not cost the renewal its patience. */
const budgetMs = 10_000;

export interface PreflightSubject {
  readonly identifiers: readonly Identifier[];
  readonly solver: Solver;
  readonly settings: PreflightSettings;
  readonly caaIdentities: readonly string[];
  readonly accountUrl: string | undefined;
}

/** Step 2: everything that can be known before there is an order. */
export async function preflightBeforeOrder(
  engine: Engine,
  subject: PreflightSubject,
  probe: Probe | undefined,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const looks = engine.connect.looks(subject.settings);
  const deadline = engine.clock.deadline(budgetMs, signal);
  try {
    const found = await Promise.all(
      subject.identifiers.flatMap((identifier) => [
        lookAtSolver(subject.solver, identifier, deadline),
        lookAtCaa(looks, subject, identifier, deadline),
        probe
          ? lookUntilServed({ engine, settings: subject.settings, identifier, expected: probe, deadline })
          : pass(identifier),
      ]),
    );
    signal.throwIfAborted();
    return found;
  } finally {
    deadline.done();
  }
}

/** Step 7: the answer itself, by the public path, once the solver says it is there. */
export async function preflightAnswer(
  engine: Engine,
  settings: PreflightSettings,
  { identifier, token, keyAuthorization }: Pick<SolverChallenge, 'identifier' | 'token' | 'keyAuthorization'>,
  signal: AbortSignal,
): Promise<Finding> {
  const deadline = engine.clock.deadline(budgetMs, signal);
  const expected = { path: `/.well-known/acme-challenge/${token}`, body: keyAuthorization };
  try {
    const found = await lookAtPath({ engine, settings, identifier, expected, deadline });
    signal.throwIfAborted();
    return found;
  } finally {
    deadline.done();
  }
}

const pass = (identifier: Identifier): Finding => ({
  verdict: 'pass',
  identifier: identifier.value,
  finding: 'no problem found',
  advice: '',
});

async function lookAtSolver(solver: Solver, identifier: Identifier, deadline: Deadline): Promise<Finding> {
  if (!solver.preflight) return pass(identifier);
  try {
    await solver.preflight(identifier, deadline.signal);
    return pass(identifier);
  } catch (error) {
    const finding = { identifier: identifier.value, finding: reasonOf(error) };
    // Without a zone there is nowhere to write: no CA is needed to find that out, whoever it asks.
    if (isFailure(error, 'preflight/hides-wildcard', 'dns/zone-not-found', 'dns/cname-loop'))
      return { ...finding, verdict: 'no', advice: error.hint, refusal: error };
    if (isFailure(error, 'preflight/no')) return { ...finding, verdict: 'no', advice: error.hint };
    const unusable = isFailure(error, 'dns/') ? { unusable: error } : {};
    return { ...finding, verdict: 'cannot-tell', advice: isFailure(error) ? error.hint : '', ...unusable };
  }
}

async function lookAtCaa(
  looks: Looks,
  subject: PreflightSubject,
  identifier: Identifier,
  deadline: Deadline,
): Promise<Finding> {
  // CAA is about names (RFC 8659); there is none for an IP address.
  if (identifier.type === 'ip' || subject.caaIdentities.length === 0) return pass(identifier);
  try {
    const { verdict, finding } = await looks.caa(
      {
        name: baseName(identifier),
        wildcard: isWildcard(identifier),
        caaIdentities: subject.caaIdentities,
        accountUrl: subject.accountUrl,
        challengeType: challengeTypeFor(subject.solver),
      },
      deadline.signal,
    );
    const advice = `Add a CAA record \`0 issue "${subject.caaIdentities[0]}"\` to the existing ones.`;
    return { verdict, identifier: identifier.value, finding, advice };
  } catch (error) {
    return { verdict: 'cannot-tell', identifier: identifier.value, finding: reasonOf(error), advice: '' };
  }
}

const challengeTypeFor = (solver: Solver): ChallengeType => solver.answers[0] ?? 'http-01';

/** Validations that failed in the last hour before «cannot tell» becomes a stop (house.md §5a). */
const failuresBeforeStop = 3;
const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/**
 * What the findings mean: nothing (go on), or the error to fail with. `overruled` is set when a proven no is tried
 * against the CA all the same: the planned renewal time has passed and the last such try is more than a day old.
 */
export function verdictOn(
  findings: readonly Finding[],
  history: {
    readonly now: Date;
    readonly renewalAt: string | undefined;
    readonly overruledAt: string | undefined;
    readonly validations: Readonly<Record<string, readonly string[]>>;
  },
): { readonly error?: CertfleetError; readonly overruled?: boolean } {
  const refused = findings.find((f) => f.refusal);
  if (refused?.refusal) return { error: refused.refusal };
  const now = history.now.getTime();
  const [no, ...others] = oneEach(findings.filter((f) => f.verdict === 'no'));
  if (no) {
    const overdue = history.renewalAt !== undefined && Date.parse(history.renewalAt) <= now;
    const triedToday = history.overruledAt !== undefined && happenedWithin(dayMs, history.overruledAt, history.now);
    if (overdue && !triedToday) return { overruled: true };
    // All of them at once: whoever mends one name a try needs as many tries as there are names.
    const finding = [no, ...others].map(saying).join('; ');
    return { error: fail('preflight/no', { finding, advice: no.advice }) };
  }
  const doubtful = findings.find(
    (f) =>
      f.verdict === 'cannot-tell' &&
      (history.validations[f.identifier] ?? []).filter((at) => happenedWithin(hourMs, at, history.now)).length >=
        failuresBeforeStop,
  );
  return doubtful ? { error: fail('preflight/cannot-tell', { finding: saying(doubtful) }) } : {};
}

/** The first finding of each identifier: its others follow from the same cause most of the time. */
const oneEach = (findings: readonly Finding[]): readonly Finding[] =>
  findings.filter((f, index) => findings.findIndex(({ identifier }) => identifier === f.identifier) === index);

/** A finding that says itself what it is about is not told twice. */
export const saying = ({ identifier, finding }: Pick<Finding, 'identifier' | 'finding'>): string =>
  finding.includes(identifier.replace(/^\*\./, '')) ? finding : `${identifier}: ${finding}`;
