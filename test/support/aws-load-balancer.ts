import http from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import tls from 'node:tls';
import { listIn, type Moto, type Tree, textIn, textsIn } from './moto.ts';
import { seeded } from './seeded.ts';

/** The data plane of an Application Load Balancer: moto holds rules and forwards nothing, so this applies them. */
export interface LoadBalancer {
  /** The local port that stands for a listener's port. */
  portOf(listenerPort: number): number;
  /** Reads rules, groups and targets from moto; they take effect then. */
  refresh(): Promise<void>;
  /** What DescribeTargetHealth says of a group. */
  health(group: string): readonly TargetHealth[];
  stop(): Promise<void>;
}

export interface TargetHealth {
  readonly id: string;
  readonly port: number;
  readonly state: 'initial' | 'healthy' | 'unhealthy' | 'unused';
  readonly reason: string;
  readonly description: string;
}

export interface LoadBalancerOptions {
  readonly moto: Moto;
  readonly loadBalancer: string;
  /** Where instances and addresses of the cloud are on this machine: `i-…` → `127.0.0.1`. */
  readonly addresses: ReadonlyMap<string, string>;
  /** Health checks are that many times faster than the group says. */
  readonly speed: number;
  /** The certificate of an HTTPS listener for a name. */
  readonly certificate: (listener: string, name: string) => { key: string; cert: string } | undefined;
}

interface Rule {
  readonly priority: number;
  readonly conditions: readonly Tree[];
  readonly actions: readonly Tree[];
}

interface Group {
  readonly arn: string;
  readonly path: string;
  readonly intervalMs: number;
  readonly healthyAfter: number;
  readonly unhealthyAfter: number;
  readonly codes: string;
  targets: Target[];
  isUsed: boolean;
}

interface Target {
  readonly id: string;
  readonly port: number;
  state: 'initial' | 'healthy' | 'unhealthy';
  reason: string;
  good: number;
  bad: number;
  nextMs: number;
  isBeingChecked: boolean;
}

/** A busy test machine is slower than the two seconds divided by the speed. */
const checkTimeoutMs = 1_000;

