import { type CertfleetError, fail, isFailure, reasonOf } from '../../core/errors.ts';
import { adviceFor, problemType } from '../../core/problem.ts';
import type { Secret } from '../../core/secret.ts';
import { certificateRefused } from '../../core/work.ts';
import type { Order, Problem } from '../../ports/issuer.ts';
import type { Pki } from '../../ports/pki.ts';
import { ask } from '../ask.ts';
import { report } from '../engine.ts';
import { asWithdrawn } from '../looks/ca.ts';
import { announce, nameOf, type OrderRun } from '../run.ts';
import { retryAtOf, waitFor } from '../wait.ts';

/**
 * How long a CA may take to sign. Let's Encrypt needs seconds. Private CAs where a person approves are not supported.
 */
const finalizeBudgetMs = 5 * 60_000;
/** How often to send finalize, each time after the order has shown that the last one had no effect. */
const repeats = 3;

export type Chain = ReturnType<Pki['readChain']> & {
  readonly chainPem: string;
  /** The common names of its issuers. */
  readonly issuers: readonly string[];
};

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

/** Reads the chain and verifies it. A wrong one ends the order, because another try returns the same. */
async function readChain(run: OrderRun, chainPem: string, keyPem: Secret): Promise<Chain> {
  const { issuer, holding, signal } = run;
  const read = await checkChain(run, chainPem, keyPem);
  if ('chain' in read) return read.chain;
  const { reason, cause } = read;
  await holding.apply(certificateRefused(), signal);
  throw fail('acme/wrong-certificate', { issuer: issuer.name, reason }, { cause });
}

/** A chain, compared with the request and verified, or what is wrong with it. */
async function checkChain(
  { engine, job }: OrderRun,
  chainPem: string,
  keyPem: Secret,
): Promise<{ readonly chain: Chain } | { readonly reason: string; readonly cause?: unknown }> {
  let chain: ReturnType<Pki['readChain']>;
  try {
    chain = engine.pki.readChain(chainPem);
  } catch (cause) {
    return { reason: 'it cannot be read', cause };
  }
  const { certificates } = chain;
  const now = engine.clock.now();
  const mismatch = engine.pki.mismatch(certificates[0] ?? '', keyPem, job.wanted.spec.identifiers, now);
  if (mismatch !== undefined) return { reason: mismatch };
  // Only a private CA without an intermediate sends a leaf alone; its root is then in the issuer's `caFile`.
  const roots = certificates.length > 1 ? '' : await engine.connect.roots(job.wanted.issuer);
  const broken = engine.pki.brokenChain(certificates, roots, now);
  if (broken !== undefined) return { reason: broken };
  return { chain: { ...chain, chainPem: certificates.join(''), issuers: engine.pki.issuerNames(certificates) } };
}

/** More than any CA has. */
const mostAlternates = 10;

/**
 * The chain with the issuer that the user prefers, among the CA's other ones too. Without one, the CA's own choice is
 * used, and a warning says so: a certificate with another chain is better than none.
 */
async function preferred(
  run: OrderRun,
  usual: Chain,
  { alternates, keyPem }: { readonly alternates: readonly string[]; readonly keyPem: Secret },
): Promise<Chain> {
  const { account, issuer, job, signal } = run;
  const { preferredChain: wanted } = job.wanted.spec;
  if (wanted === undefined || usual.issuers.includes(wanted)) return usual;
  const offered = [usual.issuers.join(' → ')];
  for (const url of alternates.slice(0, mostAlternates)) {
    let reason: string;
    try {
      const read = await checkChain(run, await ask(run, () => account.downloadAlternate(url, signal)), keyPem);
      if ('chain' in read) {
        if (read.chain.issuers.includes(wanted)) return read.chain;
        offered.push(read.chain.issuers.join(' → '));
        continue;
      }
      reason = read.reason;
    } catch (error) {
      signal.throwIfAborted();
      reason = reasonOf(error);
    }
    warn(run, `another chain of ${issuer.name} cannot be used: ${reason}`);
  }
  const all = offered.map((names) => `"${names}"`).join(', ');
  warn(run, `${issuer.name} offers no chain with "${wanted}", so its usual one is used; it offers ${all}`);
  return usual;
}

const warn = (run: OrderRun, message: string): void =>
  report(run.engine, { level: 'warn', event: 'log', certificate: nameOf(run), message });
