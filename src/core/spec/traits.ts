import type { NamedAdapter, StoredSpec } from './spec.ts';

/**
 * Reports whether a solver may create something before the order: a probe or a rule. DNS-01 creates nothing, and
 * without its provider's secrets, which may be gone, it could not even be asked to remove nothing.
 */
export const mayPrepare = ({ traits }: NamedAdapter): boolean => traits?.preparesNothing !== true;

/** Reports whether a solver prepares a rule, which stays until the challenges are removed. */
export const makesRule = ({ traits }: NamedAdapter): boolean => traits?.rule !== undefined;

/** Reports whether the rule also stays after the order. */
export const keepsRule = ({ traits }: NamedAdapter): boolean => traits?.rule === 'kept';

/**
 * Reports whether a solver changes something for an order that must not stay for long if the run is killed. A TXT
 * record or a token file does no harm.
 */
export const needsSweep = ({ traits }: NamedAdapter): boolean => traits?.rule === 'removed';

/**
 * Returns the targets that each node has for itself. A command after targets of the whole fleet only is not among them:
 * a node that receives no files has no reason to run it.
 */
export const nodeTargets = ({ targets }: Pick<StoredSpec, 'targets'>): readonly NamedAdapter[] =>
  targets.filter(({ traits }, index) => {
    if (traits?.ofNode !== 'command') return traits?.ofNode === 'target';
    const before = targets.slice(0, index).filter((one) => one.traits?.ofNode !== 'command');
    return before.length === 0 || before.some((one) => one.traits?.ofNode === 'target');
  });
