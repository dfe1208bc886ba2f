import { createTurns, type Turns } from '../../core/async/turns.ts';
import { type ChallengeType, isOverDns } from '../../core/ca/challenge-type.ts';
import { isFailure } from '../../core/errors/errors.ts';
import { baseName, type Identifier } from '../../core/names/identifier.ts';
import { failedAt, type Hop } from '../../core/request-path/hop.ts';
import type { StoredSpec } from '../../core/spec/spec.ts';
import { type PartSpec, partsOf } from '../../core/spec/spec-parts.ts';
import { shortList } from '../../core/text/short-list.ts';
import type { Deadline } from '../../ports/clock.ts';
import type { DescribedPath, Solver, SolverAccount } from '../../ports/solver.ts';
import type { Engine, Looks } from '../engine.ts';
import { storedAccount } from '../ledger/account.ts';
import { waitFor } from '../run/wait.ts';
import { lookAtAnswerOverTls, lookAtAnswers } from './doctor-answer.ts';

/** The CA's path for one identifier of a certificate, hop by hop. */
export interface DrawnPath {
  readonly certificate: string;
  readonly identifier: string;
  readonly challenge: ChallengeType;
  /** The solver's name in the configuration. */
  readonly solver: string;
  readonly hops: readonly Hop[];
}

/** How many names are checked at once. */
const mostAtOnce = 8;
/** Allows for a busy cloud, or a port that another process still holds. */
const describeMs = 30_000;
/** More than all its steps may take. */
const unhurriedMs = 300_000;
/** A balancer's health check needs a few rounds to notice a responder that has just started. */
const healthyMs = 15_000;

/**
 * Draws the path of every identifier of a certificate. Changes nothing; a failure becomes a hop.
 *
 * @param mostMs how long it may take; the last hop of a path says if there was no time for the rest
 */
export async function drawPaths(
  engine: Engine,
  spec: StoredSpec,
  signal: AbortSignal,
  mostMs = unhurriedMs,
): Promise<readonly DrawnPath[]> {
  const turns = createTurns(mostAtOnce);
  const account = await storedAccount(engine, spec, signal);
  const deadline = engine.clock.deadline(mostMs, signal);
  const patience: Patience = { turns, deadline, mostMs, signal };
  const parts = partsOf(spec).map((part) => ({ part, account }));
  const paths = await Promise.all(parts.map((part) => drawPart(engine, part, patience))).finally(deadline.done);
  const drawn = new Map(paths.flat().map((path) => [path.identifier, path]));
  return spec.identifiers.flatMap(({ value }) => drawn.get(value) ?? []);
}

/** Draws the paths of the identifiers that one of the certificate's solvers answers. */
async function drawPart(
  engine: Engine,
  { part, account }: Omit<Drawing, 'solver'>,
  patience: Patience,
): Promise<readonly DrawnPath[]> {
  const { name: certificate, identifiers } = part;
  let solver: Solver | undefined;
  let broken: Hop | undefined;
  try {
    solver = await engine.connect.solver(part);
  } catch (error) {
    broken = failedAt('solver', error);
  }
  return Promise.all(
    identifiers.map(async (identifier) => {
      const hops = broken
        ? [broken]
        : await inTime(patience, (over) => draw(engine, { part, account, solver: solver! }, identifier, over));
      const challenge = solver?.answers[0] ?? 'http-01';
      return { certificate, identifier: identifier.value, challenge, solver: part.solver.name, hops };
    }),
  );
}

/** How long all paths together may take, and how many are looked at at once. */
interface Patience {
  readonly turns: Turns;
  readonly deadline: Deadline;
  readonly mostMs: number;
  /** Of the caller. */
  readonly signal: AbortSignal;
}

/** Returns the hops that are found in time. */
async function inTime(
  { turns, deadline, mostMs, signal }: Patience,
  hopsOf: (over: AbortSignal) => AsyncIterable<Hop>,
): Promise<readonly Hop[]> {
  const hops: Hop[] = [];
  try {
    await turns.run(async () => {
      for await (const hop of hopsOf(deadline.signal)) hops.push(hop);
    }, deadline.signal);
    return hops;
  } catch (error) {
    signal.throwIfAborted();
    if (!deadline.expired) throw error;
    const finding = `there was no time for the rest: this look ends after ${mostMs / 1000} s`;
    const advice = 'Once it is issued, `certfleet doctor` looks at all of it.';
    return [...hops, { at: hops.at(-1)?.at ?? 'solver', state: 'cannot-tell', finding, advice }];
  }
}

