import { createSecureContext } from 'node:tls';
import type { FakeApi } from '../../src/testing/fake-api.ts';
import { type Certificate, createCertificates } from './qiniu-cdn/certificates.ts';
import { createDomains, type Domains } from './qiniu-cdn/domains.ts';
import { type Answered, createGateway } from './qiniu-cdn/gateway.ts';
import { type OperatingState, type PemOptions, type QiniuCdnOptions, strictBehaviour } from './qiniu-cdn/options.ts';

export type { QiniuCdnOptions } from './qiniu-cdn/options.ts';

/**
 * Qiniu's CDN and its certificates, in memory; `serveFakeApi` puts the same behind a port. Written from the public
 * documents alone, which each file names.
 */
export interface QiniuCdn {
  /** `http` for a client, and `fault` for what happens to calls: lost answers, proxies' pages, hangs, any refusal. */
  readonly api: FakeApi;
  /** The answer to each call, before a fault changed or lost it. */
  readonly records: readonly Answered[];
  /** What an edge node shows to a client that asks for the name; during a roll-out, old and new by turns. */
  served(name: string): { readonly pem: string; readonly sha256: string } | undefined;
  /** The callback of a TLS server that stands for an edge node. */
  sniCallback(
    name: string,
    done: (error: Error | null, context?: ReturnType<typeof createSecureContext>) => void,
  ): void;
  /**
   * Everything about the domains but the certificate and the state. Two results are equal exactly if a change of
   * certificates has changed nothing else.
   */
  settings(): readonly { readonly name: string }[];
  /** What the account has, without the keys. */
  certificates(): readonly Omit<Certificate, 'key'>[];
  /** Adds a certificate, as another program does. Returns its id. */
  addCertificate(given: PemOptions): string;
  /** Removes a certificate, as a person does in the console. */
  forgetCertificate(id: string): void;
  /** Sets a certificate of the account, as a person does in the console. */
  setByHand(domain: string, id: string): void;
  /** How often an answer held a private key. */
  readonly keysSent: number;
  /** Sets a domain's state, as a person or Qiniu does. */
  setState(domain: string, state: OperatingState): void;
  /** Lets the next roll-outs of a domain, though accepted, end without effect. */
  failRollOut(domain: string, times?: number): void;
  /**
   * Lets the account refuse these calls (`PUT /domain/:name/httpsconf`) to every key; without arguments, none. The
   * documents name no rights of their own.
   */
  deny(...routes: readonly string[]): void;
}

export function createQiniuCdn(options: QiniuCdnOptions): QiniuCdn {
  const { clock, keys, origins = [] } = options;
  const behaviour = { ...strictBehaviour, ...options.behaviour };
  const isUsed = (id: string): boolean =>
    domains.all.some(({ certificate: { before, value } }) => [before?.value, value].some((one) => one?.id === id));
  const certificates = createCertificates(options, behaviour, isUsed);
  const domains: Domains = createDomains(options, behaviour, certificates);
  const gateway = createGateway({
    ...{ clock, keys, throttled: behaviour.throttled },
    origins: [...origins, 'https://api.qiniu.com', 'https://fusion.qiniuapi.com'],
    routes: { ...certificates.routes, ...domains.routes },
  });
  const domainNamed = (name: string) => {
    const found = domains.all.find((one) => one.name === name);
    if (found === undefined) throw new Error(`There is no domain ${name}.`);
    return found;
  };
  return {
    api: gateway.api,
    records: gateway.records,
    deny: gateway.deny,
    served: (name) => domains.serve(name),
    sniCallback(name, done) {
      const found = domains.serve(name);
      done(null, found && createSecureContext({ cert: found.pem, key: found.key }));
    },
    settings: () =>
      domains.all.map(({ name, parent, forceHttps, http2, certificate }) => ({
        ...{ name, parent, forceHttps, http2, isOn: certificate.value !== undefined },
      })),
    certificates: () => certificates.all.map(({ key: _key, ...rest }) => rest),
    addCertificate: (given) => certificates.add(given).id,
    forgetCertificate: (id) => certificates.remove(id),
    setByHand(name, id) {
      domains.set(domainNamed(name), certificates.find(id));
    },
    get keysSent() {
      return certificates.keysSent();
    },
    setState(name, state) {
      const domain = domainNamed(name);
      domain.certificate.settle();
      domain.state = state;
    },
    failRollOut(name, times = 1) {
      domainNamed(name).certificate.failNext(times);
    },
  };
}
