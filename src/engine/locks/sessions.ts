import { OtherSessions } from './fence.ts';
import { OwnSessions, type SessionPorts } from './session.ts';

/** On what leases rest: the session of this process, and those of the others. */
export interface Sessions {
  readonly own: OwnSessions;
  readonly others: OtherSessions;
}

export const createSessions = (ports: SessionPorts): Sessions => ({
  own: new OwnSessions(ports),
  others: new OtherSessions(ports),
});
