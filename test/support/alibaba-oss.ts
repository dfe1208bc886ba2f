import type { FakeApi } from '../../src/testing/fake-api.ts';
import type { CasCertificate } from './alibaba-gateway/cas.ts';
import { type Answered, createGateway } from './alibaba-gateway/gateway.ts';
import { createOssApi } from './alibaba-oss/api.ts';
import { type Cname, createCnames, type Failure, idOf } from './alibaba-oss/cnames.ts';
import type { AlibabaOssOptions } from './alibaba-oss/options.ts';
import { startTlsPlane, type TlsPlane } from './tls-plane.ts';

export type { AlibabaOssOptions } from './alibaba-oss/options.ts';

/**
 * Alibaba Cloud's Object Storage Service (2019-05-17), as far as the certificates of custom domain names need it, and the
 * Certificate Management Service (2020-04-07), in memory; `serveFakeApi` puts the same behind a port. Written from the
 * public documents alone, which each file names.
 */
export interface AlibabaOss {
  /** `http` for a client, and `fault` for what happens to calls: lost answers, proxies' pages, hangs, any refusal. */
  readonly api: FakeApi;
  /** The answer to each call, before a fault changed or lost it. */
  readonly records: readonly Answered[];
  /** Everything about the domains but the certificate itself. A change of certificates leaves it equal. */
  settings(): unknown;
  /** What CAS holds, without the keys. */
  certificates(): readonly Omit<CasCertificate, 'key'>[];
  /** The id of a certificate in the form that OSS takes. */
  certificateId(name: string): string;
  /** The name in CAS of the certificate that ListCname shows; undefined without HTTPS. */
  placed(domain: string): string | undefined;
  /** The name in CAS of the certificate that a client gets; during a roll-out, old and new by turns. */
  served(name: string): string | undefined;
  /** Sets a certificate of CAS at once, as a person does in the console; undefined ends HTTPS. */
  place(domain: string, name: string | undefined): void;
  /** Switches a domain off or on, as a person or the cloud does. */
  setDisabled(domain: string, isDisabled: boolean): void;
  /** Ends the binding of a domain, as a person does. */
  unbind(domain: string): void;
  /** Removes a certificate from CAS, as a person does in the console. */
  forgetCertificate(name: string): void;
  /** Lets the next roll-outs of a domain, though accepted, come to nothing. */
  failRollOut(domain: string, as?: Failure, times?: number): void;
  /** Lets RAM refuse these actions (`oss:PutCname`) to every key; without arguments, none. */
  deny(...actions: readonly string[]): void;
  /** Starts an edge on a real port for each domain that is bound now, which must be stopped. */
  startPlane(): Promise<TlsPlane>;
}

export function createAlibabaOss(options: AlibabaOssOptions): AlibabaOss {
  const { clock, keys, origins, account = '1231579085529123' } = options;
  const cnames = createCnames(options);
  const gateway = createGateway({
    ...{ clock, keys, account },
    ...(origins === undefined ? {} : { origins }),
    services: [cnames.cas.service],
    beside: createOssApi(options, cnames),
  });
  const cnameOf = (domain: string): Cname => {
    cnames.settle();
    const found = cnames.find(domain, false) ?? cnames.find(domain, true);
    if (found === undefined) throw new Error(`There is no domain ${domain}.`);
    return found;
  };
  return {
    ...{ api: gateway.api, records: gateway.records, deny: gateway.deny },
    settings: () =>
      cnames.all.map(({ domain, bucket, isWildcard, isDisabled, bound }) => ({
        ...{ domain, bucket, isWildcard, isDisabled, https: bound !== undefined },
      })),
    certificates: () => [...cnames.cas.certificates.values()].map(({ key: _key, ...rest }) => rest),
    certificateId: (name) => idOf(cnames.named(name)),
    placed: (domain) => cnameOf(domain).bound?.certificate.name,
    served: (name) => cnames.served(name)?.name,
    place(domain, name) {
      const certificate = name === undefined ? undefined : cnames.named(name);
      const cname = cnameOf(domain);
      cname.rollOut = undefined;
      cname.bound = certificate && { certId: idOf(certificate), type: 'CAS', setMs: cnames.now(), certificate };
    },
    setDisabled(domain, isDisabled) {
      cnameOf(domain).isDisabled = isDisabled;
    },
    unbind(domain) {
      cnames.all.splice(cnames.all.indexOf(cnameOf(domain)), 1);
    },
    forgetCertificate: (name) => cnames.cas.forget(cnames.named(name).id),
    failRollOut: (domain, as = 'shows-old', times = 1) => cnames.failRollOut(cnameOf(domain).domain, as, times),
    startPlane: () =>
      startTlsPlane(
        cnames.all.map(({ domain }) => domain),
        (_key, name) => (name === undefined ? undefined : cnames.served(name)),
      ),
  };
}
