import type { AccessKey } from '../alibaba-clb/options.ts';
import { type CasBehaviour, type CasOptions, type PemOptions, strictCas } from '../alibaba-gateway/cas.ts';

export const domainStatuses = [
  'online',
  'offline',
  'configuring',
  'configure_failed',
  'checking',
  'check_failed',
  'stopping',
  'deleting',
] as const;
export type DomainStatus = (typeof domainStatuses)[number];

export interface DomainOptions {
  /** A wildcard domain begins with a dot: `.example.com`. */
  readonly name: string;
  /** By default, `cdn`. */
  readonly product?: 'cdn' | 'dcdn';
  readonly status?: DomainStatus;
  /** What it serves; without it, HTTPS is off. It is in CAS too, unless another domain brought it. */
  readonly certificate?: PemOptions;
  /** Its other settings by function: `{ https_option: { http2: 'on' } }`. */
  readonly functions?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly coverage?: 'domestic' | 'overseas' | 'global';
  /** A domain in protected mode takes no change. */
  readonly isProtected?: boolean;
}

/** What the documents leave open; each default is the stricter reading. */
export interface Behaviour extends CasBehaviour {
  /** Whether a change of the certificate passes through the status `configuring`. */
  readonly statusOfRollOut: 'configuring' | 'online';
  /** What happens to a change while another one is rolled out. */
  readonly busy: 'refused' | 'queued';
  /** What DescribeDomainCertificateInfo says meanwhile. */
  readonly infoDuringRollOut: 'new' | 'old';
  /** Whether `CertType=cas` needs CertName too, as it did at times (TF #5716, certd #372). */
  readonly casNeedsName: boolean;
  /** Whether a domain takes a certificate in the status `configure_failed`. */
  readonly configureFailed: 'refused' | 'accepted';
  /** How lists write a wildcard domain. */
  readonly wildcardInLists: '.' | '*.';
  /** The zone of the times in DescribeCdnHttpsDomainList, which are written without one. */
  readonly listHoursFromUtc: number;
}

export const strictBehaviour: Behaviour = {
  ...strictCas,
  statusOfRollOut: 'configuring',
  busy: 'refused',
  infoDuringRollOut: 'new',
  casNeedsName: true,
  configureFailed: 'refused',
  wildcardInLists: '.',
  listHoursFromUtc: 8,
};

export interface AlibabaCdnOptions extends CasOptions {
  readonly keys: readonly AccessKey[];
  readonly domains: readonly DomainOptions[];
  readonly account?: string;
  /** Where the fake is, besides the hosts of CDN, DCDN and CAS. */
  readonly origins?: readonly string[];
  /** How long a roll-out takes, during which the old and the new certificate are served by turns. */
  readonly rollOutMs?: number;
  readonly behaviour?: Partial<Behaviour>;
}
