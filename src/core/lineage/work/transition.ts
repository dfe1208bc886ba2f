import { fail } from '../../errors/errors.ts';
import type { Lineage, Work } from '../lineage.ts';

/**
 * Every change of a lineage's document is a named pure function in this folder. The engine decides when, and passes
 * facts (an order's URL, receipts, a version, a failure); only this folder builds documents. `mayFollow` says which
 * change may follow which. What must never happen, wherever a process is killed, is tested with the engine: by the walks
 * of test/simulation/entrances.test.ts and by the world of test/simulation/world.
 */

/** How far a lineage has come. From `begun` on, the phases are in the order of the path; `interrupted` has no lease. */
export type Phase = 'absent' | 'idle' | 'interrupted' | 'bare' | 'begun' | 'ordered' | 'challenged' | 'current';

export function phaseOf(lineage: Lineage | undefined): Phase {
  if (!lineage) return 'absent';
  const { work } = lineage;
  if (!work) return 'idle';
  if (!work.lease) return 'interrupted';
  switch (work.step) {
    case 'close':
      return 'bare';
    case 'lease':
      return 'begun';
    case 'order':
      return 'ordered';
    case 'challenges':
      return 'challenged';
    case 'deploy':
      return 'current';
    default: // `key`, `validate` and `finalize` are announced, but never written
      throw fail('bug/unexpected', { reason: `${lineage.name} has the step ${work.step}` });
  }
}

const inFlight = ['begun', 'ordered', 'challenged'] as const;

export const held = ['bare', ...inFlight, 'current'] as const;

/** The phases in which each transition may start. Any other is a bug, and throws. */
const mayFollow = {
  // The lease. It can be taken from a dead holder, whatever the phase.
  begun: ['absent', 'idle', 'interrupted', ...held],
  leased: ['idle', 'interrupted', ...held],
  trialBegun: ['absent'],
  imported: ['absent', 'idle'],
  rebuilt: ['absent'],
  leftAlone: ['idle', 'interrupted', ...held],
  windowAsked: ['idle'],
  drifted: ['idle', 'interrupted'],
  paused: ['idle', 'interrupted', ...held],
  resumed: ['idle', 'interrupted', ...held],
  recordsKept: held,
  released: held,
  abandoned: held,
  restored: held,
  // Towards a certificate.
  pastRemoved: ['begun', 'current'],
  overruled: inFlight,
  orderGivenUp: ['begun'],
  orderLimited: ['begun'],
  ordered: ['begun'],
  challengesIntended: ['begun', 'ordered'], // a resumed order starts from `begun` in its own run
  receiptsKept: ['challenged'],
  presentFailed: ['challenged'],
  accountKeyChanged: inFlight,
  accountLost: inFlight,
  orderFailed: inFlight,
  certificateRefused: inFlight,
  namesDropped: inFlight,
  madeCurrent: inFlight,
  sent: ['current'],
  revocationMeant: held,
  revoked: held,
  revocationRefused: held,
  rolledBack: held,
  exported: held,
  exportFailed: held,
  // The end of a run.
  closed: ['current'],
  failed: [...inFlight, 'current'],
  stopped: [...inFlight, 'current'],
  waited: inFlight,
  swept: held,
  forgotten: held,
} as const satisfies Record<string, readonly Phase[]>;

export type TransitionName = keyof typeof mayFollow;

export const change: unique symbol = Symbol('change');

/** One change of a lineage. Opaque: only the functions below create one, and only {@link after} applies it. */
export interface Transition {
  readonly name: TransitionName;
  readonly [change]: (lineage: Lineage | undefined) => Lineage | undefined;
}

/**
 * Applies a transition to a document. Returns undefined if the document is to be deleted. Fails with `bug/unexpected`
 * outside the table.
 */
export function after(lineage: Lineage | undefined, transition: Transition): Lineage | undefined {
  const phase = phaseOf(lineage);
  if (!(mayFollow[transition.name] as readonly Phase[]).includes(phase))
    throw fail('bug/unexpected', {
      reason: `${transition.name} cannot follow ${phase} (${lineage?.name ?? 'no lineage'})`,
    });
  return transition[change](lineage);
}

/** A lineage whose lease is held, as the table guarantees. */
export type Held = Lineage & { readonly work: Work };

export const whileHeld = (name: TransitionName, run: (lineage: Held) => Lineage | undefined): Transition => ({
  name,
  [change]: (lineage) => run(lineage as Held),
});

export const withWork = (name: TransitionName, run: (work: Work, lineage: Held) => Work): Transition =>
  whileHeld(name, (lineage) => ({ ...lineage, work: run(lineage.work, lineage) }));
