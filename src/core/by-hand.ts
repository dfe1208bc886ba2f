import { type AdapterSettings, type StoredSpec, zoneSolversKey } from './spec.ts';
import { partsOf } from './spec-parts.ts';

/** The DNS provider that is a person. */
export const manualProvider = 'manual';

/** Whether a new certificate needs a person at a terminal, so that `renew` cannot get it. */
export const isByHand = (wanted: StoredSpec): boolean => partsOf(wanted).some(({ solver }) => isManual(solver));

/** A record of dns-persist-01 stays, so only the first order needs the person. */
const isManual = ({ type, provider, challenge, [zoneSolversKey]: others = {} }: AdapterSettings): boolean =>
  type === 'dns01' &&
  challenge !== 'dns-persist-01' &&
  (provider === manualProvider || Object.values(others as Record<string, AdapterSettings>).some(isManual));
