import { createSingleFlight } from '../../core/async/single-flight.ts';
import { createTurns } from '../../core/async/turns.ts';

/** Draws the path of a certificate. */
type Draw<T> = (name: string, signal: AbortSignal) => Promise<T>;

/** A drawing opens connections to DNS servers, CAs and endpoints, and every reader may ask for one. */
const mostAtOnce = 4;

/** Draws few at once for all readers, who wait for each other; those who ask for the same one share it. */
export function inTurns<T>(draw: Draw<T>): Draw<T> {
  const turns = createTurns(mostAtOnce);
  const share = createSingleFlight<T>();
  return (name, signal) => share(name, () => turns.run(() => draw(name, signal), signal), signal);
}
