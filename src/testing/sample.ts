/** Numbers from 0 to 1 for a choice, which `what` names. */
type Draw = (what: string) => () => number;

let draw: Draw | undefined;

/**
 * From now on, contracts try a sample of their longest tables, in place of all cases. The tests of certfleet itself say
 * so, since they run each contract for thirty providers.
 */
export function drawSamples(how: Draw | undefined): void {
  draw = how;
}

/** All cases, or a sample: one of each stretch of equal length, so that no kind is left out. */
export function sampleOf<Case>(cases: readonly Case[], count: number): readonly Case[] {
  if (draw === undefined || cases.length <= count) return cases;
  const chance = draw(`${count} of ${cases.length}`);
  const stretch = cases.length / count;
  return Array.from({ length: count }, (_, at) => cases[Math.floor((at + chance()) * stretch)]!);
}
