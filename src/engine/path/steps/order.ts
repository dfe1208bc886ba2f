import { problemType } from '../../../core/ca/problem-advice.ts';
import { mayMeanOrderGone, provesOrderGone } from '../../../core/ca/proofs.ts';
import { longestRetryAfterMs } from '../../../core/ca/retry-after.ts';
import { type CertfleetError, fail, isFailure } from '../../../core/errors/errors.ts';
import { cut } from '../../../core/errors/remote-text.ts';
import { isToCome } from '../../../core/lineage/stored-time.ts';
import { leftInTheWay, longestSolver } from '../../../core/lineage/tombstones.ts';
import { ordered, orderGivenUp, orderLimited } from '../../../core/lineage/work/order.ts';
import { newVersionId } from '../../../core/names/version-id.ts';
import { datesToOrder } from '../../../core/spec/validity.ts';
import { present } from '../../../core/text/present.ts';
import type { Order, OrderRequest } from '../../../ports/issuer.ts';
import { hasNewKey, isKnown } from '../../ledger/account-key.ts';
import { endHold } from '../../ledger/ca-hold.ts';
import { limitsOfIssuer } from '../../ledger/limits.ts';
import { asWithdrawn } from '../../looks/ca.ts';
import { ask, isLost, noteIfDown } from '../../run/ask.ts';
import { announce, nameOf, type OrderRun } from '../../run/run.ts';
import { together } from '../../run/wait.ts';
import { countFailed, withinLimits } from '../../run/within-limits.ts';

/** How long to wait for a rate limit if an open order prevents `replaces`, which would be exempt from the limit. */
const openOrderHoldMs = 3_600_000;
/** How much to store of what the CA says about that limit: Boulder's sentence has about 200 characters. */
const longestDetail = 500;

/**
 * Returns the order of an earlier run, if it is still alive. A lineage has at most one. Fails with the CA's refusal if
 * that concerns the account's old key, and so says nothing about the order.
 */
export async function keptOrder(run: OrderRun): Promise<Order | undefined> {
  const { account, holding, job, learned, signal } = run;
  const url = holding.work.order?.url;
  if (url === undefined) return undefined;
  const order = await ask(run, () => account.order(url, signal)).catch(async (error: unknown) => {
    const asker = { ...run, wanted: job.wanted };
    const isGone = provesOrderGone(error)
      ? !(await hasNewKey(asker, account))
      : mayMeanOrderGone(error) && (await isKnown(asker, account));
    if (!isGone) throw error;
    return undefined;
  });
  if (order?.status === 'invalid') await countUnseen(run, order);
  else if (order) learned.mayBeIssued = order.status === 'processing' || order.status === 'valid';
  return order && order.status !== 'invalid' && !isExpired(run, order) ? order : undefined;
}

/** Writes down which names the CA could not validate after a process was killed, because it counted them. */
async function countUnseen(run: OrderRun, order: Order): Promise<void> {
  const { account, job, signal } = run;
  if (limitsOfIssuer(job.wanted.issuer.settings).length === 0) return;
  try {
    const all = order.authorizationUrls.map((url) => ask(run, () => account.authorization(url, signal)));
    const failed = (await together(all)).filter(({ status }) => status === 'invalid');
    for (const { identifier } of failed) await countFailed(run, identifier.value);
  } catch {
    signal.throwIfAborted(); // otherwise, the CA will say so
  }
}

const isExpired = ({ engine }: OrderRun, { expires, status }: Order): boolean =>
  expires !== undefined && Date.parse(expires) <= engine.clock.now().getTime() && status !== 'valid';

/** Gives up an order that is dead. If its certificate may have been issued, the version is given up with it. */
export async function giveUpDead(run: OrderRun): Promise<void> {
  const { holding, signal } = run;
  if (holding.work.order?.url !== undefined) await holding.apply(orderGivenUp(idIfIssued(run)), signal);
}

/** Returns the ID of another version if the CA may have issued a certificate for this one. */
export function idIfIssued({ engine, holding, learned }: OrderRun): string | undefined {
  const { mayBeIssued = holding.work.order?.finalizedAt !== undefined } = learned;
  return mayBeIssued ? newVersionId(engine.random, engine.clock.now()) : undefined;
}

/** Steps 5b and 5c: sends newOrder and journals its URL. Its intent was journalled with the lease. */
export async function placeOrder(run: OrderRun): Promise<Order> {
  const { engine, job, issuer, holding, signal } = run;
  const pace = engine.pass.cas(issuer.directoryUrl);
  announce(run, 'order', 'ordering the certificate');
  const replaces = whatItReplaces(run);
  const { identifiers, profile, validity = {} } = job.wanted;
  const request = {
    identifiers,
    ...present({ profile }),
    ...datesToOrder(validity, engine.clock.now()),
  };
  let order: Order;
  try {
    order = await orderOnce(run, request, replaces);
  } catch (error) {
    // If the CA is down, the failure says nothing about this order, so its next try keeps `replaces`.
    if (isLost(error)) failIfDown(run, error);
    noteIfDown(engine, issuer, error);
    throw asWithdrawn(error, job.wanted, run.directory.profiles);
  }
  const asked = present({ replaces, profile });
  await holding.apply(ordered({ ...asked, url: order.url }), signal);
  // If this fails, the next run finds out by itself.
  if (pace.state() === 'probing') await endHold(engine, issuer.directoryUrl).catch(() => undefined);
  pace.works();
  return order;
}

