import { fail, isFailure } from '../../core/errors/errors.ts';
import { remoteText } from '../../core/errors/remote-text.ts';
import type { Fields } from '../../core/text/json.ts';
import type { World } from '../../ports/world.ts';
import { type BalancerTrouble, balancerError } from '../http/balancer-errors.ts';
import type { Instance } from '../http/instance.ts';
import { isRefusal, readList, readString, refusalOf, type Trouble, UnreadableAnswer } from '../http/json-api.ts';
import { LookAgain, untilKnown } from '../http/look-again.ts';
import { type ClbHealth, type ClbListener, type ClbTarget, healthIn, listenerIn, targetsIn } from './clb-listener.ts';
import { type TencentKeyOptions, tencentInstance, tencentKeySource } from './credentials.ts';
import { createTencent, isDenial, type TencentOptions } from './tencent.ts';

/** The options that the balancer and the deployer share. */
export interface ClbOptions extends TencentKeyOptions {
  readonly region: string;
  readonly loadBalancer: string;
  readonly endpoint?: string | undefined;
}

export interface ClbContext {
  readonly options: ClbOptions;
  /** The balancer in messages: `the balancer "web" (tencent-clb)`. */
  readonly title: string;
  /** The name in the configuration. */
  readonly name: string;
  readonly world: Pick<World, 'clock' | 'random' | 'log' | 'http'>;
}

/** The API of one load balancer. Errors are `balancer/…`, with the API's request ID. */
export interface TencentClb {
  readonly instance: Instance;
  /** What other services of the same account need. */
  readonly shared: Omit<TencentOptions, 'endpoint' | 'service' | 'version' | 'region' | 'isBusy'>;
  /** Calls an action that changes nothing. */
  read<T>(action: string, params: Fields, parse: (response: Fields) => T, signal: AbortSignal): Promise<T>;
  /**
   * Changes the load balancer, and waits until the change is done. Rejects with {@link LookAgain} if the response was
   * lost, if the change failed midway, if `outdated` returns true for the error, or if the change no longer fits.
   */
  change(change: Change, signal: AbortSignal): Promise<void>;
  /** Returns the listener on a port, of the first of these protocols that it has. Fails if there is none. */
  listener(port: number, protocols: readonly string[], signal: AbortSignal): Promise<ClbListener>;
  /** Returns the servers of the listener's rules, by the rules' IDs. */
  targets(listener: string, signal: AbortSignal): Promise<ReadonlyMap<string, readonly ClbTarget[]>>;
  /** Returns the health of the servers of the listener's rules, by the rules' IDs. */
  health(listener: string, signal: AbortSignal): Promise<ReadonlyMap<string, readonly ClbHealth[]>>;
  /** Returns how many rules a listener may have. */
  ruleQuota(signal: AbortSignal): Promise<number>;
  /** Returns the load balancer's addresses. Fails if it does not exist or has no rules. */
  addresses(signal: AbortSignal): Promise<readonly string[]>;
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  /** Repeats the work while it ends in {@link LookAgain}; see {@link untilKnown}. */
  untilKnown<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T>;
  close(): Promise<void>;
}

export interface Change {
  readonly action: string;
  readonly params: Fields;
  /** Reports whether an error means that the state differs from what was read. */
  readonly outdated?: (error: unknown) => boolean;
  /** Reads again, before the call is repeated after another change, and reports whether this one still fits. */
  readonly stillFits?: () => Promise<boolean>;
}

/** The quota of an account that may not read its own (document 214/6187). */
const usualRuleQuota = 50;
/** A change takes seconds, and a minute while others are made. */
const taskBudgetMs = 180_000;
const firstPauseMs = 1_000;
const longestPauseMs = 4_000;

