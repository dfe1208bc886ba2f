import type { Event, EventName } from '../core/event.ts';
import type { JsonObject } from '../core/json.ts';
import type { IssuerSettings, PreflightSettings, StoredSpec } from '../core/spec.ts';
import type { Clock } from '../ports/clock.ts';
import type { Deployer } from '../ports/deployer.ts';
import type { Issuer } from '../ports/issuer.ts';
import type { Pki } from '../ports/pki.ts';
import type { Processes } from '../ports/processes.ts';
import type { Random } from '../ports/random.ts';
import type { Reporter } from '../ports/reporter.ts';
import type { Solver } from '../ports/solver.ts';
import type { Store } from '../ports/store.ts';
import type { Vantage } from '../ports/vantage.ts';

/** What the engine works with: ports only, so that it runs on a simulated world. */
export interface EngineContext {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly processes: Processes;
  readonly vantage: Vantage;
  readonly pki: Pki;
  readonly reporter: Reporter;
  readonly connect: Connections;
  /** All addresses of a host as this machine's own clients would find them. */
  lookup(host: string, signal: AbortSignal): Promise<readonly string[]>;
  readonly limits: {
    readonly leaseTtlMs: number;
    readonly shutdownBudgetMs: number;
    readonly deployTimeoutMs: number;
  };
}

/** Settings turned into running objects, each made once (compose.ts). */
export interface Connections {
  issuer(name: string, settings: IssuerSettings): Issuer;
  solver(spec: StoredSpec): Promise<Solver>;
  deployer(spec: StoredSpec, target: string): Promise<Deployer>;
  looks(settings: PreflightSettings): Looks;
}

/** What preflight asks of the DNS, as the CA would see it. */
export interface Looks {
  addresses(name: string, signal: AbortSignal): Promise<AddressFinding>;
  caa(question: CaaQuestion, signal: AbortSignal): Promise<CaaFinding>;
  /** Whether the operator named resolvers that see what the CA sees: then private addresses prove as much as public ones. */
  readonly asTheCa: boolean;
}

export interface AddressFinding {
  readonly verdict: 'found' | 'nxdomain-from-authority' | 'no-address-from-authority' | 'cannot-tell';
  readonly ipv4: readonly string[];
  readonly ipv6: readonly string[];
  readonly finding: string;
}

export interface CaaQuestion {
  readonly name: string;
  readonly wildcard: boolean;
  readonly caaIdentities: readonly string[];
  readonly accountUrl: string | undefined;
  readonly challengeType: string;
}

export interface CaaFinding {
  readonly verdict: 'pass' | 'no' | 'cannot-tell';
  readonly finding: string;
}

/** Reports one event with the time of the context's clock. */
export function report(
  context: Pick<EngineContext, 'reporter' | 'clock'>,
  level: Event['level'],
  event: EventName,
  certificate: string | undefined,
  message: string,
  data?: JsonObject,
): void {
  context.reporter.report({
    v: 1,
    time: context.clock.now().toISOString(),
    level,
    event,
    ...(certificate === undefined ? {} : { certificate }),
    message,
    ...(data === undefined ? {} : { data }),
  });
}
