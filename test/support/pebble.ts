import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ask, localHttps } from './https.ts';
import { findProgram, freePort, portAccepts, type Service, startService, temporaryFolder } from './service.ts';

/** Where a program comes from: Debian's package, or `../shared/bin` (2.10.1). */
export type Source = 'debian' | 'shared';

const locate = (name: string, source: Source): string => {
  const path = findProgram(name, source === 'debian' ? 'system' : 'shared');
  if (path === undefined) throw new Error(`${name} (${source}) is not on this machine`);
  return path;
};

// ── pebble-challtestsrv ──────────────────────────────────────────────────────────────────────────────────────────

export interface ChallengeServerOptions {
  readonly program?: Source;
  /** What every name without an own record resolves to; default 127.0.0.1. */
  readonly defaultIpv4?: string;
  /** Default '': no AAAA. */
  readonly defaultIpv6?: string;
}

/** Pebble's DNS (pebble-challtestsrv), which does not distinguish NXDOMAIN from an empty answer. */
export interface ChallengeServer {
  /** `127.0.0.1:port`, UDP and TCP. */
  readonly dnsServer: string;
  readonly dnsPort: number;
  readonly service: Service;
  addA(host: string, addresses: readonly string[]): Promise<void>;
  clearA(host: string): Promise<void>;
  addAaaa(host: string, addresses: readonly string[]): Promise<void>;
  clearAaaa(host: string): Promise<void>;
  /** Adds a value; earlier ones stay until {@link clearTxt}. */
  setTxt(host: string, value: string): Promise<void>;
  clearTxt(host: string): Promise<void>;
  addCaa(host: string, policies: readonly { readonly tag: string; readonly value: string }[]): Promise<void>;
  clearCaa(host: string): Promise<void>;
  setCname(host: string, target: string): Promise<void>;
  clearCname(host: string): Promise<void>;
  setServfail(host: string): Promise<void>;
  clearServfail(host: string): Promise<void>;
  /** The questions for this name. */
  dnsHistory(host: string): Promise<readonly { readonly Question: unknown }[]>;
  clearHistory(host: string): Promise<void>;
  stop(): Promise<void>;
}

export async function startChallengeServer(options: ChallengeServerOptions = {}): Promise<ChallengeServer> {
  const source = options.program ?? 'debian';
  const [dnsPort, managementPort] = [await freePort({ udp: true }), await freePort()];
  const service = await startService({
    name: 'pebble-challtestsrv',
    program: locate('pebble-challtestsrv', source),
    args: [
      source === 'debian' ? '-dns01' : '-dnsserver', // renamed between 2.6 and 2.10
      `127.0.0.1:${dnsPort}`,
      ...['-management', `127.0.0.1:${managementPort}`],
      ...['-defaultIPv4', options.defaultIpv4 ?? '127.0.0.1', '-defaultIPv6', options.defaultIpv6 ?? ''],
      // The tested program answers challenges, not this server.
      ...['-http01', '', '-https01', '', '-tlsalpn01', '', '-doh', ''],
    ],
    ready: async () => (await portAccepts(managementPort)) && (await portAccepts(dnsPort)),
  });

  const post = async (path: string, body: object): Promise<string> => {
    const answer = await ask(`http://127.0.0.1:${managementPort}${path}`, { body: JSON.stringify(body) });
    if (answer.status !== 200) throw new Error(`pebble-challtestsrv ${path}: ${answer.status} ${answer.text}`);
    return answer.text;
  };
  const dotted = (host: string): string => (host.endsWith('.') ? host : `${host}.`);
  const tell = async (path: string, host: string, more: object = {}): Promise<void> => {
    await post(path, { host: dotted(host), ...more });
  };
  return {
    dnsServer: `127.0.0.1:${dnsPort}`,
    dnsPort,
    service,
    addA: (host, addresses) => tell('/add-a', host, { addresses }),
    clearA: (host) => tell('/clear-a', host),
    addAaaa: (host, addresses) => tell('/add-aaaa', host, { addresses }),
    clearAaaa: (host) => tell('/clear-aaaa', host),
    setTxt: (host, value) => tell('/set-txt', host, { value }),
    clearTxt: (host) => tell('/clear-txt', host),
    addCaa: (host, policies) => tell('/add-caa', host, { policies }),
    clearCaa: (host) => tell('/clear-caa', host),
    setCname: (host, target) => tell('/set-cname', host, { target: dotted(target) }),
    clearCname: (host) => tell('/clear-cname', host),
    setServfail: (host) => tell('/set-servfail', host),
    clearServfail: (host) => tell('/clear-servfail', host),
    dnsHistory: async (host) => JSON.parse(await post('/dns-request-history', { host: dotted(host) })) ?? [],
    clearHistory: (host) => tell('/clear-request-history', host, { type: 'dns' }),
    stop: () => service.stop(),
  };
}

// ── pebble ───────────────────────────────────────────────────────────────────────────────────────────────────────

