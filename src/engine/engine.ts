import type { Event, EventName } from '../core/plan/event.ts';
import type { IssuerSettings, PreflightSettings, StoredSpec } from '../core/spec/spec.ts';
import type { OwnedSolver } from '../core/spec/spec-parts.ts';
import type { JsonObject } from '../core/text/json.ts';
import type { Balancer } from '../ports/balancer.ts';
import type { Clock } from '../ports/clock.ts';
import type { Deployer } from '../ports/deployer.ts';
import type { ExternalAccount, Issuer } from '../ports/issuer.ts';
import type { Pki } from '../ports/pki.ts';
import type { Processes } from '../ports/processes.ts';
import type { Random } from '../ports/random.ts';
import type { Reporter } from '../ports/reporter.ts';
import type { Solver } from '../ports/solver.ts';
import type { Store } from '../ports/store.ts';
import type { Vantage } from '../ports/vantage.ts';
import { createLocks, type Locks } from './locks/lock.ts';
import { createMemory, type Memory } from './memory/memory.ts';
import { newPass, type Pass } from './memory/pass.ts';

/** Everything that the engine uses. These are ports only, so it also runs on a simulated world. */
export interface EnginePorts {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly processes: Processes;
  readonly vantage: Vantage;
  readonly pki: Pki;
  readonly reporter: Reporter;
  readonly connect: Connections;
  /** All addresses of a host, as other programs on this machine would find them. */
  lookup(host: string, signal: AbortSignal): Promise<readonly string[]>;
  readonly limits: {
    readonly leaseTtlMs: number;
    readonly shutdownBudgetMs: number;
    /** How long an endpoint may serve the old certificate before an alarm is raised. */
    readonly deployTimeoutMs: number;
    /** How long a deployment to one target may take. A target that hangs must not keep the certificate's lease. */
    readonly deployDeadlineMs: number;
  };
}

/** What a process is given, for all of its passes. */
export interface ProcessPorts extends Omit<EnginePorts, 'connect'> {
  readonly connections: ConnectionPool;
}

/** What the engine has for as long as its process lives. */
export interface EngineProcess extends ProcessPorts {
  /** On what several certificates share. */
  readonly locks: Locks;
  readonly memory: Memory;
}

/** The engine, for one pass. */
export interface Engine extends EngineProcess {
  readonly connect: Connections;
  readonly pass: Pass;
}

/** @param locks shared with the solvers of this process, which take them too */
export const createEngineProcess = (ports: ProcessPorts, locks: Locks = createLocks(ports)): EngineProcess => ({
  ...ports,
  locks,
  memory: createMemory(ports.clock),
});

/** Makes one pass: everything that a person or a timer asks for at once. Only {@link Memory} outlives it. */
export async function inPass<T>(process: EngineProcess, run: (engine: Engine) => Promise<T>): Promise<T> {
  const { memory, clock, random } = process;
  const pass = newPass(Buffer.from(random.bytes(8)).toString('hex'), clock, memory);
  const connect = process.connections.open();
  memory.passes.add(pass.id);
  try {
    return await run({ ...process, connect, pass });
  } finally {
    memory.passes.delete(pass.id);
    connect.end();
  }
}

/** Everything that a process is connected to (compose/connections.ts). */
export interface ConnectionPool {
  /** What one pass uses of it. Secrets are read once; what has other secrets than before is connected anew. */
  open(): PassConnections;
  /** The mark of this store's objects (`core/path/own-mark.ts`). */
  readonly owner: string;
}

export interface PassConnections extends Connections {
  /** The pass uses nothing of it any more. */
  end(): void;
}

/** Turns settings into running objects, each made only once. */
export interface Connections {
  issuer(name: string, settings: IssuerSettings): Issuer;
  /** The external account of a spec's issuer, with its key read; undefined if it has none. */
  externalAccount(spec: StoredSpec): Promise<ExternalAccount | undefined>;
  /** The certificates of the issuer's `caFile`, PEM; empty if it has none. */
  roots(settings: IssuerSettings): Promise<string>;
  solver(part: OwnedSolver): Promise<Solver>;
  deployer(spec: StoredSpec, target: string): Promise<Deployer>;
  /** Removes the files of a lineage, with its keys, that commands got in the store's own folder. */
  forgetDeployed(lineage: string): Promise<void>;
  /** The declared balancers, and those of these stored specs; each once. */
  balancers(stored: readonly StoredSpec[]): Promise<readonly Balancer[]>;
  /** The mark of this store's objects (`core/path/own-mark.ts`). */
  readonly owner: string;
  looks(settings: PreflightSettings): Looks;
  readonly hooks: HookSurroundings;
  /** A key for settings in a map of this process: they may contain secrets. */
  digest(settings: unknown): string;
  /** Hash over all secrets of a spec's solver and deployers; a change since the last run clears the back-off. */
  credentialsOf(spec: StoredSpec): Promise<string>;
}

/** What hooks around orders need of the process. */
export interface HookSurroundings {
  /** The part of certfleet's environment that every hook gets. */
  environment(): Readonly<Record<string, string>>;
  /** Fails if another user could change a program that would run as root. */
  check(command: string): Promise<void>;
  /** Closes the ports of the solvers, which are opened again when an order needs them: a post-hook may start a server. */
  freePorts(signal: AbortSignal): Promise<void>;
}

/** The DNS checks of the preflight, as the CA will see them. */
export interface Looks {
  addresses(name: string, signal: AbortSignal): Promise<AddressFinding>;
  caa(question: CaaQuestion, signal: AbortSignal): Promise<CaaFinding>;
  /** Whether the operator named resolvers that see what the CA sees. Then private addresses are proof, too. */
  readonly asTheCa: boolean;
}

export interface AddressFinding {
  readonly verdict: 'found' | 'nxdomain-from-authority' | 'no-address-from-authority' | 'cannot-tell';
  /** At most 16 of both families together. */
  readonly ipv4: readonly string[];
  readonly ipv6: readonly string[];
  /** How many more addresses there are, if any. */
  readonly left?: number;
  readonly finding: string;
}

export interface CaaQuestion {
  readonly name: string;
  readonly wildcard: boolean;
  readonly caaIdentities: readonly string[];
  readonly accountUrl: string | undefined;
  /** Those that the solver can answer; one that is allowed is enough. */
  readonly challengeTypes: readonly string[];
}

export interface CaaFinding {
  readonly verdict: 'pass' | 'no' | 'cannot-tell';
  readonly finding: string;
  /** The records that decided, as `name CAA flags tag "value"`; at most a few. */
  readonly records?: readonly string[];
}

/** An event without its time, which {@link report} adds. */
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