/**
 * Fails if another certificate of this run has found that the CA is not accepting orders, or if the document has no
 * room for an order's challenges.
 */
export function checkMayOrder(run: OrderRun): void {
  const { engine, holding, job } = run;
  failIfDown(run);
  const count = leftInTheWay(holding.lineage, job.wanted, engine.clock.now());
  if (count === undefined) return;
  if (count === 0) throw fail('config/solver-too-long', longestSolver(job.wanted));
  throw fail('solver/too-much-left', { certificate: nameOf(run), count });
}

function failIfDown(run: OrderRun, cause?: unknown): void {
  const { engine, issuer } = run;
  if (engine.pass.cas(issuer.directoryUrl).state() !== 'down') return;
  throw fail('acme/down', { issuer: issuer.name }, { cause });
}

/** Returns the ARI ID of the certificate to replace, if this CA issued it (RFC 9773 §5). */
function whatItReplaces({ holding, directory, issuer }: OrderRun): string | undefined {
  const { current, failure } = holding.lineage;
  if (!directory.hasRenewalInfo || current?.directory !== issuer.directoryUrl) return undefined;
  // If the CA failed on `replaces` last time, omit it: it must never block a renewal.
  const hasFailed = holding.work.order?.doubtful === true && failure?.code === 'acme/busy';
  return hasFailed ? undefined : current.facts.ariId;
}

/**
 * Sends newOrder. Repeats it without `replaces` if the CA refuses that, and after a lost response. Boulder then returns
 * the order that it has already opened; another CA may open a second one, which expires unused.
 */
async function orderOnce(run: OrderRun, request: OrderRequest, replaces: string | undefined): Promise<Order> {
  try {
    return await sendNewOrder(run, request, replaces);
  } catch (error) {
    if (replaces === undefined || !refusesReplaces(error)) throw error;
    const isReplaced = isAlreadyReplaced(error);
    if (isReplaced && isStillLimited(run)) throw behindOpenOrder(run, error);
    // `replaces` must never prevent a renewal (RFC 9773 §5): try without it.
    return await sendNewOrder(run, request).catch(async (second: unknown) => {
      if (!isReplaced || !isFailure(second, 'acme/rate-limited', 'acme/limited') || !second.retryAt) throw second;
      const limited = { until: second.retryAt.toISOString(), detail: cut(second.message, longestDetail) };
      await run.holding.apply(orderLimited(limited), run.signal);
      throw behindOpenOrder(run, second);
    });
  }
}

function sendNewOrder(run: OrderRun, request: OrderRequest, replaces?: string): Promise<Order> {
  const { account, holding, signal } = run;
  const limited = { identifiers: request.identifiers, replaces: replaces !== undefined };
  const send = () =>
    withinLimits(run, limited, () =>
      account.newOrder(replaces === undefined ? request : { ...request, replaces }, signal),
    );
  const repeatAfter = (error: unknown) => isFailure(error, 'acme/unreachable');
  return holding.effect(signal, () => ask(run, send, { repeats: 1, repeatAfter, waitsForLimit: false }));
}

/** Reports whether the CA has said that it still refuses this order without `replaces`. */
function isStillLimited({ engine, holding }: OrderRun): boolean {
  const { limited } = holding.work.order ?? {};
  return limited !== undefined && isToCome(limited.until, longestRetryAfterMs, engine.clock.now());
}

/**
 * Returns the error for a renewal that an open order blocks, whose URL was lost in a crash: it already replaces the
 * predecessor, and a rate limit refuses an order without `replaces`. Boulder accepts `replaces` again once the open order
 * is dead. It does not say when, so the next try comes within an hour.
 */
function behindOpenOrder(run: OrderRun, cause: unknown): CertfleetError {
  const { engine, issuer, holding } = run;
  const { until, detail } = holding.work.order!.limited!;
  const retryAt = new Date(Math.min(Date.parse(until), engine.clock.now().getTime() + openOrderHoldMs));
  return fail('acme/open-order', { issuer: issuer.name, certificate: nameOf(run), detail }, { cause, retryAt });
}

const isAlreadyReplaced = (error: unknown): boolean => problemType(error) === 'alreadyReplaced';

/**
 * Reports whether to try without `replaces`. Let's Encrypt returns alreadyReplaced, but for a predecessor of another
 * account or CA, or with an unknown serial, responses differ by CA, so any refusal counts.
 */
const refusesReplaces = (error: unknown): boolean =>
  (isFailure(error, 'acme/problem') && !aboutOtherThings.includes(problemType(error) ?? '')) ||
  // Pebble returns 500 if it cannot find the predecessor. A CA that is really down will also refuse the next try.
  (isFailure(error, 'acme/busy') && error.retryAt === undefined);

const aboutOtherThings: readonly string[] = ['rejectedIdentifier', 'accountDoesNotExist', 'invalidProfile'];
