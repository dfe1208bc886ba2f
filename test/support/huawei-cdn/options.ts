import type { Clock } from '../../../src/ports/clock.ts';
import type { HuaweiKey } from '../huawei-gateway/gateway.ts';

export const domainStatuses = [
  ...(['online', 'offline', 'configuring', 'configure_failed', 'checking', 'check_failed', 'deleting'] as const),
] as const;
export type DomainStatus = (typeof domainStatuses)[number];

export interface PemOptions {
  readonly name: string;
  /** The leaf first, then the whole chain. */
  readonly certificate: string;
  readonly privateKey: string;
}

/** A certificate of the certificate management service (SCM), which a domain may name by its id. */
export interface ScmOptions extends PemOptions {
  readonly id: string;
}

export interface DomainOptions {
  readonly name: string;
  readonly status?: DomainStatus;
  /** What it serves; without it, HTTPS is off. With an `id`, it is that of SCM. */
  readonly certificate?: PemOptions | ScmOptions;
  readonly http2?: boolean;
  readonly ocspStapling?: boolean;
  readonly tlsVersion?: string;
  /** How CDN goes to the origin; `follow` if absent. */
  readonly originProtocol?: 'follow' | 'http' | 'https';
  readonly forceRedirect?: 'http' | 'https';
  /** The second certificate, for another algorithm (SM2). */
  readonly second?: ScmOptions;
  /** By a person at Huawei; the domain takes no change. */
  readonly isLocked?: boolean;
  readonly isBanned?: boolean;
  /** The enterprise project; `0` if absent. */
  readonly project?: string;
  /** The other blocks of its configuration, as an answer shows them: `{ cache_rules: [] }`. */
  readonly configs?: Readonly<Record<string, unknown>>;
}

/** What the documents leave open; each default is the stricter reading. */
export interface Behaviour {
  /** What happens to a change while another one is rolled out: a page on HTTPS says accepted, CDN.0106 says refused. */
  readonly busy: 'refused' | 'queued';
  /** What the full configuration shows meanwhile. */
  readonly configsDuringRollOut: 'new' | 'old';
  /** What becomes of the fields in `https` that a change leaves out. */
  readonly omitted: 'reset' | 'kept';
  /** Whether a domain takes a change in the status `configure_failed`. */
  readonly configureFailed: 'refused' | 'accepted';
  /** The HTTP status of a refusal: the table of codes says 200, live reports 400 (certd #524). */
  readonly refusalStatus: 200 | 400;
  /** Whether a key in the form of PKCS#8 is refused, as the page on certificates says. */
  readonly pkcs8Keys: 'refused' | 'accepted';
  /** Whether a leaf without its chain is refused, as the pages on HTTPS say. */
  readonly leafAlone: 'refused' | 'accepted';
  /** Whether an IAM user must name an enterprise project, as the older texts of each call say. */
  readonly userNamesProject: boolean;
  /** Until the status of a domain shows a change. */
  readonly statusLagMs: number;
}

export const strictBehaviour: Behaviour = {
  busy: 'refused',
  configsDuringRollOut: 'new',
  omitted: 'reset',
  configureFailed: 'refused',
  refusalStatus: 200,
  pkcs8Keys: 'refused',
  leafAlone: 'refused',
  userNamesProject: true,
  statusLagMs: 0,
};

export interface HuaweiCdnOptions {
  readonly clock: Clock;
  /** A key with `actions` is one of an IAM user. */
  readonly keys: readonly HuaweiKey[];
  readonly domains: readonly DomainOptions[];
  /** What SCM holds besides the certificates of the domains. */
  readonly scm?: readonly ScmOptions[];
  /** Where the fake is, besides CDN's own host. */
  readonly origins?: readonly string[];
  /** How long a roll-out takes, during which the old and the new certificate are served by turns. */
  readonly rollOutMs?: number;
  readonly behaviour?: Partial<Behaviour>;
}
