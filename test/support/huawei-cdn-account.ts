import { createPrivateKey } from 'node:crypto';
import { type FakeClock, fakeClock } from '../../src/testing/fake-clock.ts';
import type { DomainOptions, PemOptions } from './huawei-cdn/options.ts';
import { createHuaweiCdn, type HuaweiCdn, type HuaweiCdnOptions } from './huawei-cdn.ts';
import type { HuaweiKey } from './huawei-gateway/gateway.ts';
import { createOracle, type Oracle } from './huawei-oracle.ts';
import { serveFakeApi } from './serve-fake-api.ts';
import { atEnd } from './service.ts';
import { createVersionMaker } from './versions.ts';

// The account of the tests of the fake of Huawei Cloud's CDN. npm has no client of it; fake-huawei-cdn.test.ts has the
// calls of the one in the vendor's repository.

export const root: HuaweiKey = { accessKey: 'AKROOT', secretKey: 'root-secret' };
export const batch = '/v1.0/cdn/domains/config-https-info';
export const configOf = (domain: string): string => `/v1.1/cdn/configuration/domains/${domain}/configs`;

export interface Pem extends PemOptions {
  /** In upper case. */
  readonly sha256: string;
}

interface Started {
  readonly fake: HuaweiCdn;
  readonly clock: FakeClock;
  readonly api: Oracle;
  /** The block `https` of a domain's full configuration. */
  // biome-ignore lint/suspicious/noExplicitAny: as the answers of the oracle
  https(domain: string): Promise<any>;
}

export interface HuaweiCdnBench {
  /** Two certificates for the same names, and one for another. */
  readonly pems: Readonly<Record<'first' | 'second' | 'other', Pem>>;
  /** A domain with the first certificate, and something in every setting. */
  www(more?: Partial<DomainOptions>): DomainOptions;
  /** By default with that domain alone. */
  start(changes?: Partial<HuaweiCdnOptions>, key?: HuaweiKey): Promise<Started>;
}

/** The change to a domain's own certificate, for the full configuration and for the batch call. */
export const ownConfig = ({ name, certificate, privateKey }: PemOptions, more: object = {}) => ({
  configs: {
    https: {
      ...{ https_status: 'on', certificate_source: 0, certificate_type: 'server', certificate_name: name },
      ...{ certificate_value: certificate, private_key: privateKey, ...more },
    },
  },
});
export const ownBatch = (domain_name: string, { name, certificate, privateKey }: PemOptions, more: object = {}) => ({
  https: {
    ...{ domain_name, https_switch: 1, certificate_type: 0, cert_name: name, certificate, private_key: privateKey },
    ...more,
  },
});

export async function createHuaweiCdnBench(): Promise<HuaweiCdnBench> {
  const maker = await createVersionMaker();
  async function make(name: string, ...names: readonly string[]): Promise<Pem> {
    const { fullchainPem, keyPem, facts } = await maker.make('x', names);
    // The documented form of a key is not PKCS#8.
    const privateKey = createPrivateKey(keyPem.reveal()).export({ type: 'sec1', format: 'pem' }).toString();
    return { name, certificate: fullchainPem, privateKey, sha256: facts.fingerprint.toUpperCase() };
  }
  const pems = {
    first: await make('first', 'www.example.com', '*.example.com'),
    second: await make('second', 'www.example.com', '*.example.com'),
    other: await make('other', 'www.example.org'),
  };
  const www = (more: Partial<DomainOptions> = {}): DomainOptions => ({
    ...{ name: 'www.example.com', certificate: pems.first, http2: true, ocspStapling: true, tlsVersion: 'TLSv1.2' },
    ...{ originProtocol: 'https', forceRedirect: 'https', configs: { cache_rules: [{ ttl: 3 }] }, ...more },
  });
  return {
    ...{ pems, www },
    async start(changes = {}, key = root) {
      const clock = fakeClock(new Date());
      let fake!: HuaweiCdn;
      const { origin, close } = await serveFakeApi((at) => {
        fake = createHuaweiCdn({ clock, keys: [root, key], domains: [www()], origins: [at], ...changes });
        return fake.api;
      });
      atEnd(close);
      const api = createOracle(origin, key, () => clock.now());
      return {
        ...{ fake, clock, api },
        https: async (domain) => (await api.call('GET', `${configOf(domain)}?enterprise_project_id=all`)).configs.https,
      };
    },
  };
}
