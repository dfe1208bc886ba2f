import { isFailure } from '../../core/errors/errors.ts';
import type { Fleet, LineageStatus } from '../../fleet.ts';
import type { Session } from '../context.ts';

/** Returns the fleet of the store, or undefined if there is no store yet. */
export const storedFleet = (session: Session): Promise<Fleet | undefined> =>
  session.fleet({ makeStore: false }).catch((error: unknown) => {
    if (!isFailure(error, 'store/absent')) throw error;
    return undefined;
  });

/** Returns the stored certificates without test certificates, because certbot keeps none. */
export const certificatesIn = async (fleet: Fleet | undefined, session: Session): Promise<readonly LineageStatus[]> =>
  ((await fleet?.status([], session.signal)) ?? []).filter(({ state }) => state !== 'test');
