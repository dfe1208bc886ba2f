import type { Lineage } from '../../../src/core/lineage/lineage.ts';
import { identifierSet } from '../../../src/core/names/identifier.ts';
import type { StoredSpec } from '../../../src/core/spec/spec.ts';
import { isStopped } from './promises.ts';
import { dayMs, directoryUrl, hourMs, type Incident, otherDirectoryUrl, type Scenario, startMs } from './scenario.ts';

/** How long after it is due a certificate is issued at the latest if nothing hinders it. */
const mostLateMs = 2 * hourMs;

/** More certificates wait for the limits of Let's Encrypt, 50 of one domain in a week. */
const mostAtOnce = 40;

/** For how long a fault or an incident may go on to hinder: processes start again, and failures are repeated later. */
const aftermathMs = 1.5 * dayMs;

/**
 * A certificate that is due is soon issued, unless a fault struck, or something hinders it that concerns it: what
 * happens to one CA, and that CA's limits, delay no certificate of another.
 */
export interface Punctuality {
  /** The document or the spec of a certificate may have changed. */
  look(name: string): void;
  /** A fault has struck a call. */
  struck(): void;
  /** A replica was killed or stopped, for a moment or for hours. The others begin what it should have begun. */
  away(replica: string): void;
  /** Reports whether something may have hindered the work on a certificate since a time. */
  isHindered(name: string, fromMs: number): boolean;
  /** Reports whether a replica was killed or stopped since a time: a look that it had begun is lost until the next one. */
  hasLostLook(fromMs: number): boolean;
}

/** What a check that goes on for as long as a world needs of it. */
export interface WatchedWorld {
  readonly nowMs: () => number;
  readonly later: (ms: number, run: () => void) => void;
  readonly wanted: ReadonlyMap<string, StoredSpec>;
  readonly lineageOf: (name: string) => Lineage | undefined;
  readonly violate: (what: string) => void;
}

export function createPunctuality(
  scenario: Pick<Scenario, 'incidents' | 'limits' | 'specs' | 'replicas'>,
  world: WatchedWorld,
): Punctuality {
  const { nowMs, wanted } = world;
  const hasLimits = Object.keys(scenario.limits).length > 0 || scenario.specs.length > mostAtOnce;
  /** What makes each certificate due. */
  const reasons = new Map<string, string>();
  let struckMs = Number.NEGATIVE_INFINITY;
  /** When each replica was last killed or stopped. */
  const awayMs = new Map<string, number>();

  /** Why and when a certificate is due. Of those for which the CA's limits are small, only the CA knows. */
  function dueOf(name: string): { readonly why: string; readonly atMs: number } | undefined {
    const spec = wanted.get(name);
    if (!spec) return undefined;
    const { directory } = spec.issuer.settings;
    if (hasLimits && directory === directoryUrl) return undefined;
    const lineage = world.lineageOf(name);
    const { current, renewal, rolledBack } = lineage ?? {};
    const set = identifierSet(spec.identifiers);
    if (lineage?.paused) return undefined;
    if (!lineage || !current) return { why: `there is no certificate of ${set} by ${directory}`, atMs: nowMs() };
    // A certificate that was revoked for good is not replaced, whatever its names are to be.
    if (isStopped(lineage)) return undefined;
    const { id, facts } = current;
    if (current.directory !== directory || identifierSet(facts.identifiers) !== set)
      return { why: `${id} is not of ${set} by ${directory}`, atMs: nowMs() };
    if (!renewal || rolledBack) return undefined;
    return { why: `the renewal time of ${id} was ${renewal.at}`, atMs: Math.max(Date.parse(renewal.at), nowMs()) };
  }

  function isHindered(name: string, fromMs: number): boolean {
    const isRecent = (ms = Number.NEGATIVE_INFINITY) => ms >= fromMs - aftermathMs;
    if (isRecent(struckMs) || scenario.replicas.every(({ name: replica }) => isRecent(awayMs.get(replica))))
      return true;
    return scenario.incidents.some((one) => {
      const beginMs = startMs + one.atMs;
      const waitMs = 'retryAfterSeconds' in one ? (one.retryAfterSeconds ?? 0) * 1_000 : 0;
      const endMs = beginMs + ('forMs' in one ? one.forMs : 0) + waitMs + aftermathMs;
      return beginMs <= nowMs() && endMs >= fromMs && concerns(one, name);
    });
  }

  function concerns(incident: Incident, name: string): boolean {
    const directory = wanted.get(name)?.issuer.settings.directory;
    switch (incident.what) {
      case 'down':
      case 'busy':
      case 'slow-finalize':
        return directory === (incident.isOther ? otherDirectoryUrl : directoryUrl);
      case 'invalid':
        return incident.certificate === name;
      case 'command': {
        // A pause is no work.
        const { asked } = incident.command;
        return asked.ask !== 'pause' || asked.certificate === name;
      }
      case 'clock':
      case 'disk-full':
        return true;
      default:
        return false;
    }
  }

  return {
    look(name) {
      const due = dueOf(name);
      if (!due) return void reasons.delete(name);
      const { why, atMs } = due;
      if (reasons.get(name) === why) return;
      reasons.set(name, why);
      world.later(atMs - nowMs() + mostLateMs, () => {
        if (reasons.get(name) !== why || isHindered(name, atMs)) return;
        world.violate(`${name} is not issued, although nothing hinders it: ${why}`);
      });
    },
    isHindered,
    struck() {
      struckMs = nowMs();
    },
    hasLostLook: (fromMs) => [...awayMs.values()].some((ms) => ms >= fromMs),
    away: (replica) => void awayMs.set(replica, nowMs()),
  };
}
