const day = 86_400_000;

/** `90 days`, `36 hours`, `12 minutes`, `less than a minute`, rounded down. */
export function spanText(ms: number): string {
  const count = (value: number, unit: string) => `${value} ${unit}${value === 1 ? '' : 's'}`;
  if (ms >= 2 * day) return count(Math.floor(ms / day), 'day');
  if (ms >= 2 * 3_600_000) return count(Math.floor(ms / 3_600_000), 'hour');
  return ms < 60_000 ? 'less than a minute' : count(Math.floor(ms / 60_000), 'minute');
}
