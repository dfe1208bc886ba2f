import type { AdapterSettings, StoredSpec } from './spec.ts';
import { isPerson } from './traits.ts';

/** Whether a new certificate needs a person at a terminal, so that `renew` cannot get it. */
export const isByHand = ({ parts }: StoredSpec): boolean => parts.some(({ solver }) => isManual(solver.settings));

/** A record of dns-persist-01 stays, so only the first order needs the person. */
const isManual = (solver: AdapterSettings): boolean => solver['challenge'] !== 'dns-persist-01' && isPerson(solver);

/** Whether a person writes the records of a certificate: each time, or once with dns-persist-01. */
export const isWrittenByHand = ({ parts }: StoredSpec): boolean =>
  parts.some(({ solver }) => isPerson(solver.settings));
