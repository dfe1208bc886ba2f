import { type CertfleetError, fail, isFailure } from '../../core/errors.ts';
import { didYouMean } from '../../core/nearest.ts';
import { problemType } from '../../core/problem.ts';
import type { CertificateSpec } from '../../core/spec.ts';
import { hasRoomForOrder } from '../../core/tombstones.ts';
import { ordered, orderGivenUp } from '../../core/work.ts';
import type { Directory, Order } from '../../ports/issuer.ts';
import { ask, isLost } from '../ask.ts';
import { endHold } from '../ledger/ca-hold.ts';
import { announce, nameOf, type OrderRun } from '../run.ts';

/** How long a limit holds a renewal while an open order keeps it from being sent with `replaces`, which is exempt. */
const openOrderHoldMs = 3_600_000;

/** The order that an earlier run placed, where it is still alive: at most one is open for this lineage. */
export async function keptOrder(run: OrderRun): Promise<Order | undefined> {
  const { account, holding, signal } = run;
  const url = holding.work.order?.url;
  if (url === undefined) return undefined;
  const order = await ask(run, () => account.order(url, signal)).catch((error: unknown) => {
    if (isGone(error)) return undefined;
    throw error;
  });
  return order && order.status !== 'invalid' && !isExpired(run, order) ? order : undefined;
}

/**
 * Whether a kept order is no more: the CA has forgotten it (Boulder says 404 and `malformed`, Pebble 404), or it is
 * another account's by now. Any other refusal (a page to be read first, a firewall's) says nothing about the order,
 * which may hold the certificate already.
 */
const isGone = (error: unknown): boolean => {
  if (!isFailure(error, 'acme/problem')) return false;
  const type = problemType(error);
  const { status } = (error.problem ?? {}) as { readonly status?: number };
  return status === 404 || type === 'malformed' || type === 'accountDoesNotExist' || type === 'unauthorized';
};

const isExpired = ({ engine }: OrderRun, { expires, status }: Order): boolean =>
  expires !== undefined && Date.parse(expires) <= engine.clock.now().getTime() && status !== 'valid';

/** A profile that the CA does not list must not be asked for (draft-ietf-acme-profiles); one that lists none may have it. */
export function checkProfile({ issuer, profile }: CertificateSpec, listed: Directory['profiles']): void {
  const profiles = Object.keys(listed);
  if (profile === undefined || profiles.length === 0 || profiles.includes(profile)) return;
  const nearest = didYouMean(profile, profiles);
  throw fail('config/unknown-profile', { issuer, profile, nearest, profiles: profiles.join(', ') });
}

/** Steps 5b and 5c: newOrder, and its URL into the journal. The intent stands there since the lease was taken. */
export async function placeOrder(run: OrderRun): Promise<Order> {
  const { engine, job, issuer, holding, learned, signal } = run;
  const pace = engine.memory.paces(issuer.directoryUrl);
  announce(run, 'order', 'ordering the certificate');
  if (holding.work.order?.url !== undefined) await holding.apply(orderGivenUp(), signal);
  const replaces = whatItReplaces(run);
  const { profile } = job.wanted.spec;
  learned.asked = true;
  let order: Order;
  try {
    order = await orderOnce(run, replaces);
  } catch (error) {
    if (pace.state() === 'down' && isLost(error)) throw down(run, error);
    if (isLost(error)) pace.failed();
    throw error;
  }
  const asked = { ...(replaces === undefined ? {} : { replaces }), ...(profile === undefined ? {} : { profile }) };
  await holding.apply(ordered({ ...asked, url: order.url }), signal);
  // A courtesy to the next run, which would find out as well: no reason to fail.
  if (pace.state() === 'probing') await endHold(engine, issuer.directoryUrl).catch(() => undefined);
  pace.works();
  return order;
}

/**
 * Fails where another certificate of this run has found that the CA takes no orders, and where the document has no room
 * for the challenges of one.
 */
