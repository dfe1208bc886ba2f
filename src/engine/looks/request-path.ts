import { reasonOf } from '../../core/errors/errors.ts';
import { remoteText } from '../../core/errors/remote-text.ts';
import { isForbiddenAddress, isPublicAddress } from '../../core/names/address.ts';
import type { Identifier } from '../../core/names/identifier.ts';
import type { PreflightSettings } from '../../core/spec/spec.ts';
import type { Deadline } from '../../ports/clock.ts';
import type { Probe, Solver } from '../../ports/solver.ts';
import type { Engine } from '../engine.ts';
import { waitFor } from '../run/wait.ts';
import type { Finding } from './finding.ts';

/**
 * How long one HTTP request may take. The CA allows 10 s; if it takes more than 3 s here, the verdict is `cannot-tell`.
 */
const getMs = 3_000;
/** Load balancers check their servers every 2 to 5 s (HAProxy, nginx), and some need two good checks. */
const usualNoticedMs = 6_000;
const gatewayStatuses: readonly number[] = [502, 503, 504];
/** The number of redirects that Let's Encrypt follows. */
const redirectLimit = 10;
/** A name has at most 253 characters; a header may have thousands. */
const mostOrigin = 270;

/**
 * Requests the probe by the public path. A load balancer returns 502, 503 or 504 until its health check has seen the
 * responder, which has just started, so these prove nothing before `noticedMs` have passed. No wrong answer proves
 * anything for `settleMs`, because a rule that was just added may not be in effect everywhere.
 */
export async function lookUntilServed(
  look: PathLook,
  { settleMs = 0, noticedMs = usualNoticedMs }: Pick<Solver, 'settleMs' | 'noticedMs'>,
): Promise<Finding> {
  const { clock } = look.engine;
  const { signal } = look.deadline;
  const sinceMs = clock.monotonicMs();
  let found: PathFinding | undefined;
  const budgetMs = Math.max(noticedMs, settleMs);
  await waitFor<true>(clock, { budgetMs, firstMs: 50, mostMs: 500, signal }, async () => {
    found = await lookAtPath(look);
    const isSettling = clock.monotonicMs() - sinceMs <= settleMs;
    const isYoung = found.noBackend || (isSettling && settleMs > 0 && found.isWrong);
    return isYoung ? { reason: found.finding } : { done: true };
  }).catch(() => undefined); // out of time: the last result counts
  const { noBackend: _told, isWrong: _wrong, ...finding } = found ?? (await lookAtPath(look));
  return finding;
}

/** What to request by the public path, and the expected answer. */
export interface PathLook {
  readonly engine: Pick<Engine, 'clock' | 'connect' | 'vantage'>;
  readonly settings: PreflightSettings;
  readonly identifier: Identifier;
  readonly expected: Probe;
  readonly deadline: Deadline;
}

export interface PathFinding extends Finding {
  readonly noBackend?: boolean;
  /** At least one address answered, but not as expected. */
  readonly isWrong?: boolean;
}

/** Requests the path once from every address of the name. */
export const lookAtPath = (look: PathLook): Promise<PathFinding> =>
  lookAtAddresses(look, {
    advice:
      look.expected.advice ??
      `Make http://${look.identifier.value}/.well-known/acme-challenge/ lead to the solver from the whole internet.`,
    lookAt: (address, asTheCa) => lookAtAddress(look, address, asTheCa),
  });

