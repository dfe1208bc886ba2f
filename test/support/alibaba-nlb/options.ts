import type { AccessKey } from '../alibaba-clb/options.ts';
import { type CasBehaviour, type CasOptions, type PemOptions, strictCas } from '../alibaba-gateway/cas.ts';

export const listenerStatuses = [
  'Provisioning',
  'Running',
  'Configuring',
  'Stopping',
  'Stopped',
  'Starting',
  'Deleting',
] as const;
export type ListenerStatus = (typeof listenerStatuses)[number];

export interface ListenerOptions {
  readonly protocol: 'TCP' | 'UDP' | 'TCPSSL';
  readonly port: number;
  /** Names of certificates in CAS; any other text is an id of the old form, which CAS does not know. */
  readonly certificate?: string;
  readonly additional?: readonly string[];
  /** The id of a CA certificate, with which clients show who they are. */
  readonly ca?: string;
  /** What else is set, as UpdateListenerAttribute takes it: `{ IdleTimeout: 60 }`. */
  readonly settings?: Readonly<Record<string, string | number | boolean>>;
  readonly status?: ListenerStatus;
}

export interface LoadBalancerOptions {
  readonly id: string;
  readonly region?: string;
  readonly listeners: readonly ListenerOptions[];
}

/** What the documents leave open; each default is the stricter reading. */
export interface Behaviour extends CasBehaviour {
  /** A certificate that the listener has already is added again, or made the default one again. */
  readonly associateAgain: 'refused' | 'ignored';
  /** Of two certificates for one name, the one that is served: at random, which no client may rely on. */
  readonly twoForOneName: 'older' | 'newer' | 'by-turns';
  /** What takes no other change while one is under way. */
  readonly changeHolds: 'balancer' | 'listener';
  /** The word of GetJobStatus for a job that is under way: its pages differ. */
  readonly processing: 'processing' | 'Processing' | 'by-turns';
  /** What GetJobStatus says of a job that has failed. Its page knows only success, that of ListAsynJobs `Failed`. */
  readonly failed: 'Failed' | 'processing';
  /** The code of a refusal for want of room. */
  readonly quotaCode: string;
}

export const strictBehaviour: Behaviour = {
  ...strictCas,
  associateAgain: 'refused',
  twoForOneName: 'by-turns',
  changeHolds: 'balancer',
  processing: 'by-turns',
  failed: 'Failed',
  quotaCode: 'QuotaExceeded.QuotaInsufficient',
};

/** nlb-quotas: additional certificates of all listeners of a balancer together, without the default ones. */
export const quotas = { additionalOfBalancer: 25 };
export type Quotas = typeof quotas;

export interface AlibabaNlbOptions extends CasOptions {
  readonly keys: readonly AccessKey[];
  readonly loadBalancers: readonly LoadBalancerOptions[];
  /** What is in CAS. */
  readonly certificates?: readonly PemOptions[];
  readonly regions?: readonly string[];
  readonly account?: string;
  readonly origins?: readonly string[];
  /** How long a change takes. */
  readonly changeMs?: number;
  /** Calls of each action in a second; no page names a number. */
  readonly perSecond?: number;
  readonly quotas?: Partial<Quotas>;
  readonly behaviour?: Partial<Behaviour>;
}
