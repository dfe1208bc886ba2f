import { mixed } from './chance.ts';
import type { Process } from './process.ts';

/** Notes what a process does. */
export type Trace = (process: Process | undefined, what: string, about: string, fault?: string) => void;

/** The lines of a run as one number, so that two runs can be compared without keeping them. */
export function createTrace(nowMs: () => number, print?: (line: string) => void) {
  let [hash, lines] = [2_166_136_261, 0];
  const trace: Trace = (process, what, about, fault = '') => {
    lines += 1;
    const who = process ? `${process.replica}/${process.identity.pid}` : 'world';
    const line = `${nowMs()} ${who} ${what} ${about} ${fault}`;
    hash = mixed(line, hash);
    print?.(`${new Date(nowMs()).toISOString()} ${who.padEnd(8)} ${fault && `[${fault}] `}${what} ${about}`);
  };
  return {
    trace,
    /** The hash of all lines, and their number. */
    get hash() {
      return `${hash.toString(16).padStart(8, '0')}-${lines}`;
    },
  };
}
