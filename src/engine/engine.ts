import type { Event, EventName } from '../core/event.ts';
import type { JsonObject } from '../core/json.ts';
import type { IssuerSettings, PreflightSettings, StoredSpec } from '../core/spec.ts';
import { createTurnsByKey } from '../core/turns.ts';
import type { Clock } from '../ports/clock.ts';
import type { Deployer } from '../ports/deployer.ts';
import type { AccountIssuer, Issuer } from '../ports/issuer.ts';
import type { Pki } from '../ports/pki.ts';
import type { Processes } from '../ports/processes.ts';
import type { Random } from '../ports/random.ts';
import type { Reporter } from '../ports/reporter.ts';
import type { Solver } from '../ports/solver.ts';
import type { Store } from '../ports/store.ts';
import type { Vantage } from '../ports/vantage.ts';
import { createPaces, type Paces } from './ledger/pace.ts';

/** What the engine is given: ports only, so that it runs on a simulated world. */
export interface EnginePorts {
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
    /** How long an endpoint may serve the old certificate before it is an alarm. */
    readonly deployTimeoutMs: number;
    /** How long one target may take to be deployed to; a target that hangs must not keep its certificate's lease. */
    readonly deployDeadlineMs: number;
  };
}

/** What one process remembers between certificates. Nothing here needs to survive it. */
export interface Memory {
  /** By directory URL: a hundred certificates at once open one account once. */
  readonly accounts: Map<string, Promise<AccountIssuer>>;
  /** One order at a time for the same names at the same CA. */
  readonly orderTurns: ReturnType<typeof createTurnsByKey>;
  /** One deployment at a time at a target that cannot take two. */
  readonly targetTurns: ReturnType<typeof createTurnsByKey>;
  /** Targets that did not come to an end in time: other certificates of this run do not wait for it too. */
  readonly hung: Set<string>;
  /** By directory URL: how many certificates each CA is given at once, and whether it is down. */
  readonly paces: Paces;
}

export interface Engine extends EnginePorts {
  readonly memory: Memory;
}

export const createEngine = (ports: EnginePorts): Engine => ({
  ...ports,
  memory: {
    accounts: new Map(),
    orderTurns: createTurnsByKey(),
    targetTurns: createTurnsByKey(),
    hung: new Set(),
    paces: createPaces(ports.clock),
  },
});

/** Settings turned into running objects, each made once (compose.ts). */
export interface Connections {
  issuer(name: string, settings: IssuerSettings): Issuer;
  solver(spec: StoredSpec): Promise<Solver>;
  deployer(spec: StoredSpec, target: string): Promise<Deployer>;
  looks(settings: PreflightSettings): Looks;
  /** Hash over every secret of a spec's solver and deployers: another one than last time clears the back-off. */
  credentialsOf(spec: StoredSpec): Promise<string>;
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

/** What one event says; the time is the engine's clock's. */
export interface News {
  readonly level: Event['level'];
  readonly event: EventName;
  /** The lineage it is about. */
  readonly certificate?: string;
  readonly message: string;
  readonly data?: JsonObject;
}

export function report({ reporter, clock }: Pick<EnginePorts, 'reporter' | 'clock'>, news: News): void {
  reporter.report({ v: 1, time: clock.now().toISOString(), ...news });
}
