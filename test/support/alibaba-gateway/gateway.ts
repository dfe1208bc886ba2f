import type { Clock } from '../../../src/ports/clock.ts';
import { createFakeApi, type FakeAnswer, type FakeApi, type FakeRequest } from '../../../src/testing/fake-api.ts';
import { checkAccess } from '../alibaba-clb/access.ts';
import { ApiError, invalid } from '../alibaba-clb/api-error.ts';
import { type AccessKey, strictBehaviour } from '../alibaba-clb/options.ts';
import { uuid } from '../alibaba-clb/random.ts';
import { createVerifier } from '../alibaba-clb/signature.ts';
import type { Schemas, Values } from '../call-values.ts';
import { chanceOf } from '../seeded.ts';
import { readValues } from './values.ts';

// The gateway that all RPC APIs of Alibaba Cloud share: signature, RAM, rates, parameters, errors. From
// help.aliyun.com/document_detail/159972 (signature), 315526 (RPC) and the tables of common errors.

export interface Call {
  readonly values: Values;
  /** The region that the host stands for. */
  readonly region: string;
  /** All parameters as they came, to tell a repeat. */
  readonly asked: string;
}

export interface Action {
  readonly parameters: Schemas;
  /** How many calls an account may make in a second. */
  readonly perSecond?: number;
  /** Whether the action refuses GET. */
  readonly isPostOnly?: true;
  /** The resource that RAM must allow, without its first parts; absent if RAM can only allow all resources. */
  resource?(values: Values): string;
  run(call: Call): Readonly<Record<string, unknown>>;
}

export interface Service {
  readonly product: string;
  readonly version: string;
  /** The hosts and their regions. A host of a test has the first one. */
  readonly hosts: Readonly<Record<string, string>>;
  /** What the actions and resources of RAM begin with. */
  readonly ram: string;
  /** The code of a refusal by RAM; `Forbidden.RAM` if absent. */
  readonly denialCode?: 'Forbidden.RAM' | 'Forbidden.NoPermission' | 'Forbidden';
  readonly actions: Readonly<Record<string, Action>>;
}

export interface GatewayOptions {
  readonly clock: Clock;
  readonly keys: readonly AccessKey[];
  readonly account: string;
  /** Where the fake is, besides the hosts of its services: `http://127.0.0.1:40123`. */
  readonly origins?: readonly string[];
  readonly services: readonly Service[];
  /** An API of another style at hosts of its own, and at `origins` for all requests that name no action of RPC. */
  readonly beside?: Beside;
  /** Brings the cloud up to date before each call. */
  before?(): void;
}

export interface Beside {
  readonly origins: readonly string[];
  nameOf(request: FakeRequest): string;
  /** @param allow throws the refusal of RAM, if there is one */
  answer(request: FakeRequest, allow: Allow): { readonly answer: FakeAnswer; readonly code: string | undefined };
}

export type Allow = (key: AccessKey, action: string, arn: string) => void;

export interface Answered {
  readonly action: string;
  /** The error code; undefined after success. */
  readonly code: string | undefined;
}

export interface Gateway {
  readonly api: FakeApi;
  /** What was answered to each call, before a fault of the test changed or lost it. */
  readonly records: readonly Answered[];
  /** Lets RAM refuse these actions (`cdn:SetCdnDomainSSLCertificate`) to every key; without arguments, none. */
  deny(...actions: readonly string[]): void;
}

