import { spanText } from '../../core/text/span.ts';
import type { ApiAnswer } from './json-api.ts';

/** Advises what to do if a service rejects this machine's time. @param most by how much the clocks may differ */
export function clockAdvice({ clockAheadMs: ms }: ApiAnswer, service: string, most: string): string {
  const skew =
    ms === undefined ? '' : `: it is ${spanText(Math.abs(ms))} ${ms > 0 ? 'ahead of' : 'behind'} ${service}’s`;
  return `Set this machine’s clock (NTP)${skew}. They may differ by at most ${most}.`;
}