/** Checks every address of the name once, as a CA that validates over HTTP or TLS may. */
export async function lookAtAddresses(
  { engine, settings, identifier, deadline }: Omit<PathLook, 'expected'>,
  {
    advice,
    lookAt,
  }: {
    readonly advice: string;
    readonly lookAt: (address: string, asTheCa: boolean) => Promise<Answer>;
  },
): Promise<PathFinding> {
  const looks = engine.connect.looks(settings);
  const finding = { identifier: identifier.value, advice };
  try {
    let addresses: readonly string[] = [identifier.value];
    let left = 0;
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
      left = found.left ?? 0;
    }
    const answers = await Promise.all(addresses.map((address) => lookAt(address, looks.asTheCa)));
    const worst = answers.find((a) => a.verdict === 'no') ?? answers.find((a) => a.verdict === 'cannot-tell');
    if (worst) return { ...finding, ...worst, isWrong: answers.some(({ isWrong }) => isWrong) };
    if (left > 0) {
      const of = `${identifier.value} has ${addresses.length + left} addresses`;
      return { ...finding, verdict: 'cannot-tell', finding: `${of}, and only ${addresses.length} were checked` };
    }
    return { ...finding, verdict: 'pass', finding: 'every address gives the right answer' };
  } catch (error) {
    return { ...finding, verdict: 'cannot-tell', finding: reasonOf(error) };
  }
}

export type Answer = Pick<PathFinding, 'verdict' | 'finding' | 'noBackend' | 'isWrong'> & {
  /** What to do about this answer, in place of the general advice. */
  readonly advice?: string;
};

/** Explains the answer of a balancer that has no server for the path. */
function noBackendAt(status: number, { healthCheck }: Probe): Partial<Answer> {
  if (!gatewayStatuses.includes(status)) return {};
  if (healthCheck === undefined) return { noBackend: true };
  const advice = `Let the health check of the load balancer ask ${healthCheck}, which answers while certfleet waits, and open that port for it. If the check needs longer, raise \`timeout\` of the solver.`;
  return { noBackend: true, advice };
}

async function lookAtAddress(look: PathLook, address: string, asTheCa: boolean): Promise<Answer> {
  const { engine, settings, expected, deadline } = look;
  const host = look.identifier.value;
  // A wrong answer is proof only if the CA would get the same: from a public address, or if the operator named
  // resolvers that see what the CA sees.
  const proof = asTheCa || isPublicAddress(address) ? 'no' : 'cannot-tell';
  if (isForbiddenAddress(address)) {
    const finding = `${address} is link-local or a metadata address, so nothing was requested from it`;
    return { verdict: 'cannot-tell', finding };
  }
  const limit = engine.clock.deadline(getMs, deadline.signal);
  const base = `http://${host.includes(':') ? `[${host}]` : host}`;
  try {
    let url = `${base}${expected.path}`;
    for (let hop = 0; hop <= redirectLimit; hop += 1) {
      const answer = await engine.vantage.get(url, { address, port: settings.http01Port }, limit.signal);
      if (answer.status >= 300 && answer.status < 400 && answer.location !== undefined) {
        const next = new URL(answer.location, url);
        // The CA would follow a redirect to another host, or to https, but this check has no addresses or ports for
        // those.
        if (next.protocol !== 'http:' || next.hostname !== new URL(url).hostname)
          return { verdict: 'cannot-tell', finding: `${address} redirects to ${remoteText(next.origin, mostOrigin)}` };
        url = next.href;
        continue;
      }
      if (answer.status === 200 && answer.body.trimEnd() === expected.body)
        return { verdict: 'pass', finding: `${address} gives the right answer` };
      const isDown = gatewayStatuses.includes(answer.status);
      const wrong = answer.status === 200 ? 'a different body' : `status ${answer.status}`;
      const why = isDown ? ' (no healthy backend: health check of the load balancer)' : '';
      return {
        verdict: proof,
        finding: `http://${host}${expected.shownPath ?? expected.path} at ${address} returns ${wrong}${why}`,
        isWrong: true,
        ...noBackendAt(answer.status, expected),
      };
    }
    return { verdict: proof, finding: `${address} redirects more than ${redirectLimit} times` };
  } catch (error) {
    return {
      verdict: 'cannot-tell',
      finding: `${address} did not answer on port ${settings.http01Port}: ${remoteText(reasonOf(error))}`,
    };
  } finally {
    limit.done();
  }
}
