import type { Clock } from '../../../src/ports/clock.ts';
import { createFakeApi, type FakeAnswer, type FakeApi, type FakeRequest } from '../../../src/testing/fake-api.ts';
import { uuid } from '../alibaba-clb/random.ts';
import type { Schemas, Values } from '../call-values.ts';
import { readJsonValues, type Wrong } from '../json-values.ts';
import { chanceOf } from '../seeded.ts';
import { refuse, TencentError } from './errors.ts';
import { type Statement, type TencentKey, verify } from './signature.ts';

// What all APIs 3.0 of Tencent Cloud share: signature, CAM, rates, parameters, errors with status 200. From
// cloud.tencent.com/document/api/213/30654, 400/41680 (common errors) and the CAM pages.

export interface Call {
  readonly values: Values;
  readonly region: string;
  /** Of the answer; of a change, it is the id of its task. */
  readonly requestId: string;
}

export interface Action {
  readonly parameters: Schemas;
  /** How many calls an account may make in a second. */
  readonly perSecond?: number;
  /** The resources that CAM must allow; absent if it can only allow all. */
  resources?(call: Call): readonly string[];
  run(call: Call): Readonly<Record<string, unknown>>;
}

export interface Service {
  /** As in the scope of the signature, in CAM and in the host: `clb`. */
  readonly name: string;
  readonly version: string;
  readonly needsRegion: boolean;
  readonly denialCode: string;
  readonly actions: Readonly<Record<string, Action>>;
}

export interface GatewayOptions {
  readonly clock: Clock;
  readonly keys: readonly TencentKey[];
  readonly regions: readonly string[];
  /** Where the fake is, besides the hosts of its services. */
  readonly origins?: readonly string[];
  readonly services: readonly Service[];
  /** Brings the cloud up to date before each call. */
  before?(): void;
}

export interface Answered {
  readonly action: string;
  /** The error code; undefined after success. */
  readonly code: string | undefined;
  readonly requestId: string;
}

export interface Gateway {
  readonly api: FakeApi;
  /** What was answered to each call, before a fault of the test changed or lost it. */
  readonly records: readonly Answered[];
  /** Lets CAM refuse these actions (`clb:CreateRule`) to every key; without arguments, none. */
  deny(...actions: readonly string[]): void;
}