export interface PebbleOptions {
  readonly program?: Source;
  /** Seconds of the Retry-After on authorizations and orders; default 0 and 0 (Pebble's own: 3 and 5). */
  readonly retryAfter?: { readonly authz: number; readonly order: number };
  /**
   * On top of the quick defaults `PEBBLE_VA_NOSLEEP=1 PEBBLE_WFE_NONCEREJECT=0 PEBBLE_AUTHZREUSE=0`. Even with 0, Pebble
   * uses 1 valid authorization of 100 again: a renewal may have no challenge.
   */
  readonly env?: Readonly<Record<string, string>>;
  /** Where Pebble connects to for HTTP-01 and TLS-ALPN-01; free ports by default. */
  readonly httpPort?: number;
  readonly tlsPort?: number;
  /** Where Pebble listens; free ports by default. */
  readonly port?: number;
  readonly managementPort?: number;
  /** `address:port`; without it a {@link ChallengeServer} is started beside it. */
  readonly dnsServer?: string;
  readonly strict?: boolean;
  /** Only 2.10. For an order without a profile, Pebble picks one at random. */
  readonly profiles?: Readonly<
    Record<
      string,
      { readonly description: string; readonly validityPeriod: number; readonly promoteCommonName?: boolean }
    >
  >;
  /** Seconds; default 90 days. `profiles` have their own. */
  readonly certificateValidityPeriod?: number;
  readonly domainBlocklist?: readonly string[];
  /** 2.9 and later: `rsa` (Pebble's default) or `ecdsa`. */
  readonly keyAlgorithm?: 'rsa' | 'ecdsa';
  /** Anything else of the `pebble` object of its configuration. */
  readonly config?: Readonly<Record<string, unknown>>;
  readonly outlives?: boolean;
}

export interface Pebble {
  readonly directoryUrl: string;
  /** The root of Pebble's own HTTPS, PEM; not the root of what it issues. */
  readonly caFile: string;
  readonly managementUrl: string;
  readonly httpPort: number;
  readonly tlsPort: number;
  readonly dnsServer: string;
  /** The DNS started beside it, unless `dnsServer` was given. */
  readonly dns: ChallengeServer | undefined;
  readonly service: Service;
  /** The root of the issued certificates, PEM (another one at every start). */
  roots(index?: number): Promise<string>;
  intermediates(index?: number): Promise<string>;
  /** `Valid` or `Revoked`, by lower-case hex serial. */
  certificateStatus(serial: string): Promise<string>;
  /** What renewalInfo answers for this certificate, any text (2.8 and later). */
  setRenewalInfo(certificatePem: string, answer: string): Promise<void>;
  stop(): Promise<void>;
}

export async function startPebble(options: PebbleOptions = {}): Promise<Pebble> {
  const source = options.program ?? 'debian';
  const dns =
    options.dnsServer === undefined
      ? await startChallengeServer({ program: findProgram('pebble-challtestsrv', 'system') ? 'debian' : source })
      : undefined;
  const dnsServer = options.dnsServer ?? dns!.dnsServer;
  const https = await localHttps();
  const port = options.port ?? (await freePort());
  const managementPort = options.managementPort ?? (await freePort());
  const httpPort = options.httpPort ?? (await freePort());
  const tlsPort = options.tlsPort ?? (await freePort());
  const folder = await temporaryFolder('pebble');
  const config = join(folder, 'pebble.json');
  await writeFile(
    config,
    JSON.stringify({
      pebble: {
        listenAddress: `127.0.0.1:${port}`,
        managementListenAddress: `127.0.0.1:${managementPort}`,
        certificate: https.certFile,
        privateKey: https.keyFile,
        httpPort,
        tlsPort,
        ocspResponderURL: '',
        externalAccountBindingRequired: false,
        domainBlocklist: options.domainBlocklist ?? ['blocked-domain.example'],
        retryAfter: options.retryAfter ?? { authz: 0, order: 0 },
        ...(options.profiles
          ? { profiles: options.profiles }
          : { certificateValidityPeriod: options.certificateValidityPeriod ?? 90 * 86_400 }),
        ...(options.keyAlgorithm ? { keyAlgorithm: options.keyAlgorithm } : {}),
        ...options.config,
      },
    }),
  );
  const managementUrl = `https://127.0.0.1:${managementPort}`;
  const service = await startService({
    name: 'pebble',
    program: locate('pebble', source),
    args: ['-config', config, '-dnsserver', dnsServer, ...(options.strict ? ['-strict'] : [])],
    env: { PEBBLE_VA_NOSLEEP: '1', PEBBLE_WFE_NONCEREJECT: '0', PEBBLE_AUTHZREUSE: '0', ...options.env },
    ready: async () => (await portAccepts(port)) && (await portAccepts(managementPort)),
    ...(options.outlives ? { outlives: true } : {}),
  });

  const management = async (path: string, body?: object): Promise<string> => {
    const answer = await ask(managementUrl + path, {
      caFile: https.caFile,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (answer.status >= 300) throw new Error(`pebble ${path}: ${answer.status} ${answer.text}`);
    return answer.text;
  };
  return {
    directoryUrl: `https://127.0.0.1:${port}/dir`,
    caFile: https.caFile,
    managementUrl,
    httpPort,
    tlsPort,
    dnsServer,
    dns,
    service,
    roots: (index = 0) => management(`/roots/${index}`),
    intermediates: (index = 0) => management(`/intermediates/${index}`),
    certificateStatus: async (serial) =>
      (JSON.parse(await management(`/cert-status-by-serial/${serial}`)) as { Status: string }).Status,
    setRenewalInfo: async (certificatePem, answer) => {
      await management('/set-renewal-info/', { Certificate: certificatePem, ARIResponse: answer });
    },
    async stop() {
      await service.stop();
      await dns?.stop();
    },
  };
}
