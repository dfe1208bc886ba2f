import type { Clock } from '../../../src/ports/clock.ts';
import type { QiniuKey } from './gateway.ts';

export type OperatingState = 'processing' | 'success' | 'failed' | 'frozen' | 'offlined';

export interface PemOptions {
  readonly name: string;
  /** The leaf first, then the chain. */
  readonly certificate: string;
  readonly privateKey: string;
}

export interface DomainOptions {
  /** A wildcard domain begins with a dot: `.example.com`. */
  readonly name: string;
  /** What it serves; without it, HTTPS is off. It is among the account's certificates too. */
  readonly certificate?: PemOptions;
  readonly forceHttps?: boolean;
  readonly http2?: boolean;
  readonly state?: OperatingState;
  /** The wildcard domain to which it belongs, and whose HTTPS it has. */
  readonly parent?: string;
}

/** What the documents leave open; each default is the stricter reading. */
export interface Behaviour {
  /** What happens to a change while another one is rolled out. */
  readonly busy: 'refused' | 'queued';
  /** What a domain's description shows meanwhile. */
  readonly httpsDuringRollOut: 'new' | 'old';
  /** Whether a domain whose last change failed takes another one. */
  readonly failed: 'accepted' | 'refused';
  /** The HTTP status of a domain that the account has not: 612 (go-sdk #165) or 404 (certimate #387). */
  readonly unknownDomain: 612 | 404;
  readonly throttled: 573 | 429;
  /** How the description of a domain without HTTPS says so. */
  readonly httpsOff: 'empty' | 'missing';
  /** Whether answers about certificates have `code: 200`, as live ones do. */
  readonly codeInSuccess: boolean;
  /** Whether a leaf without its chain is refused. */
  readonly leafAlone: 'refused' | 'accepted';
}

export const strictBehaviour: Behaviour = {
  busy: 'refused',
  httpsDuringRollOut: 'new',
  failed: 'accepted',
  unknownDomain: 612,
  throttled: 573,
  httpsOff: 'empty',
  codeInSuccess: true,
  leafAlone: 'refused',
};

export interface QiniuCdnOptions {
  readonly clock: Clock;
  readonly keys: readonly QiniuKey[];
  readonly domains: readonly DomainOptions[];
  /** The account's certificates besides those of the domains. */
  readonly certificates?: readonly PemOptions[];
  /** The names of those that a domain of the object storage uses. */
  readonly usedByStorage?: readonly string[];
  /** How many certificates the account may have. */
  readonly quota?: number;
  /** Where the fake is, besides the two hosts of the API. */
  readonly origins?: readonly string[];
  /** How long a roll-out takes, during which the old and the new certificate are served by turns. */
  readonly rollOutMs?: number;
  /** Until CDN finds a certificate that was uploaded. */
  readonly visibleAfterMs?: number;
  readonly behaviour?: Partial<Behaviour>;
}
