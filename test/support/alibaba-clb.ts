import type { AddressInfo } from 'node:net';
import { type CallRecord, createApi, type Fault } from './alibaba-clb/api.ts';
import { createChanges } from './alibaba-clb/changes.ts';
import { startDataPlane } from './alibaba-clb/data-plane.ts';
import { createCloud } from './alibaba-clb/model.ts';
import type { AccessKey, AlibabaClbOptions } from './alibaba-clb/options.ts';
import { createApiServer } from './alibaba-clb/server.ts';
import { type Snapshot, takeSnapshot } from './alibaba-clb/snapshot.ts';
import { fillCloud } from './alibaba-clb/start.ts';
import { atEnd } from './service.ts';

export type { CallRecord, Fault } from './alibaba-clb/api.ts';
export type { AccessKey, AlibabaClbOptions, PolicyStatement } from './alibaba-clb/options.ts';
export type { Snapshot } from './alibaba-clb/snapshot.ts';

/**
 * Alibaba Cloud's Classic Load Balancer on loopback ports: the API `slb` of 2014-05-15 with its signatures, formats,
 * limits and slowness, and a data plane that forwards to real processes. Written from the public documents alone.
 */
export interface AlibabaClb {
  /** The API's base URL. */
  readonly endpoint: string;
  /** The loopback port that stands for a listener's port. */
  port(listenerPort: number, loadBalancer?: string): number;
  /** Everything the API keeps, to compare before and after. */
  snapshot(): Snapshot;
  /** Every call so far, oldest first. */
  readonly records: readonly CallRecord[];
  /** How many calls of each action have succeeded or failed so far. */
  calls(): Readonly<Record<string, number>>;
  inject(fault: Fault): void;
  clearFaults(): void;
  set(changes: Partial<Pick<AlibabaClbOptions, 'callsPerSecond' | 'loseAnswers' | 'changeMs'>>): void;
  /** A key that the API takes from now on, such as one that STS has issued. */
  addKey(key: AccessKey): void;
  /** Moves the cloud's clock, by which timestamps and tokens expire. */
  setClockOffset(ms: number): void;
  /** Starts or stops a backend machine, as the API sees it. */
  setServerStopped(server: string, stopped: boolean): void;
  /** Ends the changes that are under way now. */
  endChanges(): void;
  /** Resolves when no change is under way. */
  settled(): Promise<void>;
  stop(): Promise<void>;
}

export async function startAlibabaClb(options: AlibabaClbOptions): Promise<AlibabaClb> {
  const cloud = createCloud(options);
  fillCloud(cloud, options);
  const plane = await startDataPlane(cloud, {
    secondMs: options.secondMs ?? 1000,
    requestsPerConnection: options.requestsPerConnection ?? 100,
    bind(balancer, listener) {
      const given = options.loadBalancers.find(({ id }) => id === balancer.id);
      const own = given?.listeners.find(
        ({ port, protocol }) => port === listener.port && protocol === listener.protocol,
      );
      return { host: given?.bindAddress ?? '127.0.0.1', port: own?.bindPort ?? 0 };
    },
  });
  const changes = createChanges(cloud, { changeMs: options.changeMs ?? 0, busyCodes: options.busyCodes }, plane.apply);
  const { change } = changes;
  const api = createApi(cloud, options, { change, serves: plane.serves, health: plane.health });
  const server = createApiServer(api);
  await new Promise<void>((opened, reject) => {
    server.once('error', reject);
    server.listen(options.apiPort ?? 0, '127.0.0.1', opened);
  });
  const stop = async (): Promise<void> => {
    changes.stop();
    await Promise.all([
      plane.stop(),
      new Promise<void>((closed) => {
        server.close(() => closed());
        server.closeAllConnections();
      }),
    ]);
  };
  const forget = atEnd(stop);
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    port: (listenerPort, loadBalancer = options.loadBalancers[0]!.id) => plane.port(loadBalancer, listenerPort),
    snapshot: () => takeSnapshot(cloud),
    records: api.records,
    calls() {
      const counts: Record<string, number> = {};
      for (const { action } of api.records) counts[action] = (counts[action] ?? 0) + 1;
      return counts;
    },
    inject: api.inject,
    clearFaults: api.clearFaults,
    set(next) {
      api.set(next);
      changes.changeMs = next.changeMs ?? changes.changeMs;
    },
    addKey: api.addKey,
    setClockOffset(ms) {
      cloud.clockOffsetMs = ms;
    },
    setServerStopped(id, stopped) {
      const server = cloud.servers.get(id);
      if (server === undefined) throw new Error(`There is no server ${id}.`);
      server.stopped = stopped;
    },
    endChanges: changes.end,
    settled: changes.settled,
    async stop() {
      forget();
      await stop();
    },
  };
}
