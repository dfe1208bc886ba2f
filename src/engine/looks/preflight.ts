import { challengePath } from '../../core/ca/challenge-path.ts';
import {
  aboutNames,
  type CertfleetError,
  fail,
  isFailure,
  type RefusedName,
  reasonOf,
} from '../../core/errors/errors.ts';
import { happenedWithin } from '../../core/lineage/stored-time.ts';
import { baseName, type Identifier, isWildcard } from '../../core/names/identifier.ts';
import type { PreflightSettings } from '../../core/spec/spec.ts';
import { present } from '../../core/text/present.ts';
import type { Deadline } from '../../ports/clock.ts';
import type { Prepared, Solver, SolverAccount, SolverChallenge } from '../../ports/solver.ts';
import type { CaaFinding, CaaQuestion, Engine, Looks } from '../engine.ts';
import type { Finding } from './finding.ts';
import { lookAtHandshake } from './handshake.ts';
import { lookAtPath, lookUntilServed, type PathFinding } from './request-path.ts';

/** How long all checks together may take: a firewall that drops packets must not delay the order for long. */
const budgetMs = 10_000;

export interface PreflightSubject {
  readonly identifiers: readonly Identifier[];
  readonly solver: Solver;
  readonly settings: PreflightSettings;
  readonly caaIdentities: readonly string[];
  /** Undefined if none is stored yet. */
  readonly account: SolverAccount | undefined;
}

/** Step 2: checks everything that can be checked before the order. */
export async function preflightBeforeOrder(
  engine: Engine,
  subject: PreflightSubject,
  { probe, handshake, again }: Prepared,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const looks = engine.connect.looks(subject.settings);
  // Something prepared earlier has settled.
  const settleMs = again ? 0 : (subject.solver.settleMs ?? 0);
  const { noticedMs } = subject.solver;
  const deadline = engine.clock.deadline(budgetMs, signal);
  const pathDeadline = engine.clock.deadline(budgetMs + Math.max(settleMs, noticedMs ?? 0), signal);
  try {
    const found = await Promise.all(
      subject.identifiers.flatMap((identifier) => [
        lookAtSolver(subject, identifier, deadline),
        lookAtCaa(looks, subject, identifier, deadline),
        probe
          ? lookUntilServed(
              { engine, settings: subject.settings, identifier, expected: probe, deadline: pathDeadline },
              { settleMs, ...present({ noticedMs }) },
            )
          : handshake
            ? lookAtHandshake({
                ...{ engine, settings: subject.settings, identifier, deadline },
                expected: handshake(identifier),
              })
            : pass(identifier),
      ]),
    );
    signal.throwIfAborted();
    return found;
  } finally {
    deadline.done();
    pathDeadline.done();
  }
}

