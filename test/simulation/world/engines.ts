import { digestOf } from '../../../src/compose/digest.ts';
import type { StoredSpec } from '../../../src/core/spec/spec.ts';
import { type Connections, createEngineProcess, type EngineProcess } from '../../../src/engine/engine.ts';
import type { Store } from '../../../src/ports/store.ts';
import { type AlarmChecks, notifierOf } from './alarms.ts';
import { issuerOf } from './ca.ts';
import type { CaModel } from './ca-model/ca-model.ts';
import type { Chance } from './chance.ts';
import type { Checks } from './checks.ts';
import type { Gate } from './gate.ts';
import { createDeployer, createLooks, createSolver, createVantage, type Outside } from './outside.ts';
import { createFakePki } from './pki.ts';
import { type Process, processesOf } from './process.ts';
import { storeOf } from './store.ts';
import type { Timeline } from './timeline.ts';
import type { Trace } from './trace.ts';

export const leaseTtlMs = 60_000;

/** What the engines of a world share. */
export interface Surroundings {
  readonly chance: Chance;
  readonly timeline: Timeline;
  readonly trace: Trace;
  readonly checks: Checks;
  readonly alarmChecks: AlarmChecks;
  readonly shared: Store;
  /** By their directories. */
  readonly cas: ReadonlyMap<string, CaModel>;
  readonly outside: Outside;
  readonly processes: ReadonlyMap<number, Process>;
  readonly declared: readonly StoredSpec[];
}

/** Returns the engine of a process, which reaches everything through its gate. */
/** @param gates.alarms a gate of its own, so that alarms change nothing for what else is drawn */
export function engineOf(
  world: Surroundings,
  node: string,
  process: Process,
  { gate, alarms }: { readonly gate: Gate; readonly alarms: Gate },
): EngineProcess {
  const { timeline, trace, checks, cas, outside, processes } = world;
  const own = world.chance.fork(`engine ${process.identity.pid}`);
  const { clock } = process;
  const issuers = new Map(
    [...cas].map(([directory, ca]) => [
      directory,
      issuerOf(
        ca.issuer(node, () => clock.now().getTime()),
        process,
        gate,
        checks,
      ),
    ]),
  );
  const ports = {
    ...{ outside, process, gate, checks, node },
    chance: own.fork('outside'),
    nowMs: () => timeline.nowMs,
  };
  const connections: Connections = {
    owner: '0123456789ab',
    balancers: async () => [],
    issuer: (_name, { directory }) => issuers.get(directory)!,
    solver: async ({ solver }) => createSolver(ports, solver.settings),
    deployer: async (spec: StoredSpec, target) => {
      const found = spec.targets.find((one) => one.name === target);
      if (!found) throw new Error(`there is no target ${target}`);
      return createDeployer(ports, target, found.settings);
    },
    hooks: { environment: () => ({}), check: async () => {}, freePorts: async () => {} },
    forgetDeployed: async () => {},
    forgetNode: async () => {},
    notifiers: () => ['ops'],
    notifier: async () => notifierOf(process, alarms, world.alarmChecks),
    digest: digestOf,
    credentialsOf: async () => '',
    roots: async () => '',
    externalAccount: async () => undefined,
    looks: () => createLooks({ outside, gate }),
  };
  const random = own.fork('ids');
  return createEngineProcess({
    node,
    store: storeOf(world.shared, process, { gate, alarms }, checks),
    clock,
    random: { bytes: (length) => Uint8Array.from({ length }, () => Math.floor(random() * 256)), number: random },
    processes: processesOf(process, processes),
    loadRegisteredDomain: async () => (name) => name.split('.').slice(-2).join('.'),
    vantage: createVantage({ outside, gate }),
    pki: createFakePki(own.fork('keys')),
    reporter: {
      report: ({ event, certificate = '', message }) => trace(process, event, `${certificate} ${message}`),
    },
    lookup: async () => [],
    declared: () => world.declared,
    limits: { leaseTtlMs, shutdownBudgetMs: 8_000, deployTimeoutMs: 120_000, deployDeadlineMs: 60_000 },
    connections: { owner: connections.owner, open: () => ({ ...connections, end() {} }) },
  });
}
