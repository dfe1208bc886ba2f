import { adviceFor, problemType } from '../../../core/ca/problem-advice.ts';
import { type CertfleetError, fail, isFailure } from '../../../core/errors/errors.ts';
import type { Secret } from '../../../core/errors/secret.ts';
import { present } from '../../../core/text/present.ts';
import type { Order, Problem } from '../../../ports/issuer.ts';
import { asWithdrawn } from '../../looks/ca.ts';
import { ask } from '../../run/ask.ts';
import { announce, nameOf, type OrderRun } from '../../run/run.ts';
import { retryAtOf, waitFor } from '../../run/wait.ts';
import { type Chain, preferred, readChain } from '../downloaded-chain.ts';

/**
 * How long a CA may take from finalize to the certificate. Let's Encrypt needs seconds. Private CAs at which a person
 * approves orders are not supported.
 */
const finalizeBudgetMs = 5 * 60_000;
/** How many times to send finalize, each time only after the order has shown that the last one had no effect. */
const mostSent = 3;

/** Steps 9 and 10: finalizes the order, and downloads and checks the chain. Never finalizes an order twice. */
export async function finalize(run: OrderRun, ready: Order, keyPem: Secret): Promise<Chain> {
  const { account, signal } = run;
  announce(run, 'finalize', 'getting the certificate');
  const done = isOver(ready) ? ready : await untilOver(run, ready, keyPem);
  if (done.status !== 'valid') throw invalidOrder(run, done);
  const { chainPem, alternates } = await ask(run, () => account.download(done, signal));
  return preferred(run, await readChain(run, chainPem, keyPem), { alternates, keyPem });
}

const isOver = ({ status }: Order): boolean => status === 'valid' || status === 'invalid';

/** Sends finalize, unless an earlier run has, and reads the order until it is valid or dead. */
async function untilOver(run: OrderRun, first: Order, keyPem: Secret): Promise<Order> {
  const { engine, account, holding, job, learned, signal } = run;
  let order = first;
  const csr = order.status === 'processing' ? undefined : await engine.pki.csr(keyPem, job.wanted.identifiers);
  let sent = 0;
  /** The CA has received it. Whatever the order's status is then, even `ready`, is no reason to send it again. */
  let isAccepted = false;
  const look = () => ask(run, () => account.order(first.url, signal));
  const send = async (csrDer: Uint8Array): Promise<Order> => {
    sent += 1;
    learned.mayBeIssued = true;
    try {
      const answer = await holding.effect(signal, () => ask(run, () => account.finalize(first, csrDer, signal)));
      isAccepted = true;
      return answer;
    } catch (error) {
      // Only the order shows whether the CA accepted it, now or earlier.
      const isDoubtful =
        problemType(error) === 'orderNotReady' ||
        isFailure(error, 'acme/unreachable', 'acme/busy', 'acme/malformed-answer');
      learned.mayBeIssued = isDoubtful;
      // Obey a Retry-After: the next run checks the order first.
      const holds = isFailure(error) && error.retryAt !== undefined;
      if (!isDoubtful || holds || sent >= mostSent) throw asWithdrawn(error, job.wanted, run.directory.profiles);
      return look();
    }
  };
  const seen = () => ({ reason: order.status, retryAfterMs: order.retryAfterMs });
  const waited = await waitFor<Order>(
    engine.clock,
    // A test CA signs within milliseconds, a public one within seconds: poll quickly at first, then every 3 s.
    { budgetMs: finalizeBudgetMs, firstMs: 10, mostMs: 3_000, signal, ...present({ first: csr ? undefined : seen() }) },
    async () => {
      // All authorizations are valid, so the order must be ready by now; not fetching it first saves a request.
      // Otherwise the CA returns orderNotReady (RFC 8555 §7.4), which is harmless.
      const isToSend = !isAccepted && (sent === 0 || order.status === 'ready');
      order = csr && isToSend ? await send(csr) : await look();
      learned.mayBeIssued = isAccepted || order.status === 'processing' || isOver(order);
      return isOver(order) ? { done: order } : seen();
    },
  );
  if ('value' in waited) return waited.value;
  const what = order.status === 'pending' ? 'the order' : 'the certificate';
  const params = { issuer: run.issuer.name, what, seconds: finalizeBudgetMs / 1000 };
  throw fail('acme/timeout', params, retryAtOf(engine.clock, waited));
}

function invalidOrder(run: OrderRun, { status, error }: Order): CertfleetError {
  const detail = error ? detailOf(error, run.directory.caaIdentities) : `its status is ${status}`;
  const params = { issuer: run.issuer.name, certificate: nameOf(run), detail };
  // Without an error, the order may have expired after the CA issued the certificate.
  if (error) run.learned.mayBeIssued = false;
  return fail('acme/invalid-order', params, error === undefined ? {} : { problem: error });
}

/** Returns the CA's message, its messages about each name, and advice. */
function detailOf(problem: Problem, caaIdentities: readonly string[]): string {
  const parts = problem.subproblems.map(({ identifier, detail }) => `${identifier?.value ?? ''}: ${detail}`);
  return [problem.detail, ...parts, adviceFor(problem.type, caaIdentities)].join('; ');
}