interface Drawing {
  readonly part: PartSpec;
  readonly account: SolverAccount | undefined;
  readonly solver: Solver;
}

async function* draw(
  engine: Engine,
  drawing: Drawing,
  identifier: Identifier,
  signal: AbortSignal,
): AsyncGenerator<Hop, void> {
  const { part, solver } = drawing;
  const looks = engine.connect.looks(part.preflight);
  const overDns = solver.answers.every(isOverDns);
  const describing = describe(engine, drawing, identifier, signal);
  // It is awaited below, unless there is no time left.
  describing.catch(() => undefined);
  const name = overDns ? undefined : await lookAtName(looks, identifier, signal);
  if (name) yield name.hop;
  const path = await describing;
  yield* path.hops;
  if (!name) return;
  const { handshake } = path;
  if (handshake) {
    const expected = handshake(identifier);
    yield lookAtAnswerOverTls(engine, { spec: part, identifier, expected }, signal);
    return;
  }
  const health = await lookAtHealth(engine, path, signal);
  yield* health;
  yield* await lookAtAnswers(engine, {
    settings: part.preflight,
    identifier,
    addresses: name.addresses,
    own: path.addresses ?? [],
    probe: path.probe,
    isYoung: health.every(({ state }) => state === 'well'),
    noticedMs: path.noticedMs,
    signal,
  });
}

async function lookAtName(
  looks: Looks,
  identifier: Identifier,
  signal: AbortSignal,
): Promise<{ readonly hop: Hop; readonly addresses: readonly string[] }> {
  const name = baseName(identifier);
  const at = 'name' as const;
  if (identifier.type === 'ip')
    return { hop: { at, state: 'well', finding: `${name} is an address` }, addresses: [name] };
  const { verdict, ipv4, ipv6, left = 0, finding } = await looks.addresses(name, signal);
  const addresses = [...ipv4, ...ipv6];
  if (verdict === 'found') {
    const more = left > 0 ? `; ${left} more are not looked at` : '';
    return { hop: { at, state: 'well', finding: `${name} has ${shortList(addresses)}${more}` }, addresses };
  }
  if (verdict === 'cannot-tell') {
    const advice = 'Check the resolvers of this machine, or name others (preflight.resolvers).';
    return { hop: { at, state: 'cannot-tell', finding, advice }, addresses };
  }
  const advice = `Add an A or AAAA record for ${name}.`;
  return { hop: { at, state: 'broken', code: 'preflight/no', finding, advice }, addresses };
}

async function describe(
  engine: Engine,
  { solver, account }: Drawing,
  identifier: Identifier,
  signal: AbortSignal,
): Promise<DescribedPath> {
  if (!solver.describePath)
    return {
      hops: [
        {
          at: 'solver',
          state: 'cannot-tell',
          finding: `${solver.type} cannot be looked at without an order`,
          advice: 'To try it, run `certfleet issue` with --staging.',
        },
      ],
    };
  const limit = engine.clock.deadline(describeMs, signal);
  try {
    return await solver.describePath(identifier, limit.signal, account);
  } catch (error) {
    signal.throwIfAborted();
    if (!limit.expired || isFailure(error)) return { hops: [failedAt('solver', error)] };
    const finding = `${solver.type} could not say within ${describeMs / 1000} s what lies between`;
    return { hops: [{ at: 'solver', state: 'cannot-tell', finding }] };
  } finally {
    limit.done();
  }
}

async function lookAtHealth(engine: Engine, { healthy }: DescribedPath, signal: AbortSignal): Promise<readonly Hop[]> {
  if (!healthy) return [];
  try {
    const looked = await waitFor(
      engine.clock,
      { budgetMs: healthyMs, firstMs: 500, mostMs: 2_000, signal },
      async () => {
        const readiness = await healthy(signal);
        return readiness.ready ? { done: true } : { reason: readiness.reason };
      },
    );
    if (!('timedOut' in looked))
      return [{ at: 'health', state: 'well', finding: 'the balancer reaches the responder' }];
    return [
      {
        at: 'health',
        state: 'broken',
        code: 'solver/not-ready',
        reason: 'security-group',
        finding: looked.timedOut,
        advice:
          'Open the port of the responder for the load balancer in the security group and the firewall of the node.',
      },
    ];
  } catch (error) {
    signal.throwIfAborted();
    return [failedAt('health', error)];
  }
}
