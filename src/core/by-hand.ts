import type { AdapterSettings, StoredSpec } from './spec.ts';
import { partsOf } from './spec-parts.ts';

/** The DNS provider that is a person. */
export const manualProvider = 'manual';

/** Whether a new certificate needs a person at a terminal, so that `renew` cannot get it. */
export const isByHand = (wanted: StoredSpec): boolean => partsOf(wanted).some(({ solver }) => isManual(solver));

const isManual = ({ type, ...options }: AdapterSettings): boolean =>
  type === 'dns01' && options['provider'] === manualProvider;
