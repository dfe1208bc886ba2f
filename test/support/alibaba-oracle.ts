import { createRequire } from 'node:module';

// Alibaba's own client, which knows nothing of ours; what is used of it is described here. It is required, because its
// default export of a CommonJS module comes differently to an import under node and under vitest.
interface OpenApiCore {
  default: new (
    config: object,
  ) => {
    callApi(params: object, request: object, runtime: object): Promise<Record<string, unknown>>;
  };
  $OpenApiUtil: Record<'Config' | 'Params' | 'OpenApiRequest', new (map: object) => object>;
}
const { default: Client, $OpenApiUtil } = createRequire(import.meta.url)('@alicloud/openapi-core') as OpenApiCore;

export interface OracleKey {
  readonly id: string;
  readonly secret: string;
  readonly token?: string;
}

export interface Refusal {
  readonly code: string;
  readonly status: number;
  readonly message: string;
  readonly requestId: string;
  readonly data: Readonly<Record<string, unknown>>;
}

type Value = string | number | boolean | readonly string[];

export interface Oracle {
  /** The body of the answer; throws what the client throws. */
  // biome-ignore lint/suspicious/noExplicitAny: answers are as many shapes as there are actions
  call(action: string, parameters?: Readonly<Record<string, Value>>): Promise<any>;
  /** The refusal; fails if the call succeeds. */
  refused(action: string, parameters?: Readonly<Record<string, Value>>): Promise<Refusal>;
}

/**
 * A client of the API at `endpoint`, by default of CLB; it adds RegionId unless that is given.
 *
 * @param place where it puts parameters, as the product's own package does; only in the body may one be a list
 */
export function createOracle(
  endpoint: string,
  key: OracleKey,
  region = 'cn-hangzhou',
  version = '2014-05-15',
  place: 'query' | 'body' = 'query',
): Oracle {
  const client = new Client(
    new $OpenApiUtil.Config({
      accessKeyId: key.id,
      accessKeySecret: key.secret,
      ...(key.token === undefined ? {} : { securityToken: key.token }),
      endpoint: endpoint.replace('http://', ''),
      protocol: 'HTTP',
    }),
  );
  async function call(action: string, parameters: Readonly<Record<string, Value>> = {}) {
    const query = Object.fromEntries(
      Object.entries({ RegionId: region, ...parameters }).map(([name, value]) => [name, String(value)]),
    );
    const answer = await client.callApi(
      new $OpenApiUtil.Params({
        action,
        version,
        protocol: 'HTTP',
        pathname: '/',
        method: 'POST',
        authType: 'AK',
        style: 'RPC',
        reqBodyType: 'formData',
        bodyType: 'json',
      }),
      new $OpenApiUtil.OpenApiRequest(place === 'query' ? { query } : { body: { RegionId: region, ...parameters } }),
      { autoretry: false },
    );
    return answer['body'];
  }
  return {
    call,
    async refused(action, parameters) {
      const answer = await call(action, parameters).catch((error: unknown) => error);
      if (!(answer instanceof Error)) throw new Error(`${action} succeeded: ${JSON.stringify(answer)}`);
      const { code, statusCode, message, requestId, data } = answer as unknown as Refusal & {
        statusCode: number;
      };
      return { code, status: statusCode, message, requestId, data };
    },
  };
}
