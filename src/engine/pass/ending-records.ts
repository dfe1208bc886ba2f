import { endingRecords } from '../../core/lineage/kept-records.ts';
import type { Lineage } from '../../core/lineage/lineage.ts';
import { isWrittenByHand } from '../../core/spec/by-hand.ts';
import { type Engine, report } from '../engine.ts';

/** Warns, in every pass, about records that a person must replace. Other records are replaced by the next order. */
export function warnOfEnding(engine: Engine, lineage: Lineage): void {
  if (!lineage.kept || !isWrittenByHand(lineage.spec)) return;
  for (const { name, until } of endingRecords(lineage, engine.clock.now())) {
    const message = `the TXT record at ${name} ends at ${until}; before that, run \`certfleet issue ${lineage.name} --force\` at a terminal to add the next one`;
    report(engine, { level: 'warn', event: 'log', certificate: lineage.name, message });
  }
}
