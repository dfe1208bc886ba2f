import type { StoredSpec } from './spec.ts';

/** Reports whether a new certificate requires a person at a terminal, so that `renew` cannot get it. */
export const isByHand = ({ parts }: StoredSpec): boolean =>
  parts.some(({ solver }) => solver.traits?.person === 'each order');

/** Reports whether a person writes a certificate's records: for each order, or once with dns-persist-01. */
export const isWrittenByHand = ({ parts }: StoredSpec): boolean =>
  parts.some(({ solver }) => solver.traits?.person !== undefined);