export async function startLoadBalancer(options: LoadBalancerOptions): Promise<LoadBalancer> {
  const chance = seeded('load balancer');
  const { moto, addresses, speed } = options;
  const agent = new http.Agent({ keepAlive: true, maxSockets: 256 });
  const rules = new Map<string, readonly Rule[]>();
  const groups = new Map<string, Group>();
  const servers = new Map<number, http.Server | https.Server>();
  const sockets = new Set<import('node:stream').Duplex>();

  const elb = (action: string, params: Record<string, string>) => moto.query('elasticloadbalancing', action, params);

  async function refresh(): Promise<void> {
    const listeners = listIn(await elb('DescribeListeners', { LoadBalancerArn: options.loadBalancer }), 'Listeners');
    for (const listener of listeners) {
      const arn = textIn(listener, 'ListenerArn');
      const port = Number(textIn(listener, 'Port'));
      const found: Rule[] = [];
      for (let marker = ''; ; ) {
        const page = await elb('DescribeRules', { ListenerArn: arn, ...(marker === '' ? {} : { Marker: marker }) });
        found.push(...listIn(page, 'Rules').map(toRule));
        marker = textIn(page, 'NextMarker');
        if (marker === '') break;
      }
      rules.set(
        arn,
        found.sort((a, b) => a.priority - b.priority),
      );
      if (!servers.has(port)) await listen(arn, port, textIn(listener, 'Protocol') === 'HTTPS');
    }
    const used = new Set(
      [...rules.values()].flat().flatMap((rule) => rule.actions.flatMap(groupsOf).map(([arn]) => arn)),
    );
    const described = listIn(await elb('DescribeTargetGroups', {}), 'TargetGroups');
    for (const one of described) {
      const arn = textIn(one, 'TargetGroupArn');
      const before = groups.get(arn);
      const ids = listIn(await elb('DescribeTargetHealth', { TargetGroupArn: arn }), 'TargetHealthDescriptions');
      const group: Group = {
        arn,
        path: textIn(one, 'HealthCheckPath') || '/',
        intervalMs: (Number(textIn(one, 'HealthCheckIntervalSeconds')) * 1000) / speed,
        healthyAfter: Number(textIn(one, 'HealthyThresholdCount')),
        unhealthyAfter: Number(textIn(one, 'UnhealthyThresholdCount')),
        codes: textIn(one, 'Matcher', 'HttpCode') || '200',
        targets: [],
        isUsed: used.has(arn),
      };
      group.targets = ids.map((target) => {
        const [id, port] = [textIn(target, 'Target', 'Id'), Number(textIn(target, 'Target', 'Port'))];
        const known = before?.targets.find((other) => other.id === id && other.port === port);
        const young: Target = {
          id,
          port,
          state: 'initial',
          reason: '',
          good: 0,
          bad: 0,
          nextMs: 0,
          isBeingChecked: false,
        };
        return known && before?.isUsed ? known : young;
      });
      groups.set(arn, group);
    }
    const alive = new Set(described.map((one) => textIn(one, 'TargetGroupArn')));
    for (const arn of groups.keys()) if (!alive.has(arn)) groups.delete(arn);
  }

  const placeOf = (target: { readonly id: string; readonly port: number }) => ({
    host: addresses.get(target.id) ?? '192.0.2.1',
    port: target.port,
  });

  function check(group: Group, target: Target): void {
    target.isBeingChecked = true;
    const done = (isGood: boolean, reason: string) => {
      target.isBeingChecked = false;
      target.nextMs = performance.now() + group.intervalMs;
      [target.good, target.bad] = isGood ? [target.good + 1, 0] : [0, target.bad + 1];
      if (isGood) {
        if (target.good >= group.healthyAfter || target.state === 'healthy') target.state = 'healthy';
      } else if (target.bad >= group.unhealthyAfter) {
        target.state = 'unhealthy';
        target.reason = reason;
      }
    };
    const request = http.get(
      {
        ...placeOf(target),
        path: group.path,
        headers: { 'user-agent': 'ELB-HealthChecker/2.0' },
        timeout: checkTimeoutMs,
      },
      (response) => {
        response.resume();
        response.on('error', () => {});
        const isGood = group.codes.split(',').includes(String(response.statusCode));
        done(isGood, isGood ? '' : 'Target.ResponseCodeMismatch');
      },
    );
    let failed = false;
    const failWith = (reason: string) => {
      if (failed || !target.isBeingChecked) return;
      failed = true;
      done(false, reason);
    };
    request.on('timeout', () => {
      failWith('Target.Timeout');
      request.destroy();
    });
    request.on('error', () => failWith('Target.FailedHealthChecks'));
  }

  const ticker = setInterval(() => {
    for (const group of groups.values())
      if (group.isUsed)
        for (const target of group.targets)
          if (!target.isBeingChecked && performance.now() >= target.nextMs) check(group, target);
  }, 20);

  /** As AWS: healthy targets; all of them if all are unhealthy (fail open); none while they are new. */
  function targetOf(arn: string): Target | undefined {
    const { targets = [] } = groups.get(arn) ?? {};
    const healthy = targets.filter(({ state }) => state === 'healthy');
    const usable = healthy.length > 0 ? healthy : targets.every(({ state }) => state === 'unhealthy') ? targets : [];
    return usable[Math.floor(chance() * usable.length)];
  }

  async function listen(arn: string, listenerPort: number, isTls: boolean): Promise<void> {
    const handle = (request: http.IncomingMessage, response: http.ServerResponse) =>
      answer({ request, response, listenerPort, isTls }, rules.get(arn) ?? []);
    // Without a certificate of its own: node would offer it beside that of SNICallback if their keys have other types.
    const server = isTls
      ? https.createServer(
          {
            SNICallback: (name, done) => {
              const certificate = options.certificate(arn, name);
              if (certificate) done(null, tls.createSecureContext(certificate));
              else done(new Error('no certificate'));
            },
          },
          handle,
        )
      : http.createServer(handle);
    server.keepAliveTimeout = 60_000;
    server.on('connection', (socket) => {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    servers.set(listenerPort, server);
  }

  interface Exchange {
    readonly request: http.IncomingMessage;
    readonly response: http.ServerResponse;
    readonly listenerPort: number;
    readonly isTls: boolean;
  }

  function answer(exchange: Exchange, all: readonly Rule[]): void {
    const { request, response, listenerPort, isTls } = exchange;
    const url = new URL(request.url ?? '/', `http://${request.headers.host ?? 'unknown'}`);
    const action = all.find((rule) => rule.conditions.every((one) => isMet(one, url, request)))?.actions.at(-1);
    const type = textIn(action, 'Type');
    if (type === 'fixed-response') {
      const body = textIn(action, 'FixedResponseConfig', 'MessageBody');
      const contentType = textIn(action, 'FixedResponseConfig', 'ContentType') || 'text/plain';
      response.writeHead(Number(textIn(action, 'FixedResponseConfig', 'StatusCode')), {
        'content-type': `${contentType}; charset=utf-8`,
        'content-length': Buffer.byteLength(body),
        server: 'awselb/2.0',
      });
      response.end(request.method === 'HEAD' ? undefined : body);
    } else if (type === 'redirect') {
      const part = (name: string, standard: string) =>
        (textIn(action, 'RedirectConfig', name) || standard)
          .replaceAll('#{host}', url.hostname)
          .replaceAll('#{path}', url.pathname.slice(1))
          .replaceAll('#{query}', url.search.slice(1))
          .replaceAll('#{protocol}', isTls ? 'https' : 'http')
          .replaceAll('#{port}', String(listenerPort));
      const query = part('Query', '#{query}');
      const protocol = part('Protocol', '#{protocol}').toLowerCase();
      const location = `${protocol}://${part('Host', '#{host}')}:${part('Port', '#{port}')}${part('Path', '/#{path}')}${query === '' ? '' : `?${query}`}`;
      response.writeHead(textIn(action, 'RedirectConfig', 'StatusCode') === 'HTTP_302' ? 302 : 301, { location });
      response.end();
    } else if (type === 'forward') forward(exchange, groupsOf(action!));
    else refuse(response, 503);
  }

  function forward({ request, response }: Exchange, weighted: readonly (readonly [string, number])[]): void {
    const drawn = weighted.flatMap(([group, weight]) => Array<string>(weight).fill(group));
    const target = targetOf(drawn[Math.floor(chance() * drawn.length)] ?? '');
    if (!target) {
      refuse(response, 503);
      return;
    }
    const send = (mayRepeat: boolean) => {
      const outgoing = http.request({
        ...placeOf(target),
        agent,
        method: request.method,
        path: request.url,
        headers: {
          ...request.headers,
          connection: 'keep-alive',
          'x-forwarded-for': request.socket.remoteAddress ?? '',
        },
        setHost: false,
      });
      outgoing.on('response', (incoming) => {
        const { connection: _connection, 'keep-alive': _keep, ...headers } = incoming.headers;
        response.writeHead(incoming.statusCode ?? 502, headers);
        incoming.pipe(response);
        incoming.on('error', () => response.destroy());
      });
      outgoing.on('error', () => {
        // An idle connection that the target closed meanwhile.
        if (mayRepeat && outgoing.reusedSocket && !response.headersSent && request.method === 'GET') send(false);
        else if (!response.headersSent) refuse(response, 502);
        else response.destroy();
      });
      if (request.method === 'GET' || request.method === 'HEAD') outgoing.end();
      else request.pipe(outgoing);
    };
    send(true);
  }

  await refresh();
  return {
    portOf: (listenerPort) => (servers.get(listenerPort)!.address() as AddressInfo).port,
    refresh,
    health(arn) {
      const group = groups.get(arn);
      return (group?.targets ?? []).map(({ id, port, state, reason }) => {
        if (!group?.isUsed)
          return {
            ...{ id, port, state: 'unused', reason: 'Target.NotInUse' },
            description: 'Target group is not configured to receive traffic from the load balancer',
          };
        if (state === 'initial')
          return {
            ...{ id, port, state, reason: 'Elb.InitialHealthChecking' },
            description: 'Initial health checks in progress',
          };
        return {
          id,
          port,
          state,
          reason: state === 'healthy' ? '' : reason,
          description: state === 'healthy' ? '' : 'Health checks failed',
        };
      });
    },
    async stop() {
      clearInterval(ticker);
      agent.destroy();
      for (const socket of sockets) socket.destroy();
      await Promise.all([...servers.values()].map((server) => new Promise((done) => server.close(done))));
    },
  };
}

function refuse(response: http.ServerResponse, status: number): void {
  const body = `<html><head><title>${status}</title></head></html>`;
  response.writeHead(status, { 'content-type': 'text/html', 'content-length': body.length, server: 'awselb/2.0' });
  response.end(body);
}

const toRule = (tree: Tree): Rule => ({
  priority: textIn(tree, 'IsDefault') === 'true' ? Number.POSITIVE_INFINITY : Number(textIn(tree, 'Priority')),
  conditions: listIn(tree, 'Conditions'),
  actions: listIn(tree, 'Actions'),
});

function groupsOf(action: Tree): readonly (readonly [string, number])[] {
  const several = listIn((action['ForwardConfig']?.[0] as Tree | undefined) ?? {}, 'TargetGroups');
  const weighted = several.map((one) => [textIn(one, 'TargetGroupArn'), Number(textIn(one, 'Weight') || '1')] as const);
  const single = textIn(action, 'TargetGroupArn');
  return weighted.length > 0 ? weighted : single === '' ? [] : [[single, 1]];
}

function isMet(condition: Tree, url: URL, request: http.IncomingMessage): boolean {
  const values = (config: string) => {
    const own = textsIn((condition[config]?.[0] as Tree | undefined) ?? {}, 'Values');
    return own.length > 0 ? own : textsIn(condition, 'Values');
  };
  const field = textIn(condition, 'Field');
  if (field === 'host-header')
    return values('HostHeaderConfig').some((one) => glob(one.toLowerCase()).test(url.hostname.toLowerCase()));
  if (field === 'path-pattern') return values('PathPatternConfig').some((one) => glob(one).test(url.pathname));
  if (field === 'http-request-method') return values('HttpRequestMethodConfig').includes(request.method ?? '');
  throw new Error(`the test load balancer knows no condition ${field}`);
}

const glob = (pattern: string): RegExp =>
  new RegExp(
    `^${[...pattern].map((c) => (c === '*' ? '.*' : c === '?' ? '.' : c.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'))).join('')}$`,
    's',
  );
