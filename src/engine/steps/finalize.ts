import { type CertfleetError, fail, isFailure } from '../../core/errors.ts';
import { adviceFor, problemType } from '../../core/problem.ts';
import type { Secret } from '../../core/secret.ts';
import type { Order, Problem } from '../../ports/issuer.ts';
import { ask } from '../ask.ts';
import { type Chain, preferred, readChain } from '../chain.ts';
import { asWithdrawn } from '../looks/ca.ts';
import { announce, nameOf, type OrderRun } from '../run.ts';
import { retryAtOf, waitFor } from '../wait.ts';

/**
 * How long a CA may take to sign. Let's Encrypt needs seconds. Private CAs where a person approves are not supported.
 */
const finalizeBudgetMs = 5 * 60_000;
/** How often to send finalize, each time after the order has shown that the last one had no effect. */
const repeats = 3;

/** Steps 9 and 10: finalizes the order, and downloads and checks the chain. Never finalizes an order twice. */
export async function finalize(run: OrderRun, ready: Order, keyPem: Secret): Promise<Chain> {
  const { engine, account, holding, job, signal } = run;
  announce(run, 'finalize', 'getting the certificate');
  const look = () => ask(run, () => account.order(ready.url, signal));
  let order = ready;
  const csr = isOpen(order) ? await engine.pki.csr(keyPem, job.wanted.spec.identifiers) : undefined;
  for (let attempt = 1; csr && isOpen(order); attempt += 1) {
    const current = order;
    try {
      // All authorizations are valid, so the order must be ready by now; not fetching it first saves a request.
      // Otherwise the CA answers orderNotReady (RFC 8555 §7.4), which is harmless.
      order = await holding.effect(signal, () => ask(run, () => account.finalize(current, csr, signal)));
    } catch (error) {
      // Only the order shows whether the CA accepted it, now or earlier.
      const early = problemType(error) === 'orderNotReady';
      const doubtful = early || isFailure(error, 'acme/unreachable', 'acme/busy', 'acme/malformed-answer');
      // Obey a Retry-After: the next run checks the order first.
      const holds = isFailure(error) && error.retryAt !== undefined;
      if (!doubtful || holds || attempt >= repeats) throw asWithdrawn(error, job.wanted.spec, run.directory.profiles);
      order = await untilLeft(run, await look(), { what: 'the order', leaves: 'pending' });
    }
  }
  const done = await untilLeft(run, order, { what: 'the certificate', leaves: 'processing' });
  if (done.status !== 'valid') throw invalidOrder(run, done);
  const { chainPem, alternates } = await ask(run, () => account.download(done, signal));
  return preferred(run, await readChain(run, chainPem, keyPem), { alternates, keyPem });
}

const isOpen = ({ status }: Order): boolean => status === 'pending' || status === 'ready';

/** Waits until the order has left a status. */
async function untilLeft(
  run: OrderRun,
  first: Order,
  { what, leaves }: { readonly what: string; readonly leaves: Order['status'] },
): Promise<Order> {
  const { engine, account, signal } = run;
  if (first.status !== leaves) return first;
  const waited = await waitFor<Order>(
    engine.clock,
    // A test CA signs within milliseconds, a public one within seconds: look quickly at first, then every 3 s.
    {
      budgetMs: finalizeBudgetMs,
      firstMs: 10,
      mostMs: 3_000,
      first: { reason: first.status, retryAfterMs: first.retryAfterMs },
      signal,
    },
    async () => {
      const order = await ask(run, () => account.order(first.url, signal));
      return order.status === leaves ? { reason: order.status, retryAfterMs: order.retryAfterMs } : { done: order };
    },
  );
  if ('value' in waited) return waited.value;
  const params = { issuer: run.issuer.name, what, seconds: finalizeBudgetMs / 1000 };
  throw fail('acme/timeout', params, retryAtOf(engine.clock, waited));
}

function invalidOrder(run: OrderRun, { status, error }: Order): CertfleetError {
  const detail = error ? detailOf(error, run.directory.caaIdentities) : `its status is ${status}`;
  const params = { issuer: run.issuer.name, certificate: nameOf(run), detail };
  return fail('acme/invalid-order', params, error === undefined ? {} : { problem: error });
}

/** The CA's message, its messages about each name, and advice. */
function detailOf(problem: Problem, caaIdentities: readonly string[]): string {
  const parts = problem.subproblems.map(({ identifier, detail }) => `${identifier?.value ?? ''}: ${detail}`);
  return [problem.detail, ...parts, adviceFor(problem.type, caaIdentities)].join('; ');
}