export function checkMayOrder(run: OrderRun): void {
  const { engine, holding, issuer, job } = run;
  if (engine.memory.paces(issuer.directoryUrl).state() === 'down') throw down(run);
  const { lineage } = holding;
  if (hasRoomForOrder(lineage, job.wanted, engine.clock.now())) return;
  const count = lineage.tombstones?.length ?? 0;
  throw fail('solver/too-much-left', { certificate: nameOf(run), count });
}

const down = (run: OrderRun, cause?: unknown): CertfleetError =>
  fail('acme/down', { issuer: run.issuer.name, certificate: nameOf(run) }, cause === undefined ? {} : { cause });

/** The ARI id of the certificate before, where this CA issued it (RFC 9773 §5). */
function whatItReplaces({ holding, directory, issuer }: OrderRun): string | undefined {
  const { current, failure } = holding.lineage;
  if (!directory.hasRenewalInfo || current?.directory !== issuer.directoryUrl) return undefined;
  // If the CA failed on `replaces` last time, omit it: it must never block a renewal.
  const hasFailed = holding.work.order?.doubtful === true && failure?.code === 'acme/busy';
  return hasFailed ? undefined : current.facts.ariId;
}

/**
 * newOrder, sent again without `replaces` where the CA refuses that, and once more after a lost answer: Boulder returns
 * the order that it has opened; another CA may open a second one, which expires unused.
 */
async function orderOnce(run: OrderRun, replaces: string | undefined): Promise<Order> {
  try {
    return await sendNewOrder(run, replaces);
  } catch (error) {
    if (replaces === undefined || !refusesReplaces(error)) throw error;
    // Never a reason not to renew (RFC 9773 §5): the same order without it.
    return await sendNewOrder(run, undefined).catch((second: unknown) => {
      if (!isAlreadyReplaced(error) || !isFailure(second, 'acme/rate-limited')) throw second;
      return sendBehindOpenOrder(run, replaces, second);
    });
  }
}

function sendNewOrder(run: OrderRun, replaces: string | undefined): Promise<Order> {
  const { account, holding, signal } = run;
  const { identifiers, profile } = run.job.wanted.spec;
  const request = {
    identifiers,
    ...(replaces === undefined ? {} : { replaces }),
    ...(profile === undefined ? {} : { profile }),
  };
  const send = () => account.newOrder(request, signal);
  return holding.effect(signal, () =>
    ask(run, send, { repeats: 1, repeatAfter: (error) => isFailure(error, 'acme/unreachable') }),
  );
}

/**
 * A crash lost the URL of an open order for the predecessor, and without `replaces` a limit refuses: Boulder accepts
 * `replaces` again once that order is dead. It does not say when, so the next try comes within the hour.
 */
async function sendBehindOpenOrder(run: OrderRun, replaces: string, limit: CertfleetError): Promise<Order> {
  try {
    return await sendNewOrder(run, replaces);
  } catch (error) {
    if (!isAlreadyReplaced(error)) throw error;
    const soon = run.engine.clock.now().getTime() + openOrderHoldMs;
    const retryAt = new Date(Math.min(limit.retryAt?.getTime() ?? soon, soon));
    const params = { issuer: run.issuer.name, certificate: nameOf(run), detail: limit.message };
    throw fail('acme/open-order', params, { cause: limit, retryAt });
  }
}

const isAlreadyReplaced = (error: unknown): boolean => problemType(error) === 'alreadyReplaced';

/**
 * Let's Encrypt names it alreadyReplaced; for a predecessor of another account, another CA or an unknown serial the
 * answers differ by CA, so any refusal of an order with `replaces` is tried once without.
 */
const refusesReplaces = (error: unknown): boolean =>
  (isFailure(error, 'acme/problem') && !aboutOtherThings.includes(problemType(error) ?? '')) ||
  // Pebble answers 500 where it cannot find a predecessor; a CA that is really down says so to the next one too.
  (isFailure(error, 'acme/busy') && error.retryAt === undefined);

const aboutOtherThings: readonly string[] = ['rejectedIdentifier', 'accountDoesNotExist'];
