import type { Trigger } from '../core/history/run-entry.ts';
import type { Declared } from '../core/limits/forecast.ts';
import type { Event, EventName } from '../core/plan/event.ts';
import type { IssuerSettings, PreflightSettings, StoredSpec } from '../core/spec/spec.ts';
import type { OwnedSolver } from '../core/spec/spec-parts.ts';
import type { JsonObject } from '../core/text/json.ts';
import type { Balancer } from '../ports/balancer.ts';
import type { Cache } from '../ports/cache.ts';
import type { Clock } from '../ports/clock.ts';
import type { Deployer } from '../ports/deployer.ts';
import type { ExternalAccount, Issuer } from '../ports/issuer.ts';
import type { Notifier } from '../ports/notifier.ts';
import type { Pki } from '../ports/pki.ts';
import type { Processes } from '../ports/processes.ts';
import type { Random } from '../ports/random.ts';
import type { Reporter } from '../ports/reporter.ts';
import type { Solver } from '../ports/solver.ts';
import type { Store } from '../ports/store.ts';
import type { Vantage } from '../ports/vantage.ts';
import { createRunsOfPass } from './history/runs-of-pass.ts';
import { createLocks, type LockPorts, type Locks } from './locks/lock.ts';
import { createSessions, type Sessions } from './locks/sessions.ts';
import { createMemory, type Memory } from './memory/memory.ts';
import { newPass, type Pass } from './memory/pass.ts';

/** Everything that the engine uses. All of it is ports, so the engine also runs in a simulated world. */
export interface EnginePorts {
  /** The name of this node among those that share the store. */
  readonly node: string;
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly processes: Processes;
  readonly vantage: Vantage;
  readonly pki: Pki;
  readonly reporter: Reporter;
  readonly connect: Connections;
  readonly cache?: Cache | undefined;
  /** Returns all addresses of a host, as other programs on this machine would find them. */
  lookup(host: string, signal: AbortSignal): Promise<readonly string[]>;
  /**
   * Returns the function by which an identifier's certificates are counted (`OrderFacts.registeredDomain`). The first
   * call loads the public suffix list (24 ms), so call it only for a CA whose limits are known.
   */
  loadRegisteredDomain(): Promise<(value: string) => string>;
  /** All certificates of the configuration, whose turns a forecast counts. */
  readonly declared: () => readonly Declared[];
  readonly limits: {
    readonly leaseTtlMs: number;
    readonly shutdownBudgetMs: number;
    /** How long an endpoint may serve the old certificate before an alarm is raised. */
    readonly deployTimeoutMs: number;
    /** How long a deployment to one target may take. A target that hangs must not block the certificate's lease. */
    readonly deployDeadlineMs: number;
  };
}

/** The ports that a process provides for all of its passes. */
export interface ProcessPorts extends Omit<EnginePorts, 'connect'> {
  readonly connections: ConnectionPool;
}

/** What the engine keeps for as long as its process lives. */
export interface EngineProcess extends ProcessPorts {
  /** The locks on resources that several certificates share. */
  readonly locks: Locks;
  readonly sessions: Sessions;
  readonly memory: Memory;
}

/** The engine during one pass. */
export interface Engine extends EngineProcess {
  readonly connect: Connections;
  readonly pass: Pass;
}

/** What leases and locks of a process rest on. */
export type Footing = Pick<EngineProcess, 'locks' | 'sessions'>;

export function createFooting(ports: LockPorts): Footing {
  const sessions = createSessions(ports);
  return { sessions, locks: createLocks(ports, sessions) };
}

/** @param footing shared with this process's solvers, which also take locks */
export const createEngineProcess = (ports: ProcessPorts, footing: Footing = createFooting(ports)): EngineProcess => ({
  ...ports,
  ...footing,
  memory: createMemory(ports.clock),
});

/**
 * Runs one pass: everything that a person or a timer requests at once. Only {@link Memory} outlives it.
 *
 * @param trigger what stands in the histories of the certificates as its beginning; undefined if it only looks
 */
