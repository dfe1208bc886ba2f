import { homedir } from 'node:os';

/** The home folder of the user that runs certfleet, also under cron. */
export const userFolder = (): string => homedir();
