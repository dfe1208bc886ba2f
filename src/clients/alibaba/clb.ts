import { fail, isFailure } from '../../core/errors/errors.ts';
import { markIn } from '../../core/request-path/own-mark.ts';
import type { Fields } from '../../core/text/json.ts';
import { present } from '../../core/text/present.ts';
import type { World } from '../../ports/world.ts';
import { balancerError } from '../http/balancer-errors.ts';
import type { Instance } from '../http/instance.ts';
import { isRefusal, readFields, readList, readString, refusalOf, UnreadableAnswer } from '../http/json-api.ts';
import { LookAgain, untilKnown } from '../http/look-again.ts';
import { type AlibabaParams, type AlibabaTrouble, createAlibaba } from './alibaba.ts';
import { type AlibabaKeyOptions, alibabaInstance, alibabaKeys } from './credentials.ts';

/** The options that the balancer and the deployer share. */
export interface ClbOptions extends AlibabaKeyOptions {
  readonly region: string;
  readonly loadBalancer: string;
  readonly endpoint?: string | undefined;
}

export interface ClbContext {
  readonly options: ClbOptions;
  /** The balancer in messages: `the balancer "slb" (alibaba-clb)`. */
  readonly title: string;
  /** The name in the configuration. */
  readonly name: string;
  readonly world: Pick<World, 'clock' | 'random' | 'log' | 'files' | 'http'>;
}

/** A listener of the load balancer. */
export interface ClbListener {
  readonly port: number;
  /** `http`, `https`, `tcp` or `udp`. */
  readonly protocol: string;
  /** The port of the HTTPS listener to which this listener redirects everything. */
  readonly forwardsTo?: number;
}

/** The API of one load balancer. Errors are `balancer/…`, with the API's request ID. */
export interface Clb {
  readonly instance: Instance;
  /** Calls an action that changes nothing. */
  read<T>(action: string, params: AlibabaParams, parse: (answer: Fields) => T, signal: AbortSignal): Promise<T>;
  /**
   * Calls an action that changes something, after earlier changes are applied. Rejects with {@link LookAgain} if the
   * response was lost, or if `outdated` returns true for the error.
   */
  change<T = void>(change: Change<T>, signal: AbortSignal): Promise<T>;
  /** Returns all listeners. Fails if the load balancer does not exist or is not running. */
  listeners(signal: AbortSignal): Promise<readonly ClbListener[]>;
  /** Returns the load balancer's address when the listeners were last read. */
  address(): string | undefined;
  /** Repeats the work while it ends in {@link LookAgain}; see {@link untilKnown}. */
  untilKnown<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T>;
  close(): Promise<void>;
}

export interface Change<T> {
  readonly action: string;
  readonly params: AlibabaParams;
  readonly parse?: (answer: Fields) => T;
  /** More codes that mean "wait and repeat". */
  readonly busy?: readonly string[];
  /** Reports whether an error means that the state differs from what was read. */
  readonly outdated?: (error: unknown) => boolean;
}

/** Codes of this API, in addition to those of every Alibaba API (help 35221, terraform-provider-alicloud). */
const busyCodes = ['OperationBusy', 'ProcessingSameRequest', 'ServiceIsStopping', 'SystemBusy'] as const;
/** A recently deleted rule may still count as a user of its group. */
export const groupInUse = ['RspoolVipExist', 'RspoolRuleExist'] as const;
/** The documentation uses this code with status 404 for a group that does not exist. */
const unknownGroup = 'InvalidParameter';

export function connectClb({ options, title, name, world }: ClbContext): Clb {
  const { clock, random, log, files } = world;
  const { region, loadBalancer } = options;
  const http = world.http();
  const instance = alibabaInstance({ http, name });
  const error = (trouble: AlibabaTrouble) => balancerError(title, { ...trouble, ...meaningIn(trouble, options) });
  const api = createAlibaba({
    http,
    clock,
    random,
    log,
    name,
    endpoint: options.endpoint ?? endpointOf(region),
    version: '2014-05-15',
    ram: 'slb',
    regionId: region,
    // A server is a separate resource in policies (help 85924).
    alsoNeeds: (action) => (/BackendServers$|^CreateVServerGroup$/.test(action) ? ['acs:ecs:*:*:instance/*'] : []),
    credentials: alibabaKeys(options, { http, clock, random, log, files, instance, name }),
    error,
  });
  const read: Clb['read'] = (action, params, parse, signal) =>
    api.call(action, params, parse, { signal, mutates: false, busyCodes });
  let address: string | undefined;

  return {
    instance,
    read,
    async change<T>({ action, params, parse, busy = [], outdated }: Change<T>, signal: AbortSignal): Promise<T> {
      try {
        const call = { signal, mutates: true, busyCodes: [...busyCodes, ...busy] };
        return await api.call(action, params, (answer) => parse?.(answer) as T, call);
      } catch (cause) {
        if (signal.aborted) throw signal.reason;
        if (isFailure(cause, 'balancer/unreachable', 'balancer/failed') || outdated?.(cause))
          throw new LookAgain(cause, `${action} ${JSON.stringify(params)}`);
        throw cause;
      }
    },
    async listeners(signal) {
      const { status, listeners, ...rest } = await read(
        'DescribeLoadBalancerAttribute',
        { LoadBalancerId: loadBalancer },
        (answer) => ({
          status: answer['LoadBalancerStatus'],
          address: answer['Address'],
          listeners: listIn(answer, 'ListenerPortsAndProtocol', 'ListenerPortAndProtocol').map(listenerOf),
        }),
        signal,
      );
      address = typeof rest.address === 'string' ? rest.address : undefined;
      if (typeof status === 'string' && status !== 'active')
        throw fail('balancer/refused', {
          balancer: title,
          action: 'all traffic',
          reason: `${loadBalancer} in ${region} is ${status === 'locked' ? 'locked, perhaps because of a bill' : 'stopped'}`,
          advice: 'Start it in the SLB console.',
        });
      return Promise.all(listeners.map((listener) => withForward(listener, signal)));
    },
    address: () => address,
    untilKnown: (work, signal) => untilKnown(clock, work, signal),
    close: () => http.close(),
  };

  /** Adds the redirect of an HTTP listener, which the list of listeners may omit. */
  async function withForward({ forward, ...listener }: ReadListener, signal: AbortSignal): Promise<ClbListener> {
    if (forward !== undefined || listener.protocol !== 'http') return listener;
    const about = { LoadBalancerId: loadBalancer, ListenerPort: listener.port };
    const parse = (answer: Fields) => listenerOf({ ...answer, ListenerProtocol: 'http' });
    const { forward: _known, ...whole } = await read('DescribeLoadBalancerHTTPListenerAttribute', about, parse, signal);
    return whole;
  }
}

