import { isPublicAddress } from '../../core/address.ts';
import { type CertfleetError, fail, isFailure, reasonOf } from '../../core/errors.ts';
import { baseName, type Identifier, isWildcard } from '../../core/identifier.ts';
import type { PreflightSettings } from '../../core/spec.ts';
import { happenedWithin } from '../../core/stored-time.ts';
import type { Deadline } from '../../ports/clock.ts';
import type { ChallengeType, Probe, Solver } from '../../ports/solver.ts';
import type { EngineContext, Looks } from '../engine.ts';
import { waitFor } from '../wait.ts';

/**
 * What the CA will look at, looked at first (house.md §5a). Three answers: pass, proven no, cannot tell. Only a proven
 * no stops an order; a look that fails because of where this process stands (no IPv6, hairpin NAT, split horizon)
 * is «cannot tell».
 */
export interface Finding {
  readonly verdict: 'pass' | 'no' | 'cannot-tell';
  readonly identifier: string;
  readonly finding: string;
  readonly advice: string;
  /** A refusal that protects the user's own service, or a solver that cannot answer at all: no date overrides it. */
  readonly refusal?: CertfleetError;
}

/** How long all looks together may take: a firewall that drops packets must not cost the renewal its patience. */
const budgetMs = 10_000;
/** One HTTP look: the CA's own limit is 10 s; a public path that needs more than 3 s is «cannot tell» here. */
const getMs = 3_000;
/** Balancers look at their servers every 2 s (HAProxy, nginx) to 5 s, and may want to see one twice. */
const servedMs = 6_000;
const gatewayStatuses: readonly number[] = [502, 503, 504];
/** As many redirects as Let's Encrypt follows (acme.md §2.5). */
const redirectLimit = 10;

export interface PreflightSubject {
  readonly identifiers: readonly Identifier[];
  readonly solver: Solver;
  readonly settings: PreflightSettings;
  readonly caaIdentities: readonly string[];
  readonly accountUrl: string | undefined;
}

