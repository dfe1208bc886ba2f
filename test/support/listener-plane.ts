import { constants } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { createSecureContext } from 'node:tls';
import { createChecks, type Health } from './alibaba-clb/checks.ts';
import type { EffectiveListener, Pool, Target } from './alibaba-clb/effective.ts';
import { createForwarder } from './alibaba-clb/forward.ts';
import { healthCheck } from './alibaba-clb/model.ts';

export type { Pool } from './alibaba-clb/effective.ts';

/** An answer that the balancer gives by itself. */
export interface OwnAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** What a listener does from now on: a copy, which does not change. */
export interface Configured {
  readonly pools: readonly Pool[];
  route(host: string, path: string): Pool | OwnAnswer;
  /** For a handshake with this name; none refuses it. */
  certificates(name: string): readonly { readonly pem: string; readonly key: string }[];
}

export interface ListenerPlane {
  /** Starts to work by the configuration of an owner's listeners; the keys begin with `owner|`. */
  apply(owner: string, listeners: ReadonlyMap<string, Configured>): void;
  /** Undefined if nothing checks the target. */
  health(pool: Pool, target: Target): Health | undefined;
  /** The loopback port that stands for a listener. */
  port(key: string): number;
  stop(): Promise<void>;
}

export interface PlaneOptions {
  readonly listeners: readonly { readonly key: string; readonly isSecure: boolean }[];
  /** Real milliseconds of one second of the health checks. */
  readonly secondMs: number;
  readonly newTargetsTakeTraffic: boolean;
  /** Brings the cloud up to date before each request. */
  settle(): void;
}

/**
 * A data plane for the fakes of balancers: for each listener a server on a loopback port, with real health checks.
 * Checking and forwarding are those of the fake of Alibaba's CLB.
 */
export async function startListenerPlane(options: PlaneOptions): Promise<ListenerPlane> {
  const { settle } = options;
  const checks = createChecks(options.secondMs);
  const current = new Map<string, Configured>();
  const servers = new Map<string, Server>();
  const nothing: Configured = { pools: [], route: () => ({ status: 404 }), certificates: () => [] };
  const configured = (key: string): Configured => {
    settle();
    return current.get(key) ?? nothing;
  };
  const times = { idleTimeout: 75, requestTimeout: 60 };

  /** In the form of the fake whose parts work here. */
  const effectiveOf = (pools: readonly Pool[], isSecure: boolean): EffectiveListener => ({
    listener: {
      ...{ protocol: isSecure ? 'https' : 'http', port: 0, stopped: false, backendPort: 0, check: healthCheck() },
      ...{ ...times, scheduler: 'wrr', tlsCipherPolicy: '' },
    },
    ...{ ...times, forwardPort: undefined, stopped: false, fallback: undefined },
    routes: pools.map((pool) => ({ domain: '', url: '', pool })),
    ...{ certificate: undefined, extensions: new Map() },
  });

  const behaviour = {
    newServersTakeTraffic: options.newTargetsTakeTraffic,
    noHealthyServer: 502,
    hostWithoutPath: 'not-found',
  } as const;
  const closers: (() => void)[] = [];

  async function open({ key, isSecure }: PlaneOptions['listeners'][number]): Promise<void> {
    const forwarder = createForwarder(checks, behaviour, (_listener, host, url) => {
      const to = configured(key).route(host, url);
      return 'targets' in to ? to : 'not-found';
    });
    closers.push(forwarder.close);
    const server = isSecure
      ? createTlsServer({
          secureOptions: constants.SSL_OP_NO_TICKET,
          SNICallback(name, done) {
            const found = configured(key).certificates(name.toLowerCase());
            const pems = { cert: found.map(({ pem }) => pem), key: found.map((one) => one.key) };
            const context = () => createSecureContext({ ...pems, secureOptions: constants.SSL_OP_NO_TICKET });
            done(null, found.length === 0 ? undefined : context());
          },
        })
      : createServer();
    server.on('request', (request, response) => {
      const host = (request.headers.host ?? '').toLowerCase().replace(/:\d+$/, '');
      const to = configured(key).route(host, request.url ?? '/');
      if ('targets' in to) return forwarder.handle(request, response, effectiveOf(configured(key).pools, isSecure));
      request.resume();
      response.writeHead(to.status, to.headers).end(to.body);
    });
    server.on('tlsClientError', (_error, socket) => socket.destroy());
    await new Promise<void>((opened, reject) => {
      server.once('error', reject);
      server.listen(0, '127.0.0.1', opened);
    });
    servers.set(key, server);
  }

  for (const listener of options.listeners) await open(listener);

  return {
    apply(owner, listeners) {
      for (const [key, one] of listeners) current.set(key, one);
      const effective = [...listeners].map(([key, { pools }]) => [key, effectiveOf(pools, false)] as const);
      checks.follow(owner, { listeners: new Map(effective) });
    },
    health: checks.health,
    port(key) {
      const address = servers.get(key)?.address() as AddressInfo | undefined;
      if (address === undefined) throw new Error(`There is no listener ${key}.`);
      return address.port;
    },
    async stop() {
      checks.stop();
      for (const close of closers) close();
      const closed = [...servers.values()].map(
        (server) =>
          new Promise<void>((done) => {
            server.close(() => done());
            server.closeAllConnections();
          }),
      );
      await Promise.all(closed);
    },
  };
}
