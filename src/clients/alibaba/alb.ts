import { type CertfleetError, fail, isFailure } from '../../core/errors/errors.ts';
import { type Fields, isFields } from '../../core/text/json.ts';
import { present } from '../../core/text/present.ts';
import type { World } from '../../ports/world.ts';
import { badList, balancerError } from '../http/balancer-errors.ts';
import type { Instance } from '../http/instance.ts';
import { readFields, readList, readString } from '../http/json-api.ts';
import { LookAgain, untilKnown } from '../http/look-again.ts';
import { readPages } from '../http/pages.ts';
import { type AlibabaTrouble, createAlibaba } from './alibaba.ts';
import { readNumber, textIn } from './clb.ts';
import { type AlibabaKeyOptions, alibabaInstance, alibabaKeys } from './credentials.ts';

// The Application Load Balancer (ALB, 2020-06-16), and the Network Load Balancer (NLB, 2022-04-30), whose API has the
// same forms. Each change is a job: the API accepts it, and carries it out later. Meanwhile the listener or the group
// takes no other change.

export interface AlbOptions extends AlibabaKeyOptions {
  readonly region: string;
  readonly loadBalancer: string;
  readonly endpoint?: string | undefined;
}

export interface AlbContext {
  /** By default, ALB. */
  readonly service?: keyof typeof services;
  readonly options: AlbOptions;
  /** The balancer in messages: `the balancer "web" (alibaba-alb)`. */
  readonly title: string;
  /** The name in the configuration. */
  readonly name: string;
  readonly world: Pick<World, 'clock' | 'random' | 'log' | 'files' | 'http'>;
}

export interface AlbListener {
  readonly id: string;
  readonly port: number;
  /** `HTTP`, `HTTPS` or `QUIC`; `TCPSSL` and others at NLB. */
  readonly protocol: string;
  /** `Running`, or `Configuring` while a change is under way. */
  readonly status: string;
}

export interface AlbBalancer {
  readonly vpcId: string;
  /** `Basic`, `Standard`… */
  readonly edition: string;
}

/** Parts become `RuleConditions.1.HostConfig.Values.1`. */
interface Parts {
  readonly [name: string]: string | number | boolean | readonly (string | Parts)[] | Parts | undefined;
}

export interface AlbChange {
  readonly action: string;
  readonly params: Parts;
  /** Identifies what is changed if its parameters do not, because they contain new IDs; see {@link LookAgain}. */
  readonly key?: string;
  /** More codes that mean "wait and repeat". */
  readonly busy?: readonly string[];
}

/** The API of one load balancer. Errors are `balancer/…`, with the API's request ID. */
export interface Alb {
  readonly instance: Instance;
  /** Calls an action that changes nothing. */
  read<T>(action: string, params: Parts, parse: (answer: Fields) => T, signal: AbortSignal): Promise<T>;
  /** Returns a list, all pages of it. */
  list(action: string, params: Parts, name: string, signal: AbortSignal, pageSize?: number): Promise<readonly Fields[]>;
  /**
   * Begins a change, after earlier ones have ended. Rejects with {@link LookAgain} if the answer was lost, or if
   * something that the change needs has gone.
   */
  change(change: AlbChange, signal: AbortSignal): Promise<Fields>;
  /** Fails if the load balancer does not exist. */
  balancer(signal: AbortSignal): Promise<AlbBalancer>;
  listeners(signal: AbortSignal): Promise<readonly AlbListener[]>;
  /** Returns why one of these jobs failed, if the API tells. */
  failureOf(jobs: readonly string[], signal: AbortSignal): Promise<string | undefined>;
  /** Repeats the work while it ends in {@link LookAgain}; see {@link untilKnown}. */
  untilKnown<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T>;
  close(): Promise<void>;
}

const services = { alb: { version: '2020-06-16' }, nlb: { version: '2022-04-30' } } as const;

/** Codes that mean that another change is under way (terraform-provider-alicloud waits at each of them). */
const busyCodes = [
  ...['IncorrectStatus.Listener', 'ResourceInConfiguring.Listener', 'IncorrectStatus.Rule'],
  ...['IncorrectStatus.LoadBalancer', 'IncorrectBusinessStatus.LoadBalancer', 'IncorrectStatus.ServerGroup'],
  // As NLB spells them.
  ...[
    'IncorrectStatus.listener',
    'IncorrectStatus.loadbalancer',
    'ResourceInConfiguring.loadbalancer',
    'Conflict.Lock',
  ],
  ...['VipStatusNotSupport', 'SystemBusy', 'IdempotenceProcessing', '-21020', '-22001', '-22031'],
];
const mostRows = 100;
const mostJobs = 20;

