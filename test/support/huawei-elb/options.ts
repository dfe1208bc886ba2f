import type { Clock } from '../../../src/ports/clock.ts';
import type { HuaweiKey } from '../huawei-gateway/gateway.ts';

export interface PemOptions {
  readonly name: string;
  readonly certificate: string;
  readonly privateKey: string;
  /** The names for SNI, separated by commas. */
  readonly domain?: string;
  readonly source?: 'scm';
}

export interface PoolOptions {
  readonly name: string;
  readonly members?: readonly { readonly address: string; readonly port: number }[];
}

export interface PolicyOptions {
  readonly name: string;
  readonly priority?: number;
  readonly host?: string;
  readonly path?: string;
  readonly pool: string;
}

export interface ListenerOptions {
  readonly protocol: 'HTTP' | 'HTTPS' | 'TCP';
  readonly port: number;
  /** The pool of the requests that no policy takes. */
  readonly pool?: string;
  /** Advanced forwarding: priorities and fixed responses. */
  readonly isAdvanced?: boolean;
  readonly policies?: readonly PolicyOptions[];
  /** Names of the default certificate and of those for SNI. */
  readonly certificate?: string;
  readonly sni?: readonly string[];
  readonly clientCa?: string;
}

export interface LoadBalancerOptions {
  readonly name: string;
  readonly listeners: readonly ListenerOptions[];
}

/** What the documents leave open; each default is the stricter reading. */
export interface Behaviour {
  /** Whether a pool can be deleted with its members and its health monitor. */
  readonly deleteFilledPool: 'refused' | 'accepted';
  /** Whether answers hold private keys, as they do unless the account has switched the echo off. */
  readonly privateKeyEcho: boolean;
  readonly newMembersTakeTraffic: boolean;
}

export const strictBehaviour: Behaviour = {
  deleteFilledPool: 'refused',
  privateKeyEcho: true,
  newMembersTakeTraffic: false,
};

/** intl/en-us/productdesc-elb/elb_pro_0019; names for SNI as in the oldest page. */
export const quotas = { certificate: 120, l7policy: 500, pool: 500, member: 1000, sniNames: 30 };
export type Quotas = typeof quotas;

export interface HuaweiElbOptions {
  readonly clock: Clock;
  readonly keys: readonly HuaweiKey[];
  readonly loadBalancers: readonly LoadBalancerOptions[];
  readonly pools?: readonly PoolOptions[];
  readonly certificates?: readonly PemOptions[];
  readonly region?: string;
  readonly projectId?: string;
  /** Where the fake is, besides the hosts of ELB and IAM. */
  readonly origins?: readonly string[];
  /** How long a change takes, during which the balancer takes no other one. */
  readonly changeMs?: number;
  readonly quotas?: Partial<Quotas>;
  readonly behaviour?: Partial<Behaviour>;
  readonly callsPerSecond?: number;
  /** Where members listen on this machine, by their private addresses. */
  readonly addresses?: Readonly<Record<string, string>>;
  /** Real milliseconds of one second of the health checks, with a data plane. */
  readonly secondMs?: number;
}
