import { asFailure } from '../../core/errors/errors.ts';
import { type EngineProcess, report } from '../engine.ts';

/** Reports a failure that concerns no single certificate, and that the loop gets over by itself. Returns its message. */
export function complain(engine: Pick<EngineProcess, 'reporter' | 'clock'>, error: unknown): string {
  const { code, message } = asFailure(error);
  report(engine, { level: 'error', event: 'log', message, data: { code } });
  return message;
}

/** A failure of something that is tried again and again: it is the same one, and reported once, until a try succeeds. */
export interface Trouble {
  readonly isThere: boolean;
  /** Takes note of a failed try. Returns its message. */
  failed(error: unknown): string;
  succeeded(): void;
}

export function createTrouble(engine: Parameters<typeof complain>[0]): Trouble {
  let isThere = false;
  return {
    get isThere() {
      return isThere;
    },
    failed(error) {
      const message = isThere ? asFailure(error).message : complain(engine, error);
      isThere = true;
      return message;
    },
    succeeded() {
      isThere = false;
    },
  };
}
