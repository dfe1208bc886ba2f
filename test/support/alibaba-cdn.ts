import { createSecureContext } from 'node:tls';
import type { FakeApi } from '../../src/testing/fake-api.ts';
import { describeActions } from './alibaba-cdn/describe.ts';
import { createDomains } from './alibaba-cdn/domains.ts';
import { type AlibabaCdnOptions, type DomainStatus, strictBehaviour } from './alibaba-cdn/options.ts';
import { setCertificateAction } from './alibaba-cdn/set-certificate.ts';
import { type CasCertificate, createCas } from './alibaba-gateway/cas.ts';
import { type Answered, createGateway } from './alibaba-gateway/gateway.ts';

export type { AlibabaCdnOptions } from './alibaba-cdn/options.ts';

/**
 * Alibaba Cloud's CDN (2018-05-10), DCDN (2018-01-15) and Certificate Management Service (2020-04-07), as far as
 * certificates need them, in memory; `serveFakeApi` puts the same behind a port. Written from the public documents alone,
 * which each file names.
 */
export interface AlibabaCdn {
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
   * Everything about the domains but the certificate itself: status, HTTPS, functions. Two results are equal exactly if a
   * change of certificates has changed nothing else.
   */
  settings(): unknown;
  /** What CAS holds, without the keys. */
  certificates(): readonly Omit<CasCertificate, 'key'>[];
  /** Removes a certificate from CAS, as a person does in the console. */
  forgetCertificate(id: number): void;
  /** How often an answer of CAS held a private key. */
  readonly keysSent: number;
  /** Sets a domain's status, as a person or the cloud does. */
  setStatus(domain: string, status: DomainStatus): void;
  /** Lets the next roll-outs of a domain, though accepted, end without effect. */
  failRollOut(domain: string, status?: DomainStatus, times?: number): void;
  /** Lets RAM refuse these actions to every key; without arguments, none. */
  deny(...actions: readonly string[]): void;
}

export function createAlibabaCdn(options: AlibabaCdnOptions): AlibabaCdn {
  const { clock, keys, origins, account = '1231579085529123' } = options;
  const behaviour = { ...strictBehaviour, ...options.behaviour };
  const cas = createCas(options, behaviour);
  const domains = createDomains(options, behaviour, cas);
  const now = () => clock.now().getTime();
  const gateway = createGateway({
    ...{ clock, keys, account },
    ...(origins === undefined ? {} : { origins }),
    services: [
      {
        ...{ product: 'Cdn', version: '2018-05-10', ram: 'cdn' },
        hosts: { 'cdn.aliyuncs.com': 'cn-hangzhou', 'cdn.ap-southeast-1.aliyuncs.com': 'ap-southeast-1' },
        actions: {
          ...describeActions('cdn', domains, behaviour, now),
          SetCdnDomainSSLCertificate: setCertificateAction('cdn', domains, cas, behaviour, now),
        },
      },
      {
        ...{ product: 'Dcdn', version: '2018-01-15', ram: 'dcdn' },
        hosts: { 'dcdn.aliyuncs.com': 'cn-hangzhou' },
        actions: {
          ...describeActions('dcdn', domains, behaviour, now),
          SetDcdnDomainSSLCertificate: setCertificateAction('dcdn', domains, cas, behaviour, now),
        },
      },
      cas.service,
    ],
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
      domains.all.map(
        ({ certificate, rollOut: _rollOut, queue: _queue, modifiedMs: _modified, turns: _turns, ...rest }) => ({
          ...structuredClone(rest),
          https: certificate !== undefined,
        }),
      ),
    certificates: () => [...cas.certificates.values()].map(({ key: _key, ...rest }) => rest),
    forgetCertificate: (id) => cas.forget(id),
    get keysSent() {
      return cas.keysSent;
    },
    setStatus(name, status) {
      domainNamed(name).status = status;
    },
    failRollOut(name, status = 'configure_failed', times = 1) {
      domains.failRollOut(domainNamed(name).name, status, times);
    },
  };
}