export function connectAlb({ service = 'alb', options, title, name, world }: AlbContext): Alb {
  const { clock, random, log, files } = world;
  const { region, loadBalancer } = options;
  const http = world.http();
  const instance = alibabaInstance({ http, name });
  const api = createAlibaba({
    ...{ http, clock, random, log, name, inBody: true, ram: service, ...services[service] },
    endpoint: options.endpoint ?? `https://${service}.${region}.aliyuncs.com`,
    ...present({ regionId: service === 'nlb' ? region : undefined }),
    credentials: alibabaKeys(options, { http, clock, random, log, files, instance, name }),
    error: (trouble) => balancerError(title, { ...trouble, ...meaningIn(trouble, options) }),
  });
  const read: Alb['read'] = (action, params, parse, signal) =>
    api.call(action, flat(params), parse, { signal, mutates: false, busyCodes });
  const list: Alb['list'] = (action, params, key, signal, size = mostRows) =>
    readPages(badList(title, action), '', (token: string) =>
      read(
        action,
        { ...params, MaxResults: size, NextToken: token === '' ? undefined : token },
        (answer) => {
          const found = answer[key] === undefined ? [] : readList(answer[key], key);
          // An empty page may come with a token.
          return { found, next: found.length === 0 ? undefined : textIn(answer, 'NextToken') };
        },
        signal,
      ),
    );

  return {
    ...{ instance, read, list },
    async change({ action, params, key = JSON.stringify(params), busy = [] }, signal) {
      try {
        const call = { signal, mutates: true, busyCodes: [...busyCodes, ...busy] };
        return await api.call(action, flat(params), (answer) => answer, call);
      } catch (cause) {
        if (signal.aborted) throw signal.reason;
        if (isFailure(cause, 'balancer/unreachable', 'balancer/failed', 'balancer/not-found'))
          throw new LookAgain(cause, `${action} ${key}`);
        throw cause;
      }
    },
    async balancer(signal) {
      const [found] = await list('ListLoadBalancers', { LoadBalancerIds: [loadBalancer] }, 'LoadBalancers', signal);
      if (!found) throw missing(`the load balancer ${loadBalancer} in ${region}`, 'the region has no such ALB');
      return { vpcId: readString(found, 'VpcId'), edition: textIn(found, 'LoadBalancerEdition') ?? '' };
    },
    async listeners(signal) {
      const rows = await list('ListListeners', { LoadBalancerIds: [loadBalancer] }, 'Listeners', signal);
      return rows.map((row) => ({
        ...{ id: readString(row, 'ListenerId'), port: readNumber(row, 'ListenerPort') },
        ...{ protocol: readString(row, 'ListenerProtocol'), status: readString(row, 'ListenerStatus') },
      }));
    },
    async failureOf(jobs, signal) {
      if (jobs.length === 0) return undefined;
      const rows = await list('ListAsynJobs', { JobIds: jobs.slice(-mostJobs) }, 'Jobs', signal).catch(
        (error: unknown): readonly Fields[] => {
          if (signal.aborted) throw error;
          return []; // only the reason is missing then
        },
      );
      const failed = rows.find((row) => row['Status'] === 'Failed');
      return failed && (textIn(failed, 'ErrorMessage') ?? textIn(failed, 'ErrorCode'));
    },
    untilKnown: (work, signal) => untilKnown(clock, work, signal),
    close: () => http.close(),
  };

  function missing(what: string, reason: string): CertfleetError {
    return fail('balancer/not-found', { balancer: title, what, reason });
  }
}

/** Describes what a code says does not exist or has no room. */
function meaningIn(
  { code = '', params = {}, what }: AlibabaTrouble,
  { region, loadBalancer }: AlbOptions,
): { readonly about?: string; readonly hint?: string } {
  const here = `${loadBalancer} in ${region}`;
  if (/^ResourceNotFound\.listener$/i.test(code)) return { about: `that listener of ${here}` };
  if (/^ResourceNotFound\.loadBalancer$/i.test(code)) return { about: `the load balancer ${here}` };
  if (/^ResourceNotFound\.(backend)?server$/i.test(code)) {
    const servers = Object.entries(params).flatMap(([name, value]) => (/\.ServerId$/.test(name) ? [value] : []));
    return {
      about: `a running server ${servers.join(' or ')} for ${here}`,
      hint: 'Check `backend.serverId` of the balancer, and that this server runs in the region and the network of the load balancer.',
    };
  }
  if (/^QuotaExceeded.*rule/i.test(code)) return { about: `more rules at ${here}` };
  if (/^QuotaExceeded/i.test(code) && /Certificates/.test(what))
    return { about: `another additional certificate on a listener of ${here}` };
  return {};
}

function flat(parts: Parts, prefix = ''): Record<string, string | number | boolean> {
  const all: Record<string, string | number | boolean> = {};
  for (const [key, value] of Object.entries(parts)) {
    const name = `${prefix}${key}`;
    if (value === undefined) continue;
    if (typeof value !== 'object') all[name] = value;
    else Object.assign(all, flat(isFields(value) ? value : numbered(value), `${name}.`));
  }
  return all;
}

const numbered = (list: readonly (string | Parts)[]): Parts =>
  Object.fromEntries(list.map((item, at) => [String(at + 1), item]));

/** Reads what may be left out. */
export const fieldsIn = (fields: Fields, name: string): Fields =>
  fields[name] === undefined ? {} : readFields(fields[name], name);
export const rowsIn = (fields: Fields, name: string): readonly Fields[] =>
  fields[name] === undefined ? [] : readList(fields[name], name);
