import { constants } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Socket } from 'node:net';
import type { Checks } from './checks.ts';
import { createChecks } from './checks.ts';
import { chooseCertificate, compile, type Effective, type EffectiveListener } from './effective.ts';
import type { HealthRow } from './find.ts';
import { createForwarder } from './forward.ts';
import type { Cloud, Group, Listener, LoadBalancer } from './model.ts';
import { listenerKey } from './model.ts';

export interface DataPlane {
  /** Starts to work by the balancer's configuration as it is now: every request that begins after this. */
  apply(balancer: LoadBalancer): void;
  /** The loopback port that stands for the listener's. */
  port(balancer: string, listenerPort: number): number;
  /** Whether a rule or a listener still leads to the group. */
  serves(group: Group): boolean;
  health(balancer: LoadBalancer): readonly HealthRow[];
  stop(): Promise<void>;
}

export interface DataPlaneOptions {
  readonly secondMs: number;
  readonly requestsPerConnection: number;
  /** Where a listener wants to be; port 0 is any free one. */
  bind(balancer: LoadBalancer, listener: Listener): { readonly host: string; readonly port: number };
}

export async function startDataPlane(cloud: Cloud, options: DataPlaneOptions): Promise<DataPlane> {
  const checks = createChecks(options.secondMs);
  const forwarder = createForwarder(checks, cloud.behaviour);
  const current = new Map<string, Effective>();
  const servers = new Map<string, Server>();

  const listenerOf = (balancer: LoadBalancer, listener: Listener): EffectiveListener | undefined =>
    current.get(balancer.id)?.listeners.get(listenerKey(listener));

  async function open(balancer: LoadBalancer, listener: Listener): Promise<void> {
    const server =
      listener.protocol === 'https'
        ? createTlsServer({
            // Without tickets each handshake is a full one, so that a client always sees the certificate of now.
            secureOptions: constants.SSL_OP_NO_TICKET,
            minVersion: 'TLSv1.2',
            // Of the policies, only the newest speaks TLS 1.3.
            maxVersion: listener.tlsCipherPolicy === 'tls_cipher_policy_1_2_strict_with_1_3' ? 'TLSv1.3' : 'TLSv1.2',
            SNICallback(name, done) {
              const effective = listenerOf(balancer, listener);
              done(null, effective === undefined ? undefined : chooseCertificate(effective, name));
            },
          })
        : createServer();
    server.maxRequestsPerSocket = options.requestsPerConnection;
    server.keepAliveTimeout = listener.idleTimeout * 1000;
    server.on('request', (request, response) => {
      const effective = listenerOf(balancer, listener);
      if (effective === undefined || effective.stopped) return void request.socket.destroy();
      forwarder.handle(request, response, effective);
    });
    server.on('connection', (socket: Socket) => socket.setNoDelay(true));
    server.on('tlsClientError', (_error, socket) => socket.destroy());
    await new Promise<void>((opened, reject) => {
      server.once('error', reject);
      server.listen(options.bind(balancer, listener), opened);
    });
    servers.set(`${balancer.id}|${listener.port}|${listener.protocol}`, server);
  }

  function apply(balancer: LoadBalancer): void {
    const effective = compile(cloud, balancer);
    checks.follow(balancer.id, effective);
    current.set(balancer.id, effective);
    for (const { listener } of effective.listeners.values()) {
      const server = servers.get(`${balancer.id}|${listener.port}|https`);
      const certificate = cloud.certificates.get(listener.certificateId ?? '');
      // For clients that name no server; those that do ask the callback.
      if (
        server !== undefined &&
        listener.protocol === 'https' &&
        certificate !== undefined &&
        'setSecureContext' in server
      )
        (server as ReturnType<typeof createTlsServer>).setSecureContext({
          cert: certificate.pem,
          key: certificate.key,
          secureOptions: constants.SSL_OP_NO_TICKET,
        });
    }
  }

  for (const balancer of cloud.balancers.values()) {
    for (const listener of balancer.listeners) if (listener.protocol !== 'tcp') await open(balancer, listener);
    apply(balancer);
  }

  return {
    apply,
    port(balancer, listenerPort) {
      const server =
        servers.get(`${balancer}|${listenerPort}|http`) ?? servers.get(`${balancer}|${listenerPort}|https`);
      const address = server?.address();
      if (typeof address !== 'object' || address === null)
        throw new Error(`${balancer} has no listener on ${listenerPort}`);
      return address.port;
    },
    serves: (group) =>
      [...(current.get(group.balancer.id)?.listeners.values() ?? [])].some(
        ({ routes, fallback }) =>
          fallback?.groupId === group.id || routes.some(({ pool }) => pool.groupId === group.id),
      ),
    health: (balancer) => healthRows(current.get(balancer.id), checks),
    async stop() {
      checks.stop();
      forwarder.close();
      await Promise.all(
        [...servers.values()].map(
          (server) =>
            new Promise<void>((closed) => {
              server.close(() => closed());
              server.closeAllConnections();
            }),
        ),
      );
    },
  };
}

function healthRows(effective: Effective | undefined, checks: Checks): HealthRow[] {
  const rows = new Map<string, HealthRow>();
  for (const { listener, routes, fallback } of effective?.listeners.values() ?? [])
    for (const pool of [...(fallback === undefined ? [] : [fallback]), ...routes.map((route) => route.pool)])
      for (const target of pool.targets)
        if (!rows.has(target.key))
          rows.set(target.key, {
            listener,
            serverId: target.serverId,
            ip: target.ip,
            port: target.port,
            status: checks.health(pool, target),
            byRule: pool.byRule,
          });
  return [...rows.values()];
}
