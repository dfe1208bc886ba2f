import { sameRequest, sameSpec } from '../../spec/same-spec.ts';
import type { StoredSpec } from '../../spec/spec.ts';
import { targetsAndEndpoints } from '../../spec/spec-parts.ts';
import { present } from '../../text/present.ts';
import { forgiven, type Means } from '../failure.ts';
import {
  isOnlyOwing,
  type JournalledChallenge,
  type Lease,
  type Lineage,
  type SettingsBefore,
  unfinishedWork,
  type Work,
} from '../lineage.ts';
import { owesCleanup, probeIntent } from '../tombstones.ts';
import { parkedOf, versionsOf, withRetired } from './parts.ts';
import { change, type Held, type Transition, whileHeld } from './transition.ts';

/** What taking a lease adds to a document. */
export interface Claim {
  readonly lease: Lease;
  /** The lease was taken from a holder that may be alive: that process's changes may still take effect. */
  readonly isDoubtful: boolean;
  readonly now: Date;
}

export interface Beginning extends Means {
  readonly wanted: StoredSpec;
  readonly origin: Lineage['origin'];
  /** `certificate`: order one, or resume an order; `delivery`: only deliver the current version. */
  readonly aim: 'certificate' | 'delivery';
  /** For a new version: `20261124-173001-k3f9ab`. */
  readonly newId: string;
  /** `wanted` was read from the store, so it is not a change. */
  readonly isStored?: boolean;
}

/**
 * Step 2: writes the lease, the spec, and the intents of the probe and the order in one write. An earlier run's journal
 * stays; its order and key stay if the request is the same. `step` starts again for this run: the order and the journal
 * show how far an earlier run came. The probe's intent stays until the order's URL is written or the work ends. It is
 * `ours` if this run may have created the probe, and `left` if an earlier one may have.
 */
export const begun = (facts: Beginning, claim: Claim): Transition => ({
  name: 'begun',
  [change]: (lineage) => {
    const { wanted } = facts;
    const before = unfinishedWork(lineage);
    const sameJob = before !== undefined && lineage !== undefined && sameRequest(lineage.spec, wanted);
    const resumed = sameJob ? afterKill(before, claim.now) : undefined;
    const onlyDelivers = lineage?.current !== undefined && (facts.aim === 'delivery' || resumed?.step === 'deploy');
    const forOrder: Pick<Work, 'step' | 'version' | 'order' | 'first'> = {
      step: 'lease',
      version: resumed && resumed.step !== 'deploy' ? resumed.version : facts.newId,
      order: resumed?.order ? doubted(resumed.order) : {},
      ...present({ first: isFirst(lineage) ? true : undefined }),
    };
    const forDelivery: Pick<Work, 'step' | 'version' | 'parked'> = {
      step: 'deploy',
      version: lineage?.current?.id ?? facts.newId,
      ...(resumed ? parkedOf(resumed) : {}),
    };
    const mayOrder = !onlyDelivers || forDelivery.parked !== undefined;
    // Challenges of another spec are still journalled: keep that spec, because its solver can remove them.
    const keepsSpec = lineage !== undefined && owesCleanup(before) && !sameSpec(lineage.spec, wanted);
    const replaced = mayOrder ? settingsReplaced(facts, lineage, keepsSpec) : undefined;
    const work: Work = {
      ...(onlyDelivers ? forDelivery : forOrder),
      before: replaced,
      lease: claim.lease,
      directory: wanted.issuer.settings.directory,
      startedAt: claim.now.toISOString(),
      challenges: before?.challenges ?? [],
      thumbprint: before?.thumbprint,
      accountUrl: before?.accountUrl,
      probe: before?.probe ? 'left' : onlyDelivers || facts.unusable ? undefined : probeIntent(wanted),
      takenOver: before?.takenOver || claim.isDoubtful ? true : undefined,
    };
    const stored: Omit<Lineage, 'origin' | 'spec' | 'deployments'> = lineage ?? { schema: 1, name: wanted.name };
    const { failure: _before, givenBack: _again, settingsLost: _known, ...rest } = stored;
    const failure = forgiven(wanted, lineage, facts, claim.now);
    const targets = [wanted, ...(replaced ? [replaced.spec] : [])].flatMap(targetsAndEndpoints);
    return {
      ...withRetired(rest, resumed ? [] : versionsOf(before)),
      failure,
      deployments: Object.fromEntries(
        Object.entries(lineage?.deployments ?? {}).filter(([target]) => targets.includes(target)),
      ),
      origin: facts.origin,
      spec: keepsSpec ? lineage.spec : wanted,
      ...present({ credentials: facts.credentials }),
      work,
    };
  },
});

