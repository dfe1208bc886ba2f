import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { AlibabaClb, PolicyStatement } from './alibaba-clb.ts';
import { atEnd } from './service.ts';

export interface MetadataOptions {
  readonly instanceId: string;
  readonly region?: string;
  readonly privateIp?: string;
  /** Absent: the instance has no role. */
  readonly role?: string;
  readonly policy?: readonly PolicyStatement[];
  /** Answers only requests with a token of its own (security hardening mode). */
  readonly hardened?: boolean;
  /** How long an issued key is valid, by the cloud's clock; six hours if absent, as in the documents. */
  readonly lifetimeMs?: number;
  /** How long before its end a key is replaced, by the cloud's clock. */
  readonly renewBeforeMs?: number;
  /** The cloud's clock. */
  readonly now?: () => number;
}

/** The metadata server of one instance, which issues keys that the fake load balancer's API takes. */
export interface Metadata {
  /** In place of http://100.100.100.200. */
  readonly endpoint: string;
  readonly requests: readonly { readonly method: string; readonly path: string; readonly status: number }[];
  stop(): Promise<void>;
}

export async function startMetadata(clb: Pick<AlibabaClb, 'addKey'>, options: MetadataOptions): Promise<Metadata> {
  const { now = Date.now, lifetimeMs = 6 * 3_600_000, renewBeforeMs = 30 * 60_000 } = options;
  const tokens = new Map<string, number>();
  const requests: { method: string; path: string; status: number }[] = [];
  let issued: { readonly answer: object; readonly expires: number } | undefined;
  let count = 0;
  const time = (ms: number): string => new Date(ms).toISOString().replace(/\.\d+/, '');

  /** The key of now; it is replaced a while before it ends. */
  function credentials(): object {
    if (issued !== undefined && now() < issued.expires - renewBeforeMs) return issued.answer;
    // Whole seconds, as the answer has them.
    const expires = Math.floor((now() + lifetimeMs) / 1000) * 1000;
    const [id, secret, token] = ['id', 'secret', 'token'].map((what) => `STS.${options.instanceId}.${what}.${++count}`);
    const sts = { token: token!, expires: time(expires) };
    clb.addKey({ id: id!, secret: secret!, sts, ...(options.policy === undefined ? {} : { policy: options.policy }) });
    const answer = {
      AccessKeyId: id,
      AccessKeySecret: secret,
      Expiration: time(expires),
      SecurityToken: token,
      LastUpdated: time(now()),
      Code: 'Success',
    };
    issued = { answer, expires };
    return answer;
  }

  function handle(request: IncomingMessage): [status: number, text: string] {
    const { method = '', url = '' } = request;
    if (url === '/latest/api/token') {
      const seconds = Number(request.headers['x-aliyun-ecs-metadata-token-ttl-seconds']);
      if (method !== 'PUT') return [405, ''];
      if (!Number.isInteger(seconds) || seconds < 1 || seconds > 21_600) return [400, ''];
      const token = `token-${++count}`;
      tokens.set(token, now() + seconds * 1000);
      return [200, token];
    }
    if (method !== 'GET') return [405, ''];
    const token = request.headers['x-aliyun-ecs-metadata-token'];
    const fine = typeof token === 'string' && (tokens.get(token) ?? 0) > now();
    if (token === undefined ? options.hardened === true : !fine) return [403, ''];
    const roles = '/latest/meta-data/ram/security-credentials/';
    const values: Readonly<Record<string, string | undefined>> = {
      '/latest/meta-data/instance-id': options.instanceId,
      '/latest/meta-data/region-id': options.region ?? 'cn-hangzhou',
      '/latest/meta-data/private-ipv4': options.privateIp,
      [roles]: options.role,
    };
    if (options.role !== undefined && url === `${roles}${options.role}`) return [200, JSON.stringify(credentials())];
    const value = values[url];
    return value === undefined ? [404, '<html>404 - Not Found</html>'] : [200, value];
  }

  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    const [status, text] = handle(request);
    requests.push({ method: request.method ?? '', path: request.url ?? '', status });
    response.writeHead(status, { 'content-type': 'text/plain' }).end(text);
  });
  await new Promise<void>((opened) => server.listen(0, '127.0.0.1', opened));
  const stop = () =>
    new Promise<void>((closed) => {
      server.close(() => closed());
      server.closeAllConnections();
    });
  const forget = atEnd(stop);
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    stop() {
      forget();
      return stop();
    },
  };
}
