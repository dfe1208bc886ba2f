import type { Clock } from '../../../src/ports/clock.ts';
import type { TencentKey } from '../tencent-gateway/signature.ts';

export interface PemOptions {
  readonly alias: string;
  readonly certificate: string;
  readonly privateKey: string;
}

export interface HealthCheckOptions {
  readonly on?: boolean;
  readonly timeout?: number;
  readonly interval?: number;
  readonly healthy?: number;
  readonly unhealthy?: number;
  /** A bit for each class of codes: 1 (1xx) to 16 (5xx). */
  readonly codes?: number;
  readonly path?: string;
  readonly domain?: string;
  readonly method?: 'HEAD' | 'GET';
}

export interface TargetOptions {
  readonly instance: string;
  readonly port: number;
  readonly weight?: number;
}

export interface RuleOptions {
  readonly domain: string;
  readonly url?: string;
  readonly targets?: readonly TargetOptions[];
  readonly check?: HealthCheckOptions;
  readonly isDefault?: boolean;
  /** Aliases of its certificates, on a listener with SNI. */
  readonly certificates?: readonly string[];
  readonly http2?: boolean;
  /** Answers with a redirect to the listener of this port. */
  readonly redirectTo?: number;
}

export interface ListenerOptions {
  readonly protocol: 'HTTP' | 'HTTPS' | 'TCP';
  readonly port: number;
  readonly sni?: boolean;
  /** Aliases of its certificates: one RSA, one ECC. */
  readonly certificates?: readonly string[];
  /** Client certificates are asked for. */
  readonly mutual?: { readonly ca: string; readonly verify: 'ON' | 'OPTIONAL' };
  readonly rules?: readonly RuleOptions[];
}

export interface LoadBalancerOptions {
  readonly id: string;
  readonly region?: string;
  readonly name?: string;
  readonly listeners: readonly ListenerOptions[];
}

/** A domain of another product, which gets certificates through the SSL service. */
export interface HostOptions {
  readonly product: 'cdn' | 'teo' | 'waf' | 'cos' | 'live' | 'vod';
  readonly domain: string;
  /** The alias of its certificate; without it, HTTPS is off. */
  readonly certificate?: string;
  /** Of CDN; by default, on. */
  readonly billing?: 'on' | 'off';
  /** Of CDN and COS: the domain is switched off. */
  readonly isOffline?: boolean;
  /** Of COS. */
  readonly region?: string;
  readonly bucket?: string;
}

/** What the documents leave open; each default is the stricter reading. */
export interface Behaviour {
  /** When descriptions show a change: when its task begins, or when it has ended. */
  readonly visible: 'at-once' | 'after-task';
  /** How a busy balancer says so: by its code, by a sentence below `FailedOperation`, or by either. */
  readonly busy: 'coded' | 'sentence' | 'either';
  /** A target that is bound already is bound again; one that is not bound is unbound. */
  readonly addAgain: 'refused' | 'ignored';
  readonly removeAbsent: 'refused' | 'ignored';
  /** Whether a target takes requests before its first checks have passed. */
  readonly newTargetsTakeTraffic: boolean;
  /** A certificate for one domain of a listener without SNI: certd #115 saw a success that changed nothing. */
  readonly domainCertificateWithoutSni: 'ignored' | 'refused';
}

export const strictBehaviour: Behaviour = {
  visible: 'after-task',
  busy: 'either',
  addAgain: 'refused',
  removeAbsent: 'refused',
  newTargetsTakeTraffic: false,
  domainCertificateWithoutSni: 'ignored',
};

/** product/214/6187; the number of uploaded certificates is not documented. */
export const quotas = { listeners: 50, rulesOfListener: 50, targetsOfRule: 100, certificates: 1000 };
export type Quotas = typeof quotas;

export interface TencentClbOptions {
  readonly clock: Clock;
  readonly keys: readonly TencentKey[];
  readonly loadBalancers: readonly LoadBalancerOptions[];
  readonly certificates?: readonly PemOptions[];
  readonly hosts?: readonly HostOptions[];
  /** The machines that can be targets: their private address, and where they listen on this one if not there. */
  readonly instances?: Readonly<Record<string, { readonly ip: string; readonly at?: string }>>;
  /** The first one is that of balancers without one. */
  readonly regions?: readonly string[];
  readonly uin?: string;
  readonly origins?: readonly string[];
  /** How long the task of a change takes; `Infinity`: until the test calls `endTasks`. */
  readonly taskMs?: number;
  readonly quotas?: Partial<Quotas>;
  readonly behaviour?: Partial<Behaviour>;
  /** Real milliseconds of one second of the health checks, with a data plane. */
  readonly secondMs?: number;
}