/**
 * Returns the settings that a change by flags replaces: those from before the first change, if an earlier one is
 * unfinished. A change back to them keeps them, too, as long as the document has the settings of the change.
 */
function settingsReplaced(
  { wanted, origin, isStored }: Beginning,
  lineage: Lineage | undefined,
  keepsSpec: boolean,
): SettingsBefore | undefined {
  if (!lineage?.current || lineage.origin !== 'command-line' || origin !== 'command-line') return undefined;
  const { spec, credentials, failure } = lineage;
  const unfinished = unfinishedWork(lineage)?.before;
  // A run may have its own hooks without changing any settings.
  if (!unfinished && isStored) return undefined;
  const before = unfinished ?? {
    spec,
    ...present({ credentials, failure }),
  };
  return sameSpec(before.spec, wanted) && !keepsSpec ? undefined : before;
}

/**
 * Reports whether newOrder cannot have been sent for this lineage yet. A crash leaves an order's intent; a stop before
 * newOrder does not.
 */
const isFirst = (lineage: Lineage | undefined): boolean =>
  lineage === undefined || (lineage.work?.first === true && lineage.work.order === undefined);

/** Marks an order without a URL as doubtful: the CA may have received newOrder, and only the response was lost. */
const doubted = (order: NonNullable<Work['order']>): NonNullable<Work['order']> =>
  order.url === undefined ? { ...order, doubtful: true } : order;

/** If the earlier process did not end its run, it may have finalized its order. */
function afterKill<W extends Pick<Work, 'lease' | 'order'>>(work: W, now: Date): W {
  const { lease, order } = work;
  if (!lease || order?.url === undefined) return work;
  return { ...work, order: { finalizedAt: now.toISOString(), ...order } };
}

/** Takes only the lease, for a sweep: existing work stays, to be resumed later. */
export const leased = (claim: Claim): Transition =>
  whileHeld('leased', (lineage) => {
    const { spec } = lineage;
    const bare: Work = {
      step: 'close',
      version: '',
      directory: spec.issuer.settings.directory,
      startedAt: claim.now.toISOString(),
      challenges: [],
    };
    const doubtful = claim.isDoubtful ? { takenOver: true } : {};
    return { ...lineage, work: { ...afterKill(lineage.work ?? bare, claim.now), lease: claim.lease, ...doubtful } };
  });

/**
 * Journals the value with which a DNS provider is tested, or the rule with which a balancer is tested, as a challenge of a
 * first issue that never orders anything. A sweep removes the value or the rule, and then the document.
 */
export const trialBegun = (
  facts: {
    readonly wanted: StoredSpec;
    readonly thumbprint: string;
    readonly challenge: JournalledChallenge;
    /** The solver also prepares a rule. */
    readonly probe?: true;
  },
  claim: Claim,
): Transition => ({
  name: 'trialBegun',
  [change]: () => ({
    schema: 1,
    name: facts.wanted.name,
    origin: 'command-line',
    spec: facts.wanted,
    deployments: {},
    work: {
      ...{ step: 'close', version: '', directory: '', first: true },
      lease: claim.lease,
      startedAt: claim.now.toISOString(),
      thumbprint: facts.thumbprint,
      challenges: [facts.challenge],
      ...present({ probe: facts.probe && ('ours' as const) }),
    },
  }),
});

/** Releases the lease. Work that can be resumed stays. */
export const released = (): Transition =>
  whileHeld('released', (lineage) => {
    const { work, ...rest } = lineage;
    const { lease: _given, ...left } = work;
    return unfinishedWork(lineage) || isOnlyOwing(lineage) ? { ...rest, work: left } : rest;
  });

/** Removes a lease that its holder no longer uses, but could not release: it may have been in the middle of anything. */
export const abandoned = (now: Date): Transition =>
  whileHeld('abandoned', (lineage) => doubtful({ ...lineage, work: afterKill(lineage.work, now) }));

/** Removes a lease that came from a backup. Its holder may be alive, but works on a store that no longer exists. */
export const restored = (): Transition => whileHeld('restored', doubtful);

/** Returns a lineage without its lease, but with the mark that changes of its holder's may still take effect. */
function doubtful(lineage: Held): Lineage {
  const { work, ...rest } = lineage;
  const { lease: _of, ...left } = work;
  return unfinishedWork(lineage) || isOnlyOwing(lineage) ? { ...rest, work: { ...left, takenOver: true } } : rest;
}
