import { counted } from './counted.ts';

const unitsMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const day = unitsMs.d;

/** A duration as written in the configuration and in flags. */
export const durationPattern = /^\d+(ms|s|m|h|d)$/;

/** The longest duration that a setting may have. Far more is no date any more. */
export const longestDays = 36_500;

/** Returns the milliseconds of a text that matches {@link durationPattern}. */
export const durationMs = (text: string): number =>
  Number.parseInt(text, 10) * unitsMs[text.replace(/^\d+/, '') as keyof typeof unitsMs];

/** Returns `90 days`, `36 hours`, `12 minutes` or `less than a minute`, rounded down. */
export function spanText(ms: number): string {
  if (ms >= 2 * day) return counted(Math.floor(ms / day), 'day');
  if (ms >= 2 * 3_600_000) return counted(Math.floor(ms / 3_600_000), 'hour');
  return ms < 60_000 ? 'less than a minute' : counted(Math.floor(ms / 60_000), 'minute');
}
