import { createSingleFlight } from '../../core/async/single-flight.ts';
import { fail } from '../../core/errors/errors.ts';
import type { World } from '../../ports/world.ts';
import { balancerError } from '../http/balancer-errors.ts';
import type { Instance } from '../http/instance.ts';
import { isRefusal } from '../http/json-api.ts';
import { type Acm, createAcm } from './acm.ts';
import { type AwsTrouble, createAwsJson, createAwsQuery } from './aws.ts';
import { awsInstance, awsKeySource } from './credentials.ts';
import { createElb, type Elb, type ElbListener } from './elb.ts';
import type { AwsKeyOptions } from './profile.ts';

/** The options of the balancer `aws-alb` that its deployer needs, too. */
export interface AlbOptions extends AwsKeyOptions {
  readonly region: string;
  readonly loadBalancer?: string | undefined;
  readonly listener?: string | undefined;
  readonly listenerPort: number;
  readonly endpoint?: string | undefined;
}

/** A listener of a load balancer, looked up when it is first needed. */
export interface AlbPlace {
  /** The name of the load balancer's lock; see the port. */
  readonly resource: string;
  /**
   * The listener's label, which is the same whether the listener is given by ARN or by load balancer and port:
   * `web:80`.
   */
  readonly label: string;
  /** Finds the listener. Fails with `balancer/not-found`. */
  find(signal: AbortSignal): Promise<FoundPlace>;
  /** Looks the listener up again when it is next needed, because it was deleted and perhaps created again. */
  forget(): void;
  /** Returns how many rules the load balancer may have. */
  ruleQuota(signal: AbortSignal): Promise<number>;
}

export interface FoundPlace {
  readonly listener: ElbListener;
  /** The other listeners of the load balancer, which share its quota. */
  readonly siblings: readonly ElbListener[];
  readonly vpcId: string;
}

/** The default quota, for an account that may not read its own. */
const usualRuleQuota = 100;

interface ConnectContext {
  readonly options: AlbOptions;
  /** The balancer in messages: `the balancer "alb" (aws-alb)`. */
  readonly title: string;
  readonly name: string;
  readonly world: World;
}

export interface ConnectedElb {
  readonly elb: Elb;
  readonly place: AlbPlace;
  readonly instance: Instance;
  close(): Promise<void>;
}

/** Connects to the load balancer's API, and finds one of its listeners. */
export function connectElb(context: ConnectContext): ConnectedElb {
  const { shared, instance, close } = connectAws(context);
  return { ...elbOf(context, shared), instance, close };
}

/** Connects to ACM, and finds the listener of a declared balancer that receives certificates. */
export function connectAcm(
  context: ConnectContext & { readonly listenerPort: number; readonly endpoint: string | undefined },
): Pick<ConnectedElb, 'elb' | 'place'> & { readonly acm: Acm } {
  const { options, listenerPort, endpoint } = context;
  const { listener, loadBalancer = listener && loadBalancerOf(listener) } = options;
  const { shared } = connectAws(context);
  const aws = createAwsJson({ ...shared, service: 'acm', target: 'CertificateManager', endpoint });
  const own = { ...options, loadBalancer, listener: undefined, listenerPort };
  return { ...elbOf({ ...context, options: own }, shared), acm: createAcm(aws) };
}

function connectAws({ options, title, name, world }: ConnectContext) {
  const { clock, random, log, files, processes } = world;
  const { region } = options;
  const http = world.http();
  const about = { http, clock, random, log, files, processes, region, name: title };
  const credentials = awsKeySource(options, about);
  const error = (trouble: AwsTrouble) => balancerError(title, trouble);
  const shared = { http, clock, random, log, name, region, credentials, error };
  return { shared, instance: awsInstance(about), close: () => http.close() };
}

function elbOf({ options, title }: ConnectContext, shared: ReturnType<typeof connectAws>['shared']) {
  const { endpoint } = options;
  const elb = createElb(
    createAwsQuery({ ...shared, service: 'elasticloadbalancing', version: '2015-12-01', endpoint }),
  );
  return { elb, place: createPlace(elb, options, title) };
}

function createPlace(elb: Elb, options: AlbOptions, title: string): AlbPlace {
  const { loadBalancer, listener: listenerArn, listenerPort, region } = options;
  const lookUp = createSingleFlight<FoundPlace>();
  const askQuota = createSingleFlight<number>();
  let found: FoundPlace | undefined;
  let quota: number | undefined;
  const name = nameIn(listenerArn ?? loadBalancer ?? '');

  async function find(signal: AbortSignal): Promise<FoundPlace> {
    const of =
      listenerArn !== undefined
        ? { arn: loadBalancerOf(listenerArn) }
        : loadBalancer?.startsWith('arn:')
          ? { arn: loadBalancer }
          : { name };
    const { arn, vpcId, type } = await elb.loadBalancer(of, signal);
    if (type !== 'application')
      throw fail('balancer/refused', {
        ...{ balancer: title, action: 'DescribeLoadBalancers' },
        reason: `${name} is a load balancer of type ${type}, which does not support path rules`,
        advice: 'Name an Application Load Balancer.',
      });
    const all = await elb.listeners(arn, signal);
    const listener = all.find((one) =>
      listenerArn === undefined ? one.port === listenerPort : one.arn === listenerArn,
    );
    const ports = all.map(({ port, protocol }) => `${port} (${protocol})`).join(', ');
    const there = ports === '' ? 'it has none' : `it has listeners on the ports ${ports}`;
    if (!listener)
      throw fail('balancer/not-found', {
        balancer: title,
        what: `${listenerArn ?? `the listener on port ${listenerPort}`} of the load balancer ${name} in ${region}`,
        reason: there,
      });
    if (listener.port !== listenerPort)
      throw fail('balancer/refused', {
        ...{ balancer: title, action: 'DescribeListeners' },
        reason: `${listener.arn} is the listener on port ${listener.port}, not ${listenerPort}`,
        advice: `Set listenerPort to ${listener.port}.`,
      });
    return { listener, siblings: all.filter((one) => one !== listener), vpcId };
  }

  return {
    // Without the ARN, so that it is the same for a load balancer given by name.
    resource: `aws-alb ${region} ${name}`,
    label: `${name}:${listenerPort}`,
    async find(signal) {
      found ??= await lookUp('', () => find(signal), signal);
      return found;
    },
    forget() {
      found = undefined;
    },
    async ruleQuota(signal) {
      quota ??= await askQuota(
        '',
        async () => {
          try {
            return (await elb.ruleQuota(signal)) ?? usualRuleQuota;
          } catch (error) {
            if (!isRefusal(error, 'AccessDenied', 'AccessDeniedException')) throw error;
            return usualRuleQuota;
          }
        },
        signal,
      );
      return quota;
    },
  };
}

/**
 * Extracts the name: `arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener/app/web/50dc6c495c0c9188/8014` →
 * `web`
 */
const nameIn = (text: string): string => (text.startsWith('arn:') ? (text.split('/')[2] ?? text) : text);

const loadBalancerOf = (listener: string): string =>
  listener.replace(/\/[0-9a-f]+$/, '').replace(':listener/', ':loadbalancer/');