export function createGateway(options: GatewayOptions): Gateway {
  const { clock, keys, account, origins = [], services, beside, before } = options;
  const verifier = createVerifier(keys);
  const random = chanceOf(1);
  const records: Answered[] = [];
  const recent = new Map<string, number[]>();
  let denied: readonly string[] = [];

  function throttle(action: string, perSecond = Number.POSITIVE_INFINITY): void {
    const now = clock.monotonicMs();
    const times = (recent.get(action) ?? []).filter((time) => now - time < 1000);
    recent.set(action, times);
    if (times.length >= perSecond) throw new ApiError('Throttling.User');
    times.push(now);
  }

  function allow(key: AccessKey, action: string, arn: string, denialCode = strictBehaviour.denialCode): void {
    const all = { Action: '*', Resource: '*' };
    const refusals = denied.map((Action) => ({ Effect: 'Deny' as const, Action, Resource: '*' }));
    const policy = [...(key.policy ?? [{ Effect: 'Allow' as const, ...all }]), ...refusals];
    checkAccess({ ...key, policy }, action, [arn], account, { ...strictBehaviour, denialCode });
  }

  function find({ method, url, headers }: FakeRequest): {
    service: Service;
    region: string;
    name: string;
    action: Action;
  } {
    const [name, version] = [headers['x-acs-action'] ?? '', headers['x-acs-version']];
    const isOurs = origins.includes(url.origin);
    const atHost = services.filter(({ hosts }) => isOurs || Object.hasOwn(hosts, url.host));
    const named = atHost.filter(({ actions }) => Object.hasOwn(actions, name));
    const service = named.find((one) => one.version === version);
    if (service === undefined) throw new ApiError(named.length === 0 ? 'InvalidAction.NotFound' : 'InvalidVersion');
    const region = service.hosts[url.host] ?? Object.values(service.hosts)[0]!;
    const action = service.actions[name]!;
    if (action.isPostOnly && method !== 'POST') throw new ApiError('UnsupportedHTTPMethod');
    return { service, region, name, action };
  }

  function run(request: FakeRequest): Record<string, unknown> {
    const { service, region, name, action } = find(request);
    const { method, url, headers, body } = request;
    const signed = { method, path: url.pathname, query: url.search.slice(1), headers, body: Buffer.from(body) };
    const key = verifier.verify(signed, clock.now().getTime());
    const flat = flatParameters(request);
    const values = readValues(flat, action.parameters);
    const arn = `acs:${service.ram}:*:${account}:${action.resource?.(values) ?? '*'}`;
    allow(key, `${service.ram}:${name}`, arn, service.denialCode);
    throttle(name, action.perSecond);
    before?.();
    return action.run({ values, region, asked: JSON.stringify([...flat].sort()) });
  }

  function answer(request: FakeRequest): FakeAnswer {
    const action = request.headers['x-acs-action'] ?? '';
    const requestId = uuid(random);
    const headers = { 'x-acs-request-id': requestId };
    try {
      const body = { RequestId: requestId, ...run(request) };
      records.push({ action, code: undefined });
      return { status: 200, headers, body };
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      const { code, status, message, details } = error;
      records.push({ action, code });
      const about = { HostId: request.url.host, Recommend: `https://api.aliyun.com/troubleshoot?q=${code}` };
      return { status, headers, body: { RequestId: requestId, Code: code, Message: message, ...about, ...details } };
    }
  }

  function answerBeside(request: FakeRequest): FakeAnswer {
    before?.();
    const { answer: sent, code } = beside!.answer(request, allow);
    records.push({ action: beside!.nameOf(request), code });
    return sent;
  }

  const isRpc = ({ headers }: FakeRequest) => beside === undefined || 'x-acs-action' in headers;
  const hosts = services.flatMap((one) => Object.keys(one.hosts).map((host) => `https://${host}`));
  const rpc = [...origins, ...hosts].flatMap((at) => [`GET ${at}/`, `POST ${at}/`]);
  const others = beside === undefined ? [] : [...origins, ...beside.origins];
  const methods = ['GET', 'POST', 'PUT', 'DELETE', 'HEAD'];
  const api = createFakeApi({
    clock,
    origin: [...origins, ...hosts, ...(beside?.origins ?? [])],
    nameOf: (request) => (isRpc(request) ? (request.headers['x-acs-action'] ?? '') : beside!.nameOf(request)),
    routes: {
      ...Object.fromEntries(rpc.map((at) => [at, (asked) => (isRpc(asked) ? answer(asked) : answerBeside(asked))])),
      ...Object.fromEntries(others.flatMap((at) => methods.map((method) => [`${method} ${at}/*`, answerBeside]))),
    },
  });
  return {
    api,
    records,
    deny: (...actions) => {
      denied = actions;
    },
  };
}

/** The parameters of the query and of a form. A name may come once. */
function flatParameters({ url, headers, form, body }: FakeRequest): ReadonlyMap<string, string> {
  const isForm = /^application\/x-www-form-urlencoded\b/.test(headers['content-type'] ?? '');
  if (body.length > 0 && !isForm) throw invalid('The fake: the body is not a form.');
  const pairs = [...url.searchParams, ...(isForm ? form() : [])];
  const flat = new Map(pairs);
  if (flat.size < pairs.length) throw invalid('The fake: a parameter is there twice.');
  return flat;
}
