import type { NamedAdapter, StoredSpec } from './spec.ts';
import { isPerson } from './traits.ts';

/** Reports whether a new certificate requires a person at a terminal, so that `renew` cannot get it. */
export const isByHand = ({ parts }: StoredSpec): boolean => parts.some(({ solver }) => isManual(solver));

/** A dns-persist-01 record outlives the order, so only the first order requires the person. */
const isManual = (solver: NamedAdapter): boolean =>
  solver.settings['challenge'] !== 'dns-persist-01' && isPerson(solver);

/** Reports whether a person writes a certificate's records: for each order, or once with dns-persist-01. */
export const isWrittenByHand = ({ parts }: StoredSpec): boolean => parts.some(({ solver }) => isPerson(solver));
