import { homedir } from 'node:os';

/** Returns the home folder of the user that runs certfleet, also under cron. */
export const userFolder = (): string => homedir();
