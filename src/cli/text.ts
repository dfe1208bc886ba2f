import type { CliContext } from './context.ts';

/** Colours for a terminal, or none (no terminal, NO_COLOR, TERM=dumb). */
export interface Style {
  good(text: string): string;
  bad(text: string): string;
  warn(text: string): string;
  faint(text: string): string;
}

const paint = (code: number) => (text: string) => `\x1b[${code}m${text}\x1b[0m`;
const plain = (text: string) => text;

export function styleOf({ isTerminal, env }: Pick<CliContext, 'isTerminal' | 'env'>): Style {
  const coloured = isTerminal && !env['NO_COLOR'] && env['TERM'] !== 'dumb';
  return coloured
    ? { good: paint(32), bad: paint(31), warn: paint(33), faint: paint(2) }
    : { good: plain, bad: plain, warn: plain, faint: plain };
}

/** Text of others (a CA, a server) without what could move a terminal's cursor or colour it. */
export const harmless = (text: string): string =>
  text.replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, '\ufffd');

const day = 86_400_000;

/** `2027-02-22`, with the time where it is less than ten days away and the hour matters. Always UTC. */
export function dateText(iso: string, now: Date): string {
  const near = Math.abs(Date.parse(iso) - now.getTime()) < 10 * day;
  return near ? `${iso.slice(0, 10)} ${iso.slice(11, 16)} UTC` : iso.slice(0, 10);
}

/** `90 days`, `36 hours`, `12 minutes`, rounded down. */
export function spanText(ms: number): string {
  const count = (value: number, unit: string) => `${value} ${unit}${value === 1 ? '' : 's'}`;
  if (ms >= 2 * day) return count(Math.floor(ms / day), 'day');
  if (ms >= 2 * 3_600_000) return count(Math.floor(ms / 3_600_000), 'hour');
  return count(Math.max(0, Math.floor(ms / 60_000)), 'minute');
}

/** `in 30 days`, `5 hours ago`. */
export function fromNow(iso: string, now: Date): string {
  const ms = Date.parse(iso) - now.getTime();
  return ms >= 0 ? `in ${spanText(ms)}` : `${spanText(-ms)} ago`;
}

/** Lines no longer than `width`, broken at spaces; a longer word stays whole. Lines of the text stay lines. */
export function wrap(text: string, width: number, indent = ''): string {
  return text
    .split('\n')
    .map((line) => {
      const lines: string[] = [];
      let current = '';
      for (const word of line.split(' ')) {
        if (current !== '' && current.length + 1 + word.length > width) {
          lines.push(current);
          current = word;
        } else current = current === '' ? word : `${current} ${word}`;
      }
      return [...lines, current].join(`\n${indent}`);
    })
    .join(`\n${indent}`);
}
