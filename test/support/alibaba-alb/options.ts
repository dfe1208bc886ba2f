import type { AccessKey } from '../alibaba-clb/options.ts';
import { type CasBehaviour, type CasOptions, type PemOptions, strictCas } from '../alibaba-gateway/cas.ts';

export interface ServerOptions {
  readonly id: string;
  readonly port: number;
  readonly weight?: number;
}

export interface HealthCheckOptions {
  readonly enabled?: boolean;
  readonly path?: string;
  readonly host?: string;
  readonly method?: 'GET' | 'HEAD';
  readonly interval?: number;
  readonly healthy?: number;
}

export interface GroupOptions {
  readonly name: string;
  readonly servers?: readonly ServerOptions[];
  readonly check?: HealthCheckOptions;
  readonly tags?: Readonly<Record<string, string>>;
}

export interface RuleOptions {
  readonly name: string;
  readonly priority: number;
  readonly hosts?: readonly string[];
  readonly paths?: readonly string[];
  readonly group: string;
}

export interface ListenerOptions {
  readonly protocol: 'HTTP' | 'HTTPS' | 'QUIC';
  readonly port: number;
  /** The group of the requests that no rule takes. */
  readonly group: string;
  readonly rules?: readonly RuleOptions[];
  /** Names of the default certificate and of the additional ones. */
  readonly certificate?: string;
  readonly additional?: readonly string[];
}

export interface LoadBalancerOptions {
  readonly id: string;
  readonly region?: string;
  readonly listeners: readonly ListenerOptions[];
}

/** What the documents leave open; each default is the stricter reading. */
export interface Behaviour extends CasBehaviour {
  /** An additional certificate that is there already is added again. */
  readonly associateAgain: 'refused' | 'ignored';
  /** Of two additional certificates for one name, the one that is served: at random, which no client may rely on. */
  readonly twoForOneName: 'older' | 'newer' | 'by-turns';
  readonly newServersTakeTraffic: boolean;
}

export const strictBehaviour: Behaviour = {
  ...strictCas,
  associateAgain: 'refused',
  twoForOneName: 'by-turns',
  newServersTakeTraffic: false,
};

/** doc-detail/198636; a standard edition. */
export const quotas = { rulesOfBalancer: 100, additionalOfListener: 25, conditionsOfRule: 10, serversOfGroup: 1000 };
export type Quotas = typeof quotas;

export interface AlibabaAlbOptions extends CasOptions {
  readonly keys: readonly AccessKey[];
  readonly loadBalancers: readonly LoadBalancerOptions[];
  readonly groups: readonly GroupOptions[];
  /** What is in CAS. */
  readonly certificates?: readonly PemOptions[];
  /** The machines that can be servers: their private address, and where they listen on this one if not there. */
  readonly servers?: Readonly<Record<string, { readonly ip: string; readonly at?: string }>>;
  readonly regions?: readonly string[];
  readonly account?: string;
  readonly origins?: readonly string[];
  /** How long a change takes, during which the listener or the group takes no other one. */
  readonly changeMs?: number;
  readonly quotas?: Partial<Quotas>;
  readonly behaviour?: Partial<Behaviour>;
  /** Real milliseconds of one second of the health checks, with a data plane. */
  readonly secondMs?: number;
}
