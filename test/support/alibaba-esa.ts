import type { FakeApi } from '../../src/testing/fake-api.ts';
import { esaActions } from './alibaba-esa/actions.ts';
import type { AlibabaEsaOptions, SiteStatus } from './alibaba-esa/options.ts';
import { createSites, type Failure, type Site } from './alibaba-esa/sites.ts';
import type { CasCertificate } from './alibaba-gateway/cas.ts';
import { type Answered, createGateway } from './alibaba-gateway/gateway.ts';
import { startTlsPlane, type TlsPlane } from './tls-plane.ts';

export type { AlibabaEsaOptions } from './alibaba-esa/options.ts';

/**
 * Alibaba Cloud's Edge Security Acceleration (2024-09-10), as far as the certificates of sites need it, and the Certificate
 * Management Service (2020-04-07), in memory; `serveFakeApi` puts the same API behind a port. Written from the public
 * documents alone, which each file names. Custom host names (SaaS) are not part of it.
 */
export interface AlibabaEsa {
  /** `http` for a client, and `fault` for what happens to calls: lost answers, proxies' pages, hangs, any refusal. */
  readonly api: FakeApi;
  /** The answer to each call, before a fault changed or lost it. */
  readonly records: readonly Answered[];
  /** Everything about the sites but the certificates. A change of certificates leaves it equal. */
  settings(): unknown;
  /** What CAS holds, without the keys. */
  certificates(): readonly Omit<CasCertificate, 'key'>[];
  /** The id of a certificate of CAS. */
  casId(name: string): number;
  siteId(site: string): number;
  /** The certificates of a site, as lists show them. */
  placed(site: string): readonly { readonly id: string; readonly name: string; readonly type: string }[];
  /** The name of the site's certificate that a client gets; during a roll-out, old and new by turns. */
  served(name: string): string | undefined;
  /** The SHA-256 fingerprint of it, in upper case. */
  servedFingerprint(name: string): string | undefined;
  /** Removes a certificate of a site at once, as a person does in the console. */
  remove(site: string, name: string): void;
  setStatus(site: string, status: SiteStatus): void;
  /** Lets the plan of a site end, or renews it. */
  setArrears(site: string, isInArrears: boolean): void;
  /** Removes a certificate from CAS, as a person does in the console. */
  forgetCertificate(name: string): void;
  /** Lets the next roll-outs of a site, though accepted, come to nothing. */
  failRollOut(site: string, as?: Failure, times?: number): void;
  /** Lets RAM refuse these actions (`esa:SetCertificate`) to every key; without arguments, none. */
  deny(...actions: readonly string[]): void;
  /** Starts an edge on a real port for each site, which must be stopped. */
  startPlane(): Promise<TlsPlane>;
}

export function createAlibabaEsa(options: AlibabaEsaOptions): AlibabaEsa {
  const { clock, keys, origins, perSecond, account = '1231579085529123' } = options;
  const sites = createSites(options);
  const limited = Object.entries(esaActions(sites)).map(
    ([name, one]) => [name, perSecond === undefined ? one : { ...one, perSecond }] as const,
  );
  const gateway = createGateway({
    ...{ clock, keys, account },
    ...(origins === undefined ? {} : { origins }),
    services: [
      {
        ...{ product: 'Esa', version: '2024-09-10', ram: 'esa' },
        hosts: {
          'esa.cn-hangzhou.aliyuncs.com': 'cn-hangzhou',
          'esa.ap-southeast-1.aliyuncs.com': 'ap-southeast-1',
        },
        actions: Object.fromEntries(limited),
      },
      sites.cas.service,
    ],
    before: sites.settle,
  });
  const siteNamed = (name: string): Site => {
    sites.settle();
    const found = sites.all.find((one) => one.name === name);
    if (found === undefined) throw new Error(`There is no site ${name}.`);
    return found;
  };
  const inCas = (name: string): CasCertificate => {
    const found = [...sites.cas.certificates.values()].find((one) => one.name === name);
    if (found === undefined) throw new Error(`There is no certificate ${name}.`);
    return found;
  };
  return {
    ...{ api: gateway.api, records: gateway.records, deny: gateway.deny },
    settings: () =>
      sites.all.map(({ certificates: _own, rollOut: _rollOut, turns: _turns, ...rest }) => structuredClone(rest)),
    certificates: () => [...sites.cas.certificates.values()].map(({ key: _key, ...rest }) => rest),
    casId: (name) => inCas(name).id,
    siteId: (name) => siteNamed(name).id,
    placed: (site) => siteNamed(site).certificates.map(({ id, name, type }) => ({ id, name, type })),
    served: (name) => sites.served(name)?.name,
    servedFingerprint: (name) => sites.served(name)?.issued?.sha256,
    remove(site, name) {
      const found = siteNamed(site);
      found.certificates = found.certificates.filter((one) => one.name !== name);
    },
    setStatus(site, status) {
      siteNamed(site).status = status;
    },
    setArrears(site, isInArrears) {
      siteNamed(site).isInArrears = isInArrears;
    },
    forgetCertificate: (name) => sites.cas.forget(inCas(name).id),
    failRollOut: (site, as = 'shows-old', times = 1) => sites.failRollOut(siteNamed(site).name, as, times),
    startPlane: () =>
      startTlsPlane(
        sites.all.map(({ name }) => name),
        (_key, name) => (name === undefined ? undefined : sites.served(name)?.issued),
      ),
  };
}