interface ReadListener extends ClbListener {
  readonly forward: boolean | undefined;
}

function listenerOf(fields: Fields): ReadListener {
  const said = fields['ListenerForward'];
  // The documentation shows both `on` and `yes`.
  const forward = typeof said === 'string' ? /^(on|yes|true)$/i.test(said) : undefined;
  return {
    port: readNumber(fields, 'ListenerPort'),
    protocol: readString(fields, 'ListenerProtocol').toLowerCase(),
    forward,
    ...present({ forwardsTo: forward ? readNumber(fields, 'ForwardPort') : undefined }),
  };
}

/** Reports whether the API says that a group does not exist. */
export const isUnknownGroup = (error: unknown): boolean =>
  isRefusal(error, unknownGroup) && refusalOf(error)?.status === 404;

/** Describes the meaning of a code of this API, if it is more specific than "not found". */
function meaningIn(
  { code = '', means, what, params }: AlibabaTrouble,
  { region, loadBalancer }: ClbOptions,
): { readonly means?: AlibabaTrouble['means']; readonly about?: string; readonly hint?: string } {
  const here = `${loadBalancer} in ${region}`;
  if (code === 'InvalidRegionId.NotFound') return { means: 'not-found', about: `the region ${region}` };
  if (code.startsWith('InvalidLoadBalancerId')) return { means: 'not-found', about: `the load balancer ${here}` };
  if (/^(Checked)?ListenerNotFound$/.test(code)) return { means: 'not-found', about: `that listener of ${here}` };
  if (code === 'InvalidServerId.NotFound' || code === 'ObtainIpFail')
    return {
      means: 'not-found',
      about: `a running server ${serversIn(params)} for ${here}`,
      hint: 'Check `backend.serverId` of the balancer, and that this server runs in the region and the network of the load balancer.',
    };
  if (code === 'TooManyRules') return { means: 'quota', about: `more rules on a listener of ${here}` };
  if (code === 'OverQuota')
    return { means: 'quota', about: `another group, certificate or domain extension at ${here}` };
  return means === undefined ? {} : { about: `something that ${what} needs at ${here}` };
}

/** Returns the servers that a call names. */
const serversIn = (params: AlibabaParams | undefined): string =>
  (JSON.parse(String(params?.['BackendServers'] ?? '[]')) as readonly { readonly ServerId: string }[])
    .map(({ ServerId }) => ServerId)
    .join(', ');

/** The regions with the central endpoint (endpoints of the product Slb, 2026-04). */
const central = ['cn-hangzhou', 'cn-hangzhou-finance', 'cn-shanghai-finance-1', 'cn-shenzhen-finance-1'];

const endpointOf = (region: string): string =>
  central.includes(region) ? 'https://slb.aliyuncs.com' : `https://slb.${region}.aliyuncs.com`;

/** Reads a list such as `Rules: { Rule: […] }`. */
export const listIn = (fields: Fields, outer: string, inner: string): readonly Fields[] =>
  readList(readFields(fields[outer], outer)[inner], inner);

/** Reads a number, which some responses contain as text. */
export function readNumber(fields: Fields, name: string): number {
  const value = Number(fields[name] === '' ? Number.NaN : fields[name]);
  if (Number.isInteger(value)) return value;
  throw new UnreadableAnswer(`${name} is missing in its answer`);
}

export const textIn = (fields: Fields, name: string): string | undefined => {
  const value = fields[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
};

/**
 * Reads the tags of an object. Returns undefined if the response has none, which does not mean that the object has
 * none.
 */
export function tagsIn(fields: Fields): ReadonlyMap<string, string> | undefined {
  const { Tags: tags } = fields as { readonly Tags?: { readonly Tag?: unknown } };
  if (!Array.isArray(tags?.Tag) || tags.Tag.length === 0) return undefined;
  return new Map(tags.Tag.map((tag: Fields) => [String(tag['TagKey']), String(tag['TagValue'])]));
}

/** Returns the tags for a new object: its owner, its purpose, and the time after which it can only be a leftover. */
export const tagsFor = (name: string, more: Readonly<Record<string, string>>) => {
  const mark = markIn(name);
  const all = { ...present({ owner: mark?.owner, expires: mark?.expires.toISOString() }), ...more };
  return Object.entries(all).map(([key, Value]) => ({ Key: `certfleet-${key}`, Value }));
};
