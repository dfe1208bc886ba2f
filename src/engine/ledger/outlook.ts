import { bucketsNeeded } from '../../core/limits/order-buckets.ts';
import type { Lineage } from '../../core/lineage/lineage.ts';
import type { BucketStanding } from '../../core/plan/bucket-status.ts';
import type { StoredSpec } from '../../core/spec/spec.ts';
import { present } from '../../core/text/present.ts';
import type { Engine } from '../engine.ts';
import { standingAt } from './buckets.ts';
import { endOfCaHold, holdOf } from './ca-hold.ts';
import { accountOfPass, limitedOrder, limitsOfIssuer, ownTime, readLimits, refusalOf } from './limits.ts';

/** What a CA's limits will say to the next order of a certificate, by our own account. Times are RFC 3339. */
export interface OrderOutlook {
  readonly issuer: string;
  /** Whether anything is known of its limits. */
  readonly isKnown: boolean;
  /** Until when the CA has asked us to wait with all orders. */
  readonly heldUntil?: string;
  /** The limit that allows it only later, and when. */
  readonly refused?: { readonly quota: string; readonly until: string };
  /** All limits that the order meets, those first of which least is left. */
  readonly limits: readonly Pick<BucketStanding, 'limit' | 'of' | 'quota' | 'burst' | 'left' | 'nextAt'>[];
}

/** Says what an order would meet. Only reads the store. */
export async function outlookOf(
  engine: Engine,
  spec: StoredSpec,
  lineage: Lineage | undefined,
  signal: AbortSignal,
): Promise<OrderOutlook> {
  const { name: issuer, settings } = spec.issuer;
  const { directory } = settings;
  const now = engine.clock.now();
  const heldUntil = endOfCaHold(await holdOf(engine, directory, signal), lineage, now);
  const common = { issuer, ...present({ heldUntil }) };
  const account = await accountOfPass(engine, settings, signal);
  const order = await limitedOrder(engine, spec, lineage, { account });
  if (!order) return { ...common, isKnown: limitsOfIssuer(settings).length > 0, limits: [] };
  await readLimits(engine, [order], signal);
  const refused = refusalOf(engine, order);
  const arrivals = engine.pass.limits.arrivalsAt(directory);
  const { issuedAtMs } = order;
  const limits = bucketsNeeded(order.facts, order.limits).map((bucket) =>
    standingAt(engine, directory, { bucket, storedMs: arrivals.get(bucket.key), issuedAtMs }),
  );
  return {
    ...common,
    isKnown: true,
    ...present({
      refused: refused && {
        quota: limits.find(({ limit, of }) => limit === refused.by.limit.id && of === refused.by.of)?.quota ?? '',
        until: ownTime(engine, settings, Math.ceil(refused.untilMs)).toISOString(),
      },
    }),
    limits: limits.sort((a, b) => a.left / a.burst - b.left / b.burst),
  };
}
