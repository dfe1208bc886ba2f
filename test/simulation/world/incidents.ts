import type { StoredSpec } from '../../../src/core/spec/spec.ts';
import type { Command } from './asks.ts';
import type { CaModel } from './ca-model/ca-model.ts';
import { atOtherCa, directoryUrl, type Incident, otherDirectoryUrl } from './scenario.ts';
import type { Disk } from './store.ts';
import type { Trace } from './trace.ts';

/** What an incident changes in its world. */
export interface Grips {
  /** By their directories. */
  readonly cas: ReadonlyMap<string, CaModel>;
  /** The specs that are declared. */
  readonly wanted: Map<string, StoredSpec>;
  /** How far the wall clock of each replica is ahead. */
  readonly aheadMs: Map<string, number>;
  /** The names that the CA cannot validate. */
  readonly invalid: Set<string>;
  readonly disk: Disk;
  readonly trace: Trace;
  /** Ends all pauses, as the owners of the accounts do once their names are well again. */
  readonly unpause: () => void;
  readonly later: (ms: number, run: () => void) => void;
  /** Tells every replica that the configuration of a certificate has changed. */
  readonly configured: (certificate: string) => void;
  /** Wakes a replica, which sees that its clock has jumped. */
  readonly wake: (replica: string) => void;
  /** Stops a replica in order, and starts it again after some time. */
  readonly stop: (replica: string, forMs: number) => void;
  readonly request: (command: Command) => void;
  /** Puts the version before back at a place behind the endpoint of a certificate. */
  readonly putBack: (certificate: string, share: number) => void;
}

/** Lets an incident begin, and end after its time. */
export function happen(incident: Incident, grips: Grips): void {
  const { cas, wanted, aheadMs, invalid, disk, trace, later, configured, stop } = grips;
  trace(undefined, incident.what, JSON.stringify(incident));
  const ca = cas.get('isOther' in incident ? otherDirectoryUrl : directoryUrl)!;
  const { switches } = ca;
  switch (incident.what) {
    case 'down':
      switches.isDown = true;
      later(incident.forMs, () => {
        switches.isDown = false;
      });
      break;
    case 'busy': {
      const { retryAfterSeconds } = incident;
      switches.answers = () => ({ status: 503, retryAfterSeconds });
      later(incident.forMs, () => {
        switches.answers = () => undefined;
      });
      break;
    }
    case 'slow-finalize':
      switches.finalizeMs = incident.finalizeMs;
      later(incident.forMs, () => {
        switches.finalizeMs = 0;
      });
      break;
    case 'short-windows':
      for (const one of cas.values()) one.switches.windowMs = incident.windowMs;
      break;
    case 'lifetime':
      for (const one of cas.values()) one.switches.validityMs.set('classic', incident.lifetimeMs);
      break;
    case 'revoke-all':
      ca.revokeAll('https://ca.test/incident');
      break;
    case 'clock': {
      const before = aheadMs.get(incident.replica) ?? 0;
      aheadMs.set(incident.replica, incident.aheadMs);
      later(incident.forMs, () => void aheadMs.set(incident.replica, before));
      // A machine most often has a wrong clock after it was started.
      if (!incident.runs) stop(incident.replica, 60_000);
      else for (const ms of [0, incident.forMs]) later(ms, () => grips.wake(incident.replica));
      break;
    }
    case 'add-name': {
      const spec = wanted.get(incident.certificate);
      if (!spec) break;
      const identifiers = [...spec.identifiers, { type: 'dns', value: `new.${spec.name}.test` } as const];
      wanted.set(spec.name, { ...spec, identifiers });
      configured(incident.certificate);
      break;
    }
    case 'other-ca': {
      const spec = wanted.get(incident.certificate);
      if (!spec) break;
      wanted.set(spec.name, atOtherCa(spec));
      configured(spec.name);
      break;
    }
    case 'remove':
      wanted.delete(incident.certificate);
      configured(incident.certificate);
      break;
    case 'invalid': {
      const names = wanted.get(incident.certificate)?.identifiers.map(({ value }) => value) ?? [];
      for (const name of names) invalid.add(name);
      later(incident.forMs, () => {
        for (const name of names) invalid.delete(name);
        grips.unpause();
      });
      break;
    }
    case 'disk-full':
      disk.isFull = true;
      later(incident.forMs, () => {
        disk.isFull = false;
      });
      break;
    case 'stop':
      stop(incident.replica, incident.forMs);
      break;
    case 'drift':
      grips.putBack(incident.certificate, incident.share);
      break;
    case 'command': {
      const { asked } = incident.command;
      if (asked.ask === 'delete' && !asked.isDeclared) {
        wanted.delete(asked.certificate);
        configured(asked.certificate);
      }
      // What is no longer declared is neither renewed nor rolled back.
      if (!('certificate' in asked) || asked.ask === 'delete' || wanted.has(asked.certificate))
        grips.request(incident.command);
      break;
    }
  }
}
