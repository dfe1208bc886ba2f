import { fail, isFailure } from '../../core/errors/errors.ts';
import type { Refusal } from '../../core/limits/order-buckets.ts';
import { quotaText } from '../../core/limits/rate-limits.ts';
import type { Identifier } from '../../core/names/identifier.ts';
import type { Order } from '../../ports/issuer.ts';
import { report } from '../engine.ts';
import {
  bucketKeys,
  correct,
  forget,
  type LimitedOrder,
  limitedOrder,
  mayOverrule,
  noteFailed,
  noteIssued,
  noteOverruled,
  ownTime,
  refund,
  refusalOf,
  spend,
} from '../ledger/limits.ts';
import { nameOf, type OrderRun } from './run.ts';

/** What decides how the CA counts an order. */
interface Counted {
  /** The names that are really ordered. */
  readonly identifiers: readonly Identifier[];
  readonly replaces: boolean;
}

/**
 * Sends newOrder if the CA's limits allow it, after it is written down. Fails with `acme/limited` if they do not, by what
 * we know or by the CA's answer, from which we learn.
 */
export async function withinLimits(run: OrderRun, counted: Counted, send: () => Promise<Order>): Promise<Order> {
  const { engine, job, holding, learned, signal } = run;
  const { name } = job.wanted;
  const order = await limitedOf(run, counted);
  const refused = order && (await spend(engine, order, name, signal));
  if (refused) {
    const overdue = { name, lineage: holding.lineage, now: engine.clock.now() };
    if (!(await mayOverrule(engine, order, overdue, signal))) throw limited(run, order, refused);
    await noteOverruled(engine, order, name, signal);
  }
  const learn = async (error: unknown) => {
    if (!order || !isFailure(error, 'acme/rate-limited', 'acme/paused', 'acme/problem')) return undefined;
    if (!refused) await refund(engine, order, signal);
    return correct(engine, order, error, signal);
  };
  const sendHeld = async () => {
    await holding.check(signal); // it may have waited for others since the caller's check
    return send();
  };
  learned.asked = true;
  try {
    const keys = order ? bucketKeys(order) : [];
    const placed = await engine.pass.limits.ask({ keys, send: sendHeld, learn }, signal);
    if (order && refused) await allowed(run, order, refused);
    return placed;
  } catch (error) {
    learned.isLimited = isFailure(error, 'acme/rate-limited');
    const named = order && learned.isLimited ? refusalOf(engine, order) : undefined;
    throw order && named ? limited(run, order, named, error) : error;
  }
}

/** Returns the order as its CA counts it. */
const limitedOf = ({ engine, job, holding, account }: OrderRun, counted: Counted): Promise<LimitedOrder | undefined> =>
  limitedOrder(engine, job.wanted, holding.lineage, { account: account.accountUrl, ...counted });

function limited(run: OrderRun, order: LimitedOrder, { by, untilMs }: Refusal, cause?: unknown) {
  const retryAt = ownTime(run.engine, order, untilMs);
  const limit = { until: retryAt.toISOString(), quota: quotaText(by.limit, by.of) };
  run.learned.limit = limit;
  return fail('acme/limited', { issuer: run.issuer.name, ...limit }, { cause, retryAt });
}

/** Reports that the CA allows more than we believed. */
async function allowed(run: OrderRun, order: LimitedOrder, { by }: Refusal): Promise<void> {
  const { engine, issuer, signal } = run;
  await forget(engine, order, by, signal);
  const { id } = by.limit;
  const message = `${issuer.name} accepted an order that would exceed ${quotaText(by.limit, by.of)}; if it has raised this limit for you, set \`limits.${id}\` of the issuer`;
  report(engine, { level: 'warn', event: 'log', certificate: nameOf(run), message });
}

/** Writes down that the certificate of the run was issued. */
export async function countIssued(run: OrderRun): Promise<void> {
  const { engine, job, holding, signal } = run;
  const replaces = holding.work.order?.replaces !== undefined;
  const order = await limitedOf(run, { identifiers: job.wanted.identifiers, replaces });
  if (order) await noteIssued(engine, order, signal);
}

/** Writes down that the CA could not validate a name. */
export async function countFailed(run: OrderRun, name: string): Promise<void> {
  const { engine, job, signal } = run;
  const order = await limitedOf(run, { identifiers: job.wanted.identifiers, replaces: false });
  if (order) await noteFailed(engine, order, name, signal);
}
