import type { AccessKey } from '../alibaba-clb/options.ts';
import { type CasBehaviour, type CasOptions, type PemOptions, strictCas } from '../alibaba-gateway/cas.ts';

export interface CnameOptions {
  /** Lower case; of a wildcard entry the base name, without `*.`. */
  readonly domain: string;
  /** The name of a certificate in CAS; without it, there is no HTTPS. */
  readonly certificate?: string;
  /** The certificate is one of the store before CAS, with an id of its own. */
  readonly isOldUpload?: true;
  readonly isDisabled?: true;
  /** An entry of an agentic bucket that stands for all names one level below. */
  readonly isWildcard?: true;
}

export interface BucketOptions {
  readonly name: string;
  readonly region?: string;
  readonly cnames?: readonly CnameOptions[];
}

/** What the documents leave open; each default is the stricter reading. */
export interface Behaviour extends CasBehaviour {
  /** A certificate is replaced with neither PreviousCertId nor Force. */
  readonly blindReplace: 'refused' | 'accepted';
  /** Old and new certificate are served by turns during a roll-out, or the old one until its end. */
  readonly duringRollOut: 'by-turns' | 'old';
}

export const strictBehaviour: Behaviour = { ...strictCas, blindReplace: 'refused', duringRollOut: 'by-turns' };

export interface AlibabaOssOptions extends CasOptions {
  readonly keys: readonly AccessKey[];
  readonly buckets: readonly BucketOptions[];
  /** What is in CAS. */
  readonly certificates?: readonly PemOptions[];
  /** Names of no bucket, which clients may ask for. */
  readonly absentBuckets?: readonly string[];
  /** Domains that PutCname binds to the bucket that it names, because their ownership is proven. */
  readonly provenDomains?: readonly string[];
  readonly regions?: readonly string[];
  readonly account?: string;
  /** Where the fake is, besides the hosts of OSS and CAS; a bucket is the first part of the path there. */
  readonly origins?: readonly string[];
  /** How long a certificate takes to reach all edges; no call tells when it has. */
  readonly rollOutMs?: number;
  /** Calls of each operation in a second; no page names a number. */
  readonly perSecond?: number;
  readonly behaviour?: Partial<Behaviour>;
}
