import { type CertfleetError, fail, isFailure } from '../../core/errors.ts';
import type { Lineage, Work } from '../../core/lineage.ts';
import { adviceFor, problemType } from '../../core/problem.ts';
import type { Secret } from '../../core/secret.ts';
import type { Order, Problem } from '../../ports/issuer.ts';
import { announce, lineageName, type Opened, patiently, type Run } from '../run.ts';
import { retryAtOf, waitFor } from '../wait.ts';
import { accountInsteadOf, isForgotten, reopenAccount } from './account.ts';

/** How long a CA may take to sign. Let's Encrypt needs seconds; private CAs with a person in between are not served here. */
const finalizeBudgetMs = 5 * 60_000;
/** How often a request whose answer was lost is repeated, after looking whether it had its effect. */
const repeats = 3;
/** Before a newOrder whose answer was lost is sent again. */
const lostAnswerPauseMs = 250;
/** How long a limit holds a renewal while an open order keeps it from being sent with `replaces`, which is exempt. */
const openOrderHoldMs = 3_600_000;

/** Changes the work in flight, durably. */
export const updateWork = (run: Run, change: (work: Work, lineage: Lineage) => Work): Promise<void> =>
  run.holding.update((lineage) => ({ ...lineage, work: change(run.holding.work, lineage) }), run.signal);

/**
 * Steps 5a to 5c, or the order that an earlier process began: at most one is open for this lineage.
 *
 * @param look the preflight, before anything new is asked of the CA
 */
export async function obtainOrder(run: Run, opened: Opened, look: () => Promise<void>): Promise<Order> {
  const { work } = run.holding;
  if (work.order?.url !== undefined) {
    const order = await patiently(run, () => opened.account.order(work.order?.url as string, run.signal)).catch(
      (error: unknown) => {
        if (isGone(error)) return undefined;
        throw error;
      },
    );
    if (order && order.status !== 'invalid' && !isExpired(run, order)) return order;
  }

  await look();
  const previous = run.holding.lineage.current;
  // A CA that broke over the order with `replaces` last time is asked without: it must never block a renewal.
  const broke = work.order?.doubtful === true && run.holding.lineage.failure?.code === 'acme/busy';
  const directory = await run.issuer.directory(run.signal);
  const replaces =
    directory.hasRenewalInfo && !broke && previous?.directory === run.issuer.directoryUrl
      ? previous.facts.ariId
      : undefined;
  const profile = run.wanted.spec.profile;
  announce(run, 'order', 'ordering the certificate');
  // The intent stands in the journal since the lease was taken; only an order that is known to be dead is replaced.
  if (work.order?.url !== undefined) await updateWork(run, (w) => ({ ...w, order: { doubtful: true } }));
  const order = await placeOrder(run, opened, replaces);
  await keepUrl(run, order, {
    ...(replaces === undefined ? {} : { replaces }),
    ...(profile === undefined ? {} : { profile }),
  });
  return order;
}

/**
 * Whether a kept order is no more: the CA has forgotten it (Boulder says 404 and `malformed`, Pebble 404), or it is
 * another account's by now. Any other refusal (a page to be read first, a firewall's) says nothing about the order,
 * which may hold the certificate already.
 */
const isGone = (error: unknown): boolean => {
  if (!isFailure(error, 'acme/problem')) return false;
  const type = problemType(error);
  return (
    (error.problem as { readonly status?: number } | undefined)?.status === 404 ||
    type === 'malformed' ||
    type === 'accountDoesNotExist' ||
    type === 'unauthorized'
  );
};

const isExpired = (run: Run, order: Order): boolean =>
  order.expires !== undefined &&
  Date.parse(order.expires) <= run.context.clock.now().getTime() &&
  order.status !== 'valid';

const keepUrl = (
  run: Run,
  order: Order,
  asked: Pick<NonNullable<Work['order']>, 'replaces' | 'profile'> = {},
): Promise<void> => updateWork(run, (work) => ({ ...work, step: 'order', order: { ...asked, url: order.url } }));

/**
 * newOrder. After a lost answer it is sent once more: Boulder returns the order that it has opened; another CA may
 * open a second one, which expires unused.
 */
async function placeOrder(run: Run, opened: Opened, wantsToReplace: string | undefined): Promise<Order> {
  const { clock } = run.context;
  let replaces = wantsToReplace;
  /** An order that may be ours is open for the predecessor: Boulder accepts `replaces` again once that one is dead. */
  let isOpen = false;
  let refusedByLimit: CertfleetError | undefined;
  let answerLost = false;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await sendNewOrder(run, opened, replaces);
    } catch (error) {
      if (refusedByLimit && isAlreadyReplaced(error)) throw behindOpenOrder(run, refusedByLimit);
      if (attempt > repeats) throw error;
      if (isForgotten(error)) {
        opened.account = await reopenAccount(run.context, run.issuer, run.wanted.issuer, opened.account, run.signal);
      } else if (replaces !== undefined && refusesReplaces(error)) {
        // Never a reason not to renew (RFC 9773 §5): the same order without it.
        isOpen = isAlreadyReplaced(error);
        replaces = undefined;
      } else if (isOpen && !refusedByLimit && isFailure(error, 'acme/rate-limited')) {
        refusedByLimit = error;
        replaces = wantsToReplace;
      } else if (isFailure(error, 'acme/unreachable') && !answerLost) {
        answerLost = true;
        await clock.sleep(lostAnswerPauseMs, run.signal);
      } else if (problemType(error) === 'unauthorized') {
        const account = await accountInsteadOf(run, opened.account);
        if (!account) throw error;
        opened.account = account;
      } else throw error;
    }
  }
}

