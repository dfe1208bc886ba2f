import { asFailure } from '../../core/errors/errors.ts';
import { type EngineProcess, report } from '../engine.ts';

/** Reports a failure that concerns no single certificate, and that the loop gets over by itself. Returns its message. */
export function complain(engine: Pick<EngineProcess, 'reporter' | 'clock'>, error: unknown): string {
  const { code, message } = asFailure(error);
  report(engine, { level: 'error', event: 'log', message, data: { code } });
  return message;
}
