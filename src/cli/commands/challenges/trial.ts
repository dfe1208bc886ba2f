import { type CertfleetError, isFailure } from '../../../core/errors/errors.ts';
import type { Fleet } from '../../../fleet.ts';
import type { Session } from '../../context.ts';
import { styleOf, widthOf, wrap } from '../../output/text.ts';

// What `dns test` and `balancer test` share.

/** Opens the fleet. Without a store, opens one that stores nothing, and returns the error, too. */
export async function openAny(session: Session): Promise<{ fleet: Fleet; absent?: CertfleetError }> {
  try {
    return { fleet: await session.fleet({ makeStore: false }) };
  } catch (error) {
    if (!isFailure(error, 'store/absent')) throw error;
    return { fleet: await session.fleet({ makeStore: true, inMemory: true }), absent: error };
  }
}

export const secondsText = (ms: number): string => `${(ms / 1_000).toFixed(ms < 9_950 ? 1 : 0)} s`;

/** Prints a step that has succeeded, unless the session is quiet. */
export function printStep(session: Session, label: string, { ms, finding }: { ms: number; finding: string }): void {
  if (session.quiet) return;
  const width = widthOf(session.context.stdout);
  const indent = ' '.repeat(24);
  const head = `${styleOf(session.context).good('✓')} ${label.padEnd(11)} ${secondsText(ms).padStart(8)}  `;
  session.printWhole(`${head}${wrap(finding, width - indent.length, indent)}`);
}
