import { type AdapterSettings, type StoredSpec, zoneSolversKey } from './spec.ts';

/** The DNS provider that is a person. */
export const manualProvider = 'manual';

/** Whether a new certificate needs a person at a terminal, so that `renew` cannot get it. */
export const isByHand = ({ parts }: StoredSpec): boolean => parts.some(({ solver }) => isManual(solver.settings));

/** A record of dns-persist-01 stays, so only the first order needs the person. */
const isManual = (solver: AdapterSettings): boolean => solver['challenge'] !== 'dns-persist-01' && isPerson(solver);

/** Whether a person writes the records of a certificate: each time, or once with dns-persist-01. */
export const isWrittenByHand = ({ parts }: StoredSpec): boolean =>
  parts.some(({ solver }) => isPerson(solver.settings));

const isPerson = ({ type, provider, [zoneSolversKey]: others = {} }: AdapterSettings): boolean =>
  type === 'dns01' &&
  (provider === manualProvider || Object.values(others as Record<string, AdapterSettings>).some(isPerson));
