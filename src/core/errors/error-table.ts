import { access } from './messages/access.ts';
import { accounts } from './messages/accounts.ts';
import { balancers } from './messages/balancers.ts';
import { ca } from './messages/ca.ts';
import { certbot } from './messages/certbot.ts';
import { challenges } from './messages/challenges.ts';
import { configuration } from './messages/configuration.ts';
import { deployment } from './messages/deployment.ts';
import { notifiers } from './messages/notifiers.ts';
import { preflight } from './messages/preflight.ts';
import { program } from './messages/program.ts';
import { schedule } from './messages/schedule.ts';
import { store } from './messages/store.ts';
import { usage } from './messages/usage.ts';

/**
 * Every error that certfleet reports, in one table. The area before the slash decides the exit code (`exitCodes`).
 */
export const errorTable = {
  ...usage,
  ...certbot,
  ...configuration,
  ...access,
  ...accounts,
  ...preflight,
  ...ca,
  ...challenges,
  ...balancers,
  ...deployment,
  ...notifiers,
  ...schedule,
  ...store,
  ...program,
};

export type ErrorCode = keyof typeof errorTable;

/** Codes whose exit code differs from their area's: another process must finish first. */
export const exitCodesOfCodes: { readonly [C in ErrorCode]?: 7 } = { 'account/rolling': 7, 'account/changed': 7 };

/** Exit codes of the command line, by the area of the error code (the part before the slash). */
export const exitCodes = {
  usage: 2,
  config: 2,
  identifier: 2,
  account: 2,
  access: 2,
  lineage: 2,
  preflight: 3,
  acme: 4,
  dns: 5,
  solver: 5,
  balancer: 5,
  deploy: 6,
  notify: 5,
  schedule: 8,
  store: 7,
  import: 2,
  network: 4,
  process: 5,
  output: 9,
  bug: 1,
} as const;