export function createGateway({ clock, keys, regions, origins = [], services, before }: GatewayOptions): Gateway {
  const random = chanceOf(1);
  const records: Answered[] = [];
  const recent = new Map<string, number[]>();
  let denied: readonly string[] = [];

  function throttle(action: string, perSecond = 20): void {
    const now = clock.monotonicMs();
    const times = (recent.get(action) ?? []).filter((time) => now - time < 1000);
    recent.set(action, times);
    if (times.length >= perSecond)
      throw refuse('RequestLimitExceeded', `The action ${action} was called more than ${perSecond} times a second.`);
    times.push(now);
  }

  function allow({ policy }: TencentKey, service: Service, name: string, resources: readonly string[]): void {
    const action = `${service.name}:${name}`;
    for (const resource of resources)
      if (denied.includes(action) || (policy !== undefined && !allows(policy, action, resource)))
        throw refuse(
          service.denialCode,
          `you are not authorized to perform operation (${action}) resource (${resource}) has no permission`,
        );
  }

  function run(request: FakeRequest, requestId: string): Readonly<Record<string, unknown>> {
    const { headers, url, method } = request;
    const [name, version] = [headers['x-tc-action'] ?? '', headers['x-tc-version']];
    const scope = /\/([a-z]+)\/tc3_request/.exec(headers['authorization'] ?? '')?.[1];
    const atHost = services.find((one) => hostsOf(one).includes(url.origin));
    const service = atHost ?? services.find((one) => one.name === scope);
    if (service === undefined) throw refuse('AuthFailure.InvalidAuthorization', 'The service is unknown.');
    if (method !== 'POST' || !/^application\/json\b/.test(headers['content-type'] ?? ''))
      throw refuse('UnsupportedProtocol', 'The fake takes POST with JSON alone.');
    const key = verify(request, service.name, keys, clock.now().getTime());
    if (version !== service.version) throw refuse('NoSuchVersion', 'The API version does not exist.');
    const action = Object.hasOwn(service.actions, name) ? service.actions[name] : undefined;
    if (action === undefined) throw refuse('InvalidAction', 'The action does not exist.');
    const region = headers['x-tc-region'] ?? '';
    if (region === '' && service.needsRegion) throw refuse('MissingParameter', 'The request is missing `Region`.');
    if (region !== '' && !regions.includes(region))
      throw refuse('InvalidParameter.RegionNotFound', 'Region not found.');
    const call: Call = { values: readJson(request, action.parameters), region, requestId };
    allow(key, service, name, action.resources?.(call) ?? ['*']);
    throttle(name, action.perSecond);
    before?.();
    return action.run(call);
  }

  function answer(request: FakeRequest): FakeAnswer {
    const action = request.headers['x-tc-action'] ?? '';
    const requestId = uuid(random).toLowerCase();
    const respond = (fields: object) => ({ status: 200, body: { Response: { ...fields, RequestId: requestId } } });
    try {
      const fields = run(request, requestId);
      records.push({ action, code: undefined, requestId });
      return respond(fields);
    } catch (error) {
      if (!(error instanceof TencentError)) throw error;
      records.push({ action, code: error.code, requestId });
      return respond({ Error: { Code: error.code, Message: error.message } });
    }
  }

  const all = [...origins, ...services.flatMap(hostsOf)];
  const api = createFakeApi({
    clock,
    origin: all,
    nameOf: ({ headers }) => headers['x-tc-action'] ?? '',
    routes: Object.fromEntries(all.flatMap((at) => [`GET ${at}/`, `POST ${at}/`].map((route) => [route, answer]))),
  });
  return {
    api,
    records,
    deny: (...actions) => {
      denied = actions;
    },
  };
}

const hostsOf = ({ name }: Service): readonly string[] => [
  `https://${name}.tencentcloudapi.com`,
  `https://${name}.intl.tencentcloudapi.com`,
];

/** CAM's patterns: `*` is any text. An action that cannot be limited is on the resource `*`, which only `*` allows. */
function allows(policy: readonly Statement[], action: string, resource: string): boolean {
  const matches = (patterns: string | readonly string[], text: string): boolean =>
    [patterns].flat().some((pattern) => {
      const parts = pattern.split('*').map((part) => part.replace(/[.+^${}()|[\]\\?]/g, '\\$&'));
      return new RegExp(`^${parts.join('.*')}$`, 'i').test(text);
    });
  const effects = policy
    .filter((one) => matches(one.action, action) && matches(one.resource, resource))
    .map(({ effect }) => effect);
  return effects.includes('allow') && !effects.includes('deny');
}

function readJson(request: FakeRequest, schemas: Schemas): Values {
  let parsed: unknown;
  try {
    parsed = JSON.parse(request.text);
  } catch {
    throw refuse('InvalidParameter', 'The body is no JSON.');
  }
  return readJsonValues(parsed, schemas, (wrong, name) => refuse(...refusals[wrong](name)));
}

const refusals: Readonly<Record<Wrong, (name: string) => readonly [code: string, message: string]>> = {
  unknown: (name) => ['UnknownParameter', `The parameter \`${name}\` is not recognized.`],
  missing: (name) => ['MissingParameter', `The request is missing a required parameter \`${name}\`.`],
  type: (name) => ['InvalidParameter', `The value type of parameter \`${name}\` is not valid.`],
  value: (name) => ['InvalidParameterValue', `The value of \`${name}\` is not valid.`],
  length: (name) => ['InvalidParameterValue.Length', `\`${name}\` is too long.`],
  range: (name) => ['InvalidParameterValue.Range', `The value of \`${name}\` is out of range.`],
};