/** Step 2: everything that can be known before there is an order. */
export async function preflightBeforeOrder(
  context: EngineContext,
  subject: PreflightSubject,
  probe: Probe | undefined,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const looks = context.connect.looks(subject.settings);
  const deadline = context.clock.deadline(budgetMs, signal);
  try {
    const found = await Promise.all(
      subject.identifiers.flatMap((identifier) => [
        lookAtSolver(subject.solver, identifier, deadline),
        lookAtCaa(looks, subject, identifier, deadline),
        probe ? lookUntilServed(context, subject.settings, looks, identifier, probe, deadline) : pass(identifier),
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
  context: EngineContext,
  settings: PreflightSettings,
  identifier: Identifier,
  token: string,
  keyAuthorization: string,
  signal: AbortSignal,
): Promise<Finding> {
  const deadline = context.clock.deadline(budgetMs, signal);
  const answer = { path: `/.well-known/acme-challenge/${token}`, body: keyAuthorization };
  try {
    const found = await lookAtPath(context, settings, context.connect.looks(settings), identifier, answer, deadline);
    signal.throwIfAborted();
    return found;
  } finally {
    deadline.done();
  }
}

const pass = (identifier: Identifier): Finding => ({
  verdict: 'pass',
  identifier: identifier.value,
  finding: 'nothing speaks against it',
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
    return { ...finding, verdict: 'cannot-tell', advice: isFailure(error) ? error.hint : '' };
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
    const advice = `Add a CAA record \`0 issue "${subject.caaIdentities[0]}"\` beside the ones that are there.`;
    return { verdict, identifier: identifier.value, finding, advice };
  } catch (error) {
    return { verdict: 'cannot-tell', identifier: identifier.value, finding: reasonOf(error), advice: '' };
  }
}

const challengeTypeFor = (solver: Solver): ChallengeType => solver.answers[0] ?? 'http-01';

/**
 * The probe by the public path. A balancer answers 502, 503 or 504 until its next health check has seen the responder
 * that has just begun to listen: that proves nothing before {@link servedMs} have passed.
 */
async function lookUntilServed(...args: Parameters<typeof lookAtPath>): Promise<Finding> {
  const [context, , , , , { signal }] = args;
  let found: PathFinding | undefined;
  await waitFor<true>(context.clock, { budgetMs: servedMs, firstMs: 50, mostMs: 500, signal }, async () => {
    found = await lookAtPath(...args);
    return found.noBackend ? { reason: found.finding } : { done: true };
  }).catch(() => undefined); // out of time: the last look counts
  const { noBackend: _told, ...finding } = found ?? (await lookAtPath(...args));
  return finding;
}

interface PathFinding extends Finding {
  readonly noBackend?: boolean;
}

async function lookAtPath(
  context: EngineContext,
  settings: PreflightSettings,
  looks: Looks,
  identifier: Identifier,
  expected: Probe,
  deadline: Deadline,
): Promise<PathFinding> {
  const finding = {
    identifier: identifier.value,
    advice: `Make http://${identifier.value}/.well-known/acme-challenge/ reach the solver from everywhere.`,
  };
  try {
    let addresses: readonly string[] = [identifier.value];
    if (identifier.type === 'dns') {
      const found = await looks.addresses(identifier.value, deadline.signal);
      if (found.verdict === 'nxdomain-from-authority' || found.verdict === 'no-address-from-authority')
        return {
          ...finding,
          verdict: 'no',
          finding: found.finding,
          advice: `Add an A or AAAA record for ${identifier.value}.`,
        };
      if (found.verdict === 'cannot-tell') return { ...finding, verdict: 'cannot-tell', finding: found.finding };
      addresses = [...found.ipv4, ...found.ipv6];
    }
    const answers = await Promise.all(
      addresses.map((address) =>
        lookAtAddress(context, settings, looks, identifier.value, address, expected, deadline),
      ),
    );
    const worst = answers.find((a) => a.verdict === 'no') ?? answers.find((a) => a.verdict === 'cannot-tell');
    return { ...finding, ...(worst ?? { verdict: 'pass', finding: 'every address gives the right answer' }) };
  } catch (error) {
    return { ...finding, verdict: 'cannot-tell', finding: reasonOf(error) };
  }
}

type Answer = Pick<PathFinding, 'verdict' | 'finding' | 'noBackend'>;

async function lookAtAddress(
  context: EngineContext,
  settings: PreflightSettings,
  looks: Looks,
  host: string,
  address: string,
  expected: Probe,
  deadline: Deadline,
): Promise<Answer> {
  // A wrong answer proves something only where the CA would get the same: from a public address, or where the
  // operator named the resolvers that see what the CA sees.
  const proof = looks.asTheCa || isPublicAddress(address) ? 'no' : 'cannot-tell';
  const limit = context.clock.deadline(getMs, deadline.signal);
  const base = `http://${host.includes(':') ? `[${host}]` : host}`;
  try {
    let url = `${base}${expected.path}`;
    for (let hop = 0; hop <= redirectLimit; hop += 1) {
      const answer = await context.vantage.get(url, { address, port: settings.http01Port }, limit.signal);
      if (answer.status >= 300 && answer.status < 400 && answer.location !== undefined) {
        const next = new URL(answer.location, url);
        // Elsewhere, or over TLS: the CA goes there, but this look would need other addresses and ports.
        if (next.protocol !== 'http:' || next.hostname !== new URL(url).hostname)
          return { verdict: 'cannot-tell', finding: `${address} redirects to ${next.origin}` };
        url = next.href;
        continue;
      }
      if (answer.status === 200 && answer.body.trimEnd() === expected.body)
        return { verdict: 'pass', finding: `${address} gives the right answer` };
      const wrong = answer.status === 200 ? 'another body' : `status ${answer.status}`;
      return {
        verdict: proof,
        finding: `http://${host}${expected.path} at ${address} answers ${wrong}`,
        ...(gatewayStatuses.includes(answer.status) ? { noBackend: true } : {}),
      };
    }
    return { verdict: proof, finding: `${address} redirects in a circle` };
  } catch (error) {
    return {
      verdict: 'cannot-tell',
      finding: `${address} did not answer on port ${settings.http01Port}: ${reasonOf(error)}`,
    };
  } finally {
    limit.done();
  }
}

/** Validations that failed in the last hour before «cannot tell» becomes a stop (house.md §5a). */
const failuresBeforeStop = 3;
const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/**
 * What the findings mean: nothing (go on), or the error to fail with. `overruled` is set when a proven no is tried
 * against the CA all the same: the planned renewal time has passed and the last such try is more than a day old.
 */
export function judge(
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