function sendNewOrder(run: Run, { account }: Opened, replaces: string | undefined): Promise<Order> {
  const { identifiers, profile } = run.wanted.spec;
  const request = {
    identifiers,
    ...(replaces === undefined ? {} : { replaces }),
    ...(profile === undefined ? {} : { profile }),
  };
  return run.holding.effect(run.signal, () => patiently(run, () => account.newOrder(request, run.signal)));
}

const isAlreadyReplaced = (error: unknown): boolean => problemType(error) === 'alreadyReplaced';

/**
 * The limit counts only while the open order, whose URL was lost in a crash, keeps `replaces` from being accepted. The
 * CA does not say when that order ends, so that the next try comes within the hour, however long the limit lasts.
 */
function behindOpenOrder(run: Run, limit: CertfleetError): CertfleetError {
  const soon = run.context.clock.now().getTime() + openOrderHoldMs;
  const retryAt = new Date(Math.min(limit.retryAt?.getTime() ?? soon, soon));
  return fail(
    'acme/open-order',
    { issuer: run.issuer.name, certificate: lineageName(run), detail: limit.message },
    { cause: limit, retryAt },
  );
}

/**
 * Let's Encrypt names it alreadyReplaced; for a predecessor of another account, another CA or an unknown serial the
 * answers differ by CA (boulder.md 4), so that any refusal of an order with `replaces` is tried once without.
 */
const refusesReplaces = (error: unknown): boolean =>
  (isFailure(error, 'acme/problem') && problemType(error) !== 'rejectedIdentifier') ||
  // Pebble answers 500 where it cannot find a predecessor; a CA that is really down says so to the next one too.
  (isFailure(error, 'acme/busy') && error.retryAt === undefined);

/** Steps 9 and 10 up to the chain: never a second finalize for an order that has taken one. */
export async function finalize(run: Run, opened: Opened, ready: Order, keyPem: Secret): Promise<string> {
  const { account } = opened;
  const { identifiers } = run.wanted.spec;
  announce(run, 'finalize', 'asking for the certificate');
  const look = () => patiently(run, () => account.order(ready.url, run.signal));
  let order = ready;
  const csr = isOpen(order) ? await run.context.pki.csr(keyPem, identifiers) : undefined;
  for (let attempt = 1; csr && isOpen(order); attempt += 1) {
    const current: Order = order;
    try {
      // Every authorization is valid, so that the order is ready whatever it was when it was read: asking saves a
      // request, and a CA that has not caught up answers orderNotReady (RFC 8555 §7.4) without harm.
      order = await run.holding.effect(run.signal, () =>
        patiently(run, () => account.finalize(current, csr, run.signal)),
      );
    } catch (error) {
      // Not known whether it was taken, or taken before by somebody: the order says.
      const early = problemType(error) === 'orderNotReady';
      const doubtful = early || isFailure(error, 'acme/unreachable', 'acme/busy', 'acme/malformed-answer');
      // A time the CA named holds: the next run looks at the order first.
      const holds = isFailure(error) && error.retryAt !== undefined;
      if (!doubtful || holds || attempt >= repeats) throw error;
      order = await settle(run, await look(), look, (o) => o.status !== 'pending', 'the order');
    }
  }
  order = await settle(run, order, look, (o) => o.status !== 'processing', 'the certificate');
  if (order.status !== 'valid') throw await invalidOrder(run, order);
  const valid = order;
  return patiently(run, () => account.download(valid, run.signal));
}

const isOpen = (order: Order): boolean => order.status === 'pending' || order.status === 'ready';

async function settle(
  run: Run,
  first: Order,
  look: () => Promise<Order>,
  isSettled: (order: Order) => boolean,
  what: string,
): Promise<Order> {
  let order = first;
  let looked = true;
  const waited = await waitFor<Order>(
    run.context.clock,
    // Signing takes milliseconds at a test CA and seconds at a public one: quick looks first, then every 3 s.
    { budgetMs: finalizeBudgetMs, firstMs: 10, mostMs: 3_000, signal: run.signal },
    async () => {
      if (!looked) order = await look();
      looked = false;
      if (isSettled(order)) return { done: order };
      return { reason: order.status, retryAfterMs: order.retryAfterMs };
    },
  );
  if ('timedOut' in waited)
    throw fail(
      'acme/timeout',
      { issuer: run.issuer.name, what, seconds: finalizeBudgetMs / 1000 },
      retryAtOf(run.context.clock, waited),
    );
  return waited.value;
}

async function invalidOrder(run: Run, order: Order): Promise<CertfleetError> {
  const { caaIdentities } = await run.issuer.directory(run.signal);
  const detail = order.error ? detailOf(order.error, caaIdentities) : `its status is ${order.status}`;
  return fail(
    'acme/invalid-order',
    { issuer: run.issuer.name, certificate: lineageName(run), detail },
    order.error === undefined ? {} : { problem: order.error },
  );
}

/** What the CA said, what it said of each name, and what helps against it. */
function detailOf(problem: Problem, caaIdentities: readonly string[]): string {
  const parts = problem.subproblems.map(({ identifier, detail }) => `${identifier?.value ?? ''}: ${detail}`);
  return [problem.detail, ...parts, adviceFor(problem.type, caaIdentities)].join('; ');
}
