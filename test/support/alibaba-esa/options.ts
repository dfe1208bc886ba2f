import type { AccessKey } from '../alibaba-clb/options.ts';
import { type CasBehaviour, type CasOptions, type PemOptions, strictCas } from '../alibaba-gateway/cas.ts';

export const siteStatuses = ['pending', 'active', 'offline', 'moved'] as const;
export type SiteStatus = (typeof siteStatuses)[number];

export interface SiteCertificateOptions {
  /** The name of the site's certificate. */
  readonly name: string;
  /** Absent for a free certificate that has been applied for. */
  readonly pem?: PemOptions;
  /** By default, `upload`. */
  readonly type?: 'upload' | 'cas' | 'free';
}

export interface SiteOptions {
  /** The zone: `example.com`. */
  readonly name: string;
  readonly status?: SiteStatus;
  /** The account's site: China by default. */
  readonly region?: 'cn-hangzhou' | 'ap-southeast-1';
  /** The plan; sites of one plan share its quota. */
  readonly instance?: string;
  readonly isInArrears?: true;
  /** Host names with a record: `www.example.com`. */
  readonly records?: readonly string[];
  readonly certificates?: readonly SiteCertificateOptions[];
}

/** What the documents leave open; each default is the stricter reading. */
export interface Behaviour extends CasBehaviour {
  /** Of two certificates for one name, the one that is served: at random, which no client may rely on. */
  readonly twoForOneName: 'older' | 'newer' | 'by-turns';
  /** Whether a certificate may be replaced by one of another type. */
  readonly typeChange: 'refused' | 'accepted';
  /** How many certificates a page may have, and has. */
  readonly pageSize: { readonly most: number; readonly usual: number };
}

export const strictBehaviour: Behaviour = {
  ...strictCas,
  twoForOneName: 'by-turns',
  typeChange: 'refused',
  pageSize: { most: 100, usual: 20 },
};

/** certimate #1340: of the free plan, where certificates that have expired count. */
export const quotas = { customOfInstance: 2, free: 10 };
export type Quotas = typeof quotas;

export interface AlibabaEsaOptions extends CasOptions {
  readonly keys: readonly AccessKey[];
  readonly sites: readonly SiteOptions[];
  /** What is in CAS. */
  readonly certificates?: readonly PemOptions[];
  readonly account?: string;
  readonly origins?: readonly string[];
  /** How long a change takes to reach all edges; no call tells when it has. */
  readonly rollOutMs?: number;
  /** Calls of each action in a second; no page names a number. */
  readonly perSecond?: number;
  readonly quotas?: Partial<Quotas>;
  readonly behaviour?: Partial<Behaviour>;
}