/** Step 7: checks the challenge's answer by the public path, once the solver says that it is ready. */
export async function preflightAnswer(
  engine: Engine,
  settings: PreflightSettings,
  {
    type,
    identifier,
    token,
    keyAuthorization,
  }: Pick<SolverChallenge, 'type' | 'identifier' | 'token' | 'keyAuthorization'>,
  signal: AbortSignal,
): Promise<PathFinding> {
  const deadline = engine.clock.deadline(budgetMs, signal);
  const look = { engine, settings, identifier, deadline };
  try {
    const found =
      type === 'tls-alpn-01'
        ? await lookAtHandshake({ ...look, expected: keyAuthorization })
        : await lookAtPath({ ...look, expected: { path: `${challengePath}${token}`, body: keyAuthorization } });
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

async function lookAtSolver(
  { solver, account }: PreflightSubject,
  identifier: Identifier,
  deadline: Deadline,
): Promise<Finding> {
  if (!solver.preflight) return pass(identifier);
  try {
    await solver.preflight(identifier, deadline.signal, account);
    return pass(identifier);
  } catch (error) {
    const finding = { identifier: identifier.value, finding: reasonOf(error) };
    // Without a zone, the record cannot be written anywhere, whatever the CA sees.
    if (isFailure(error, 'preflight/hides-wildcard', 'dns/zone-not-found', 'dns/cname-loop'))
      return { ...finding, verdict: 'no', advice: error.hint, refusal: error };
    if (isFailure(error, 'solver/wrong-answer')) return { ...finding, verdict: 'no', advice: error.hint };
    const unusable = isFailure(error, 'config/', 'dns/', 'solver/') ? { unusable: error } : {};
    return { ...finding, verdict: 'cannot-tell', advice: isFailure(error) ? error.hint : '', ...unusable };
  }
}

async function lookAtCaa(
  looks: Looks,
  subject: PreflightSubject,
  identifier: Identifier,
  deadline: Deadline,
): Promise<Finding> {
  try {
    const { caaIdentities, account, solver } = subject;
    const asked = { caaIdentities, accountUrl: account?.url, challengeTypes: solver.answers };
    const found = await askCaa(looks, asked, identifier, deadline.signal);
    if (!found) return pass(identifier);
    const { verdict, finding } = found;
    const advice = `${found.advice} Once there is a certificate, \`certfleet caa NAME\` prints one for its account alone.`;
    return { verdict, identifier: identifier.value, finding, advice };
  } catch (error) {
    return { verdict: 'cannot-tell', identifier: identifier.value, finding: reasonOf(error), advice: '' };
  }
}

/** Asks whether the CAA records of a name let a CA issue; undefined if it has no such records, or the CA does not look. */
export async function askCaa(
  looks: Pick<Looks, 'caa'>,
  asked: Pick<CaaQuestion, 'caaIdentities' | 'accountUrl' | 'challengeTypes'>,
  identifier: Identifier,
  signal: AbortSignal,
): Promise<(CaaFinding & { readonly advice: string }) | undefined> {
  const [first] = asked.caaIdentities;
  // CAA applies to names (RFC 8659), so IP addresses have none.
  if (identifier.type === 'ip' || first === undefined) return undefined;
  const question = { ...asked, name: baseName(identifier), wildcard: isWildcard(identifier) };
  const found = await looks.caa(question, signal);
  return { ...found, advice: `Add a CAA record \`0 issue "${first}"\` to the existing ones.` };
}

/**
 * Returns why the solver cannot be used: a setting is missing or wrong, a DNS provider refuses the credentials or a
 * zone, or no name can be checked. If only some of a hundred names failed, a name server was slow.
 */
export function whyUnusable(findings: readonly Finding[]): CertfleetError | undefined {
  const names = new Set(findings.map(({ identifier }) => identifier));
  const unusable = findings.flatMap((finding) => finding.unusable ?? []);
  const refused = unusable.find((error) => isFailure(error, 'config/', 'dns/refused', 'dns/delegated'));
  return refused ?? (unusable.length === names.size ? unusable[0] : undefined);
}

/** After this many failed validations in an hour, "cannot tell" also stops the order. */
const failuresBeforeStop = 3;
const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/**
 * Returns the error that follows from the findings, or none. `overruled` means that a definite "no" is ignored, because
 * the renewal time has passed and this has not been done for a day.
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
  const refused = findings.filter((f) => f.refusal);
  // Errors that protect the user's own service come first; they concern the certificate as a whole.
  const other = refused.find(({ refusal }) => !isFailure(refusal, 'dns/zone-not-found'))?.refusal;
  if (other) return { error: other };
  if (refused[0]?.refusal) return { error: aboutNames(refused[0].refusal, refused.map(asName)) };
  const now = history.now.getTime();
  const [no, ...others] = oneEach(findings.filter((f) => f.verdict === 'no'));
  if (no) {
    const overdue = history.renewalAt !== undefined && Date.parse(history.renewalAt) <= now;
    const triedToday = history.overruledAt !== undefined && happenedWithin(dayMs, history.overruledAt, history.now);
    if (overdue && !triedToday) return { overruled: true };
    // Report all names at once, so that they can be fixed together.
    const finding = [no, ...others].map(saying).join('; ');
    const names = [no, ...others].map(asName);
    return { error: fail('preflight/no', { finding, advice: no.advice }, { names }) };
  }
  const doubtful = findings.find(
    (f) =>
      f.verdict === 'cannot-tell' &&
      (history.validations[f.identifier] ?? []).filter((at) => happenedWithin(hourMs, at, history.now)).length >=
        failuresBeforeStop,
  );
  return doubtful ? { error: fail('preflight/cannot-tell', { finding: saying(doubtful) }) } : {};
}

const asName = (finding: Finding): RefusedName => ({ identifier: finding.identifier, reason: finding.finding });

/** Returns the first finding of each identifier, because its others usually have the same cause. */
const oneEach = (findings: readonly Finding[]): readonly Finding[] =>
  findings.filter((f, index) => findings.findIndex(({ identifier }) => identifier === f.identifier) === index);

/** Returns the finding as a sentence, preceded by the identifier unless it contains it. */
export const saying = ({ identifier, finding }: Pick<Finding, 'identifier' | 'finding'>): string =>
  finding.includes(identifier.replace(/^\*\./, '')) ? finding : `${identifier}: ${finding}`;