export function connectClb({ options, title, name, world }: ClbContext): TencentClb {
  const { clock, random, log } = world;
  const { region, loadBalancer } = options;
  const http = world.http();
  const instance = tencentInstance({ http, name });
  const credentials = tencentKeySource(options, { instance, clock, name });
  const error = (trouble: Trouble) => balancerError(title, { ...trouble, ...meaningIn(trouble, options) });
  const shared = { http, clock, random, log, name, credentials, error };
  const api = createTencent({
    ...shared,
    ...{ endpoint: options.endpoint ?? 'https://clb.tencentcloudapi.com', service: 'clb', version: '2018-03-17' },
    ...{ region, isBusy },
  });
  const read: TencentClb['read'] = (action, params, parse, signal) =>
    api.call(action, params, parse, { readsOnly: true, signal });
  let quota: number | undefined;
  let addresses: readonly string[] | undefined;

  /** Waits for a task. Its ID is that of the request that began it. */
  async function finished(action: string, TaskId: string, signal: AbortSignal): Promise<void> {
    const beganMs = clock.monotonicMs();
    for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
      await clock.sleep(pauseMs, signal);
      const { status, reason } = await read('DescribeTaskStatus', { TaskId }, taskIn, signal);
      if (status === taskStates.done) return;
      const waitedMs = clock.monotonicMs() - beganMs;
      const about = { balancer: title, action, reason: `${reason} (request ${TaskId})` };
      if (status !== taskStates.running) throw fail('balancer/failed', about);
      if (waitedMs > taskBudgetMs) throw fail('balancer/busy', { ...about, seconds: Math.round(waitedMs / 1000) });
    }
  }

  return {
    instance,
    shared,
    read,
    async change({ action, params, outdated, stillFits }, signal) {
      const lookAgain = (cause: unknown) => new LookAgain(cause, `${action} ${JSON.stringify(params)}`);
      const beforeRepeat = async () => {
        if (stillFits && !(await stillFits())) throw lookAgain(new Error(`${action}: ${title} was changed meanwhile`));
      };
      try {
        const whole = { LoadBalancerId: loadBalancer, ...params };
        const begin = (response: Fields) => readString(response, 'RequestId');
        const call = { readsOnly: false, beforeRepeat, signal };
        await finished(action, await api.call(action, whole, begin, call), signal);
      } catch (cause) {
        if (signal.aborted) throw signal.reason;
        if (isFailure(cause, 'balancer/unreachable', 'balancer/failed') || outdated?.(cause)) throw lookAgain(cause);
        throw cause;
      }
    },
    async listener(port, protocols, signal) {
      const list = (more: Fields) =>
        read(
          'DescribeListeners',
          { LoadBalancerId: loadBalancer, ...more },
          (response) => readList(response['Listeners'], 'Listeners').map(listenerIn),
          signal,
        );
      const there = (await list({ Port: port })).filter((one) => one.port === port);
      const found = protocols.flatMap((protocol) => there.filter((one) => one.protocol === protocol))[0];
      if (found) return found;
      const others = (await list({})).map((one) => `${one.port} (${one.protocol})`).join(', ');
      throw fail('balancer/not-found', {
        balancer: title,
        what: `a listener on port ${port} (${protocols.join(', ')}) of ${loadBalancer} in ${region}`,
        reason: others === '' ? 'the load balancer has no listener at all' : `its listeners are ${others}`,
      });
    },
    targets: (listener, signal) =>
      read('DescribeTargets', { LoadBalancerId: loadBalancer, ListenerIds: [listener] }, targetsIn, signal),
    health: (listener, signal) =>
      read('DescribeTargetHealth', { LoadBalancerIds: [loadBalancer], ListenerIds: [listener] }, healthIn, signal),
    async ruleQuota(signal) {
      quota ??= await read('DescribeQuota', {}, ruleQuotaIn, signal).catch((refusal: unknown) => {
        if (!isDenial(refusalOf(refusal)?.code ?? '')) throw refusal;
        return usualRuleQuota;
      });
      return quota;
    },
    async addresses(signal) {
      if (addresses) return addresses;
      const one = await read('DescribeLoadBalancers', { LoadBalancerIds: [loadBalancer] }, balancerIn, signal);
      const what = `the load balancer ${loadBalancer} in ${region}`;
      if (!one)
        throw fail('balancer/not-found', { balancer: title, what, reason: 'the account has none with this ID' });
      if (!one.hasRules)
        throw fail('balancer/refused', {
          ...{ balancer: title, action: 'DescribeLoadBalancers' },
          reason: `${loadBalancer} is a classic load balancer, which has no rules`,
          advice: 'Name a load balancer of the type CLB.',
        });
      addresses = one.addresses;
      return addresses;
    },
    sleep: (ms, signal) => clock.sleep(ms, signal),
    untilKnown: (work, signal) => untilKnown(clock, work, signal),
    close: () => http.close(),
  };
}

/** Reports whether the rule does not exist. */
export const isUnknownRule = (error: unknown): boolean => isRefusal(error, 'InvalidParameter.LocationNotFound');

const taskStates = { done: 0, running: 2 } as const;

const taskIn = ({ Status, Message }: Fields) => {
  if (typeof Status !== 'number') throw new UnreadableAnswer('Status is missing in its answer');
  return {
    status: Status,
    reason: typeof Message === 'string' && Message !== '' ? remoteText(Message, 200) : 'no reason',
  };
};

/** Sentences of the plain code `FailedOperation` that mean that another change is under way (terraform-provider). */
const busyWords = /not in normal (des ?)?sta(te|tus)|des ?sta(te|tus) (is )?abnormal|your task is working/i;

const isBusy = (code: string, reason: string): boolean =>
  code.endsWith('ResourceInOperating') ||
  code === 'ResourceInUse' ||
  (code === 'FailedOperation' && busyWords.test(reason));

function ruleQuotaIn(response: Fields): number {
  const one = readList(response['QuotaSet'], 'QuotaSet').find(({ QuotaId }) => QuotaId === 'TOTAL_LISTENER_RULE_QUOTA');
  const limit = Number(one?.['QuotaLimit']);
  return Number.isInteger(limit) && limit > 0 ? limit : usualRuleQuota;
}

function balancerIn(
  response: Fields,
): { readonly addresses: readonly string[]; readonly hasRules: boolean } | undefined {
  const [one] = readList(response['LoadBalancerSet'], 'LoadBalancerSet');
  if (one === undefined) return undefined;
  const { LoadBalancerVips: v4, AddressIPv6: v6, Forward } = one;
  const all = [...(Array.isArray(v4) ? v4 : []), v6];
  return { addresses: all.filter((text) => typeof text === 'string' && text !== ''), hasRules: Forward !== 0 };
}

/** Describes the meaning of a code of this API. */
function meaningIn(
  { code = '' }: Trouble,
  { region, loadBalancer }: ClbOptions,
): Pick<BalancerTrouble, 'means' | 'about'> {
  const here = `${loadBalancer} in ${region}`;
  const missing = (about: string) => ({ means: 'not-found', about }) as const;
  if (code === 'InvalidParameter.RegionNotFound' || code === 'UnsupportedRegion')
    return missing(`the region ${region}`);
  if (code === 'InvalidParameter.LBIdNotFound') return missing(`the load balancer ${here}`);
  if (code === 'InvalidParameter.ListenerIdNotFound') return missing(`that listener of ${here}`);
  if (code === 'InvalidParameter.LocationNotFound') return missing(`that rule of ${here}`);
  if (code.startsWith('ResourceNotFound')) return missing(`something that the call needs at ${here}`);
  if (code.startsWith('LimitExceeded') || code.startsWith('ResourceInsufficient'))
    return { means: 'quota', about: `more rules or servers at ${here}` };
  return {};
}