export async function inPass<T>(
  process: EngineProcess,
  run: (engine: Engine) => Promise<T>,
  trigger?: Trigger,
): Promise<T> {
  const { memory, clock, random, node } = process;
  const id = Buffer.from(random.bytes(8)).toString('hex');
  const runs = trigger && createRunsOfPass(process, { id, trigger, node });
  const pass = newPass(id, clock, memory, runs);
  const reporter: Reporter = {
    report(event) {
      pass.runs.hear(event);
      process.reporter.report(event);
    },
  };
  const connect = process.connections.open();
  memory.passes.add(pass.id);
  try {
    return await run({ ...process, reporter, connect, pass });
  } finally {
    await pass.runs.settle();
    memory.passes.delete(pass.id);
    pass.limits.end();
    connect.end();
  }
}

/** Everything to which a process is connected (compose/connections.ts). */
export interface ConnectionPool {
  /** Opens the connections of one pass. Secrets are read once; a connection whose secrets have changed is replaced. */
  open(): PassConnections;
  /** The mark of this store's objects (`core/request-path/own-mark.ts`). */
  readonly owner: string;
}

export interface PassConnections extends Connections {
  /** Ends the pass's use of the connections. */
  end(): void;
}

/** Turns settings into running objects, creating each only once. */
export interface Connections {
  issuer(name: string, settings: IssuerSettings): Issuer;
  /** Returns the external account of a spec's issuer, with its key read, or undefined if it has none. */
  externalAccount(spec: StoredSpec): Promise<ExternalAccount | undefined>;
  /** Returns the certificates of the issuer's `caFile` as PEM, or an empty text if it has none. */
  roots(settings: IssuerSettings): Promise<string>;
  solver(part: OwnedSolver): Promise<Solver>;
  deployer(spec: StoredSpec, target: string): Promise<Deployer>;
  /** Removes a lineage's files, including its keys, that commands got in the store's own folder. */
  forgetDeployed(lineage: string): Promise<void>;
  /** Removes the files that commands of a node got there. */
  forgetNode(node: string): Promise<void>;
  /** Returns the declared balancers and those of these stored specs, each once. */
  balancers(stored: readonly StoredSpec[]): Promise<readonly Balancer[]>;
  /** Returns the names of the declared notifiers. */
  notifiers(): readonly string[];
  /** Connects a declared notifier. Fails with `config/…` if that is impossible, such as for an unreadable secret. */
  notifier(name: string): Promise<Notifier>;
  /** The mark of this store's objects (`core/request-path/own-mark.ts`). */
  readonly owner: string;
  looks(settings: PreflightSettings): Looks;
  readonly hooks: HookSurroundings;
  /** Returns a map key for settings, which may contain secrets. */
  digest(settings: unknown): string;
  /**
   * Returns a hash over all secrets of a spec's solver and deployers. A change since the last run clears the back-off.
   */
  credentialsOf(spec: StoredSpec): Promise<string>;
}

/** What hooks around orders need from the process. */
export interface HookSurroundings {
  /** Returns the part of certfleet's environment that every hook gets. */
  environment(): Readonly<Record<string, string>>;
  /** Fails if another user could change a program that would run as root. */
  check(command: string): Promise<void>;
  /**
   * Closes the solvers' ports, because a post-hook may start a server. They are opened again when an order needs them.
   */
  freePorts(signal: AbortSignal): Promise<void>;
}

/** The preflight's DNS checks, as the CA will see them. */
export interface Looks {
  addresses(name: string, signal: AbortSignal): Promise<AddressFinding>;
  caa(question: CaaQuestion, signal: AbortSignal): Promise<CaaFinding>;
  /** Whether the operator named resolvers that see what the CA sees. In that case, private addresses are proof, too. */
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
  /** The challenge types that the solver supports; one that is allowed is enough. */
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
  /** The lineage that it concerns. */
  readonly certificate?: string;
  readonly message: string;
  readonly data?: JsonObject;
}

export function report({ reporter, clock }: Pick<EnginePorts, 'reporter' | 'clock'>, news: News): void {
  reporter.report({ v: 1, time: clock.now().toISOString(), ...news });
}
