import type { EndpointVerdict } from '../../core/endpoint.ts';
import { type CertfleetError, fail } from '../../core/errors.ts';
import type { StoredSpec } from '../../core/spec.ts';
import type { Engine } from '../engine.ts';
import { waitFor } from '../wait.ts';
import { lookAtEndpoint } from './endpoint.ts';

/** How long an endpoint is watched within a run: a reload takes milliseconds; what takes longer is pending. */
const watchBudgetMs = 5_000;

/** The endpoints of a certificate, and what they should and may serve. */
export interface Watched {
  readonly wanted: StoredSpec;
  /** SHA-256 of the version that should be served, and of the one before. */
  readonly current: string;
  readonly previous: string | undefined;
}

/** What every endpoint serves now. */
export async function lookAtAll(
  engine: Engine,
  { wanted, current, previous }: Watched,
  signal: AbortSignal,
): Promise<readonly EndpointVerdict[]> {
  const { spec, preflight } = wanted;
  const looks = engine.connect.looks(preflight);
  const serverName = spec.identifiers.find(({ type }) => type === 'dns')?.value.replace(/^\*\./, 'any.');
  const resolve = async (host: string, s: AbortSignal): Promise<readonly string[]> => {
    if (!looks.asTheCa) return engine.lookup(host, s);
    const found = await looks.addresses(host, s);
    return found.verdict === 'found' ? [...found.ipv4, ...found.ipv6] : engine.lookup(host, s);
  };
  const look = {
    expectFingerprint: current,
    ...(previous === undefined ? {} : { previousFingerprint: previous }),
    ...(serverName === undefined ? {} : { serverName }),
    vantage: engine.vantage,
    pki: engine.pki,
    resolve,
  };
  return Promise.all(spec.endpoints.map((endpoint) => lookAtEndpoint({ ...look, endpoint }, signal)));
}

/**
 * Looks until every endpoint serves the version, or the time of a reload has passed.
 *
 * @param expected the endpoints worth waiting for; the others are only looked at
 */
export async function watch(
  engine: Engine,
  watched: Watched,
  expected: readonly string[],
  signal: AbortSignal,
): Promise<readonly EndpointVerdict[]> {
  let seen: readonly EndpointVerdict[] = [];
  const budgetMs = expected.length > 0 ? Math.min(watchBudgetMs, engine.limits.deployTimeoutMs) : 0;
  await waitFor<true>(engine.clock, { budgetMs, firstMs: 20, mostMs: 500, signal }, async () => {
    seen = await lookAtAll(engine, watched, signal);
    const late = seen.find((verdict) => expected.includes(verdict.endpoint) && endpointError(watched.wanted, verdict));
    return late ? { reason: late.words } : { done: true };
  });
  return seen;
}

/** @param stays why nothing is put back where the handshake is broken; undefined: the version before is */
export function endpointError(
  { spec }: StoredSpec,
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
      return fail('deploy/still-old', { endpoint, certificate: spec.name, served: words });
  }
}
