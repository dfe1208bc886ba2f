import { type CertfleetError, fail } from '../../core/errors/errors.ts';
import {
  type EndpointState,
  type EndpointVerdict,
  judgeServed,
  parseEndpoint,
  servesValid,
} from '../../core/names/endpoint.ts';
import type { StoredSpec } from '../../core/spec/spec.ts';
import { present } from '../../core/text/present.ts';
import type { Engine } from '../engine.ts';
import { waitFor } from '../run/wait.ts';
import { lookAtEndpoint, mention } from './endpoint.ts';

/**
 * How long to watch an endpoint within a run. A reload takes milliseconds; after this time, the endpoint is pending.
 */
const watchBudgetMs = 5_000;

/** A certificate's endpoints, and the versions that they should or may serve. */
export interface Watched {
  readonly wanted: StoredSpec;
  /** SHA-256 of the version that should be served, and of the previous one. */
  readonly current: string;
  readonly previous: string | undefined;
}

/** Finds out what every endpoint serves now. */
export async function lookAtAll(
  engine: Engine,
  { wanted, current, previous }: Watched,
  signal: AbortSignal,
): Promise<readonly EndpointVerdict[]> {
  const looks = engine.connect.looks(wanted.preflight);
  const serverName = wanted.identifiers.find(({ type }) => type === 'dns')?.value.replace(/^\*\./, 'any.');
  const left = new Map<string, number>();
  const resolve = async (host: string, s: AbortSignal): Promise<readonly string[]> => {
    if (!looks.asTheCa) return engine.lookup(host, s);
    const found = await looks.addresses(host, s);
    if (found.verdict !== 'found') return engine.lookup(host, s);
    left.set(host, found.left ?? 0);
    return [...found.ipv4, ...found.ipv6];
  };
  const look = {
    expectFingerprint: current,
    ...present({ previousFingerprint: previous, serverName }),
    now: engine.clock.now(),
    vantage: engine.vantage,
    pki: engine.pki,
    resolve,
  };
  return Promise.all(
    wanted.endpoints.map(async (endpoint) => {
      const verdict = await lookAtEndpoint({ ...look, endpoint }, signal);
      return mention(left.get(parseEndpoint(endpoint).host) ?? 0, verdict);
    }),
  );
}

/** What the endpoints served. */
export interface Watch {
  readonly seen: readonly EndpointVerdict[];
  /** The endpoints that served the new version and another one, so their servers get it one by one. */
  readonly mixed: ReadonlySet<string>;
}

/**
 * Checks the endpoints until all expected ones serve the version, or a reload would have finished.
 *
 * @param expected the endpoints to wait for; the others are only checked
 */
export async function watch(
  engine: Engine,
  watched: Watched,
  expected: readonly string[],
  signal: AbortSignal,
): Promise<Watch> {
  const budgetMs = expected.length > 0 ? Math.min(watchBudgetMs, engine.limits.deployTimeoutMs) : 0;
  const times = { budgetMs, firstMs: 20, mostMs: 500, signal };
  const states = new Map<string, Set<EndpointState>>();
  const waited = await waitFor<readonly EndpointVerdict[]>(engine.clock, times, async () => {
    const seen = await lookAtAll(engine, watched, signal);
    for (const { endpoint, addresses } of seen)
      for (const { state } of addresses) states.set(endpoint, (states.get(endpoint) ?? new Set()).add(state));
    const late = seen.find((verdict) => expected.includes(verdict.endpoint) && endpointError(watched.wanted, verdict));
    return late ? { reason: late.words, seen } : { done: seen };
  });
  const isMixed = (all: ReadonlySet<EndpointState>) => all.has('current') && (all.has('old') || all.has('other'));
  const mixed = new Set([...states].flatMap(([endpoint, all]) => (isMixed(all) ? [endpoint] : [])));
  return { seen: 'value' in waited ? waited.value : (waited.seen ?? []), mixed };
}

/** @param stays why the previous version is not restored after a failed handshake; undefined if it is */
export function endpointError(
  { name: certificate }: StoredSpec,
  { endpoint, state, words }: EndpointVerdict,
  stays?: string,
): CertfleetError | undefined {
  switch (state) {
    case 'current':
    case 'cannot-tell':
      return undefined;
    case 'handshake-failed':
      return stays === undefined
        ? fail('deploy/handshake-failed', { endpoint, reason: words })
        : fail('deploy/no-handshake', { endpoint, reason: words, why: stays });
    case 'unreachable':
      return fail('deploy/no-answer', { endpoint, reason: words });
    default:
      return fail('deploy/still-old', { endpoint, certificate, served: words });
  }
}

/** Like {@link endpointError}, for an endpoint that has served the version before. */
export function driftError(wanted: StoredSpec, verdict: EndpointVerdict, stays?: string): CertfleetError | undefined {
  const judged = judgeServed(verdict);
  const error = endpointError(wanted, judged, stays);
  if (error?.code !== 'deploy/still-old') return error;
  const words = { endpoint: judged.endpoint, certificate: wanted.name, served: judged.words };
  return servesValid(judged) ? fail('deploy/foreign', words) : fail('deploy/drifted', words);
}
