/** Returns a function that draws numbers from 0 to 1 for the choice that `what` names. */
type Draw = (what: string) => () => number;

let draw: Draw | undefined;

/**
 * Makes contracts try a sample of their longest tables from now on, instead of all cases. certfleet's own tests use
 * this, since they run each contract for thirty providers.
 */
export function drawSamples(how: Draw | undefined): void {
  draw = how;
}

/** Whether contracts try samples. */
export const isSample = (): boolean => draw !== undefined;

/** Returns all cases, or a sample: one from each section of equal length, so that no kind is left out. */
export function sampleOf<Case>(cases: readonly Case[], count: number): readonly Case[] {
  if (draw === undefined || cases.length <= count) return cases;
  const chance = draw(`${count} of ${cases.length}`);
  const stretch = cases.length / count;
  return Array.from({ length: count }, (_, at) => cases[Math.floor((at + chance()) * stretch)]!);
}
