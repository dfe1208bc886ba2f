import { type FakeClock, fakeClock } from '../../src/testing/fake-clock.ts';
import type { QiniuKey } from './qiniu-cdn/gateway.ts';
import type { DomainOptions, PemOptions } from './qiniu-cdn/options.ts';
import { createQiniuCdn, type QiniuCdn, type QiniuCdnOptions } from './qiniu-cdn.ts';
import { createOracle, type Oracle, qbox, qiniu } from './qiniu-oracle.ts';
import { serveFakeApi } from './serve-fake-api.ts';
import { atEnd } from './service.ts';
import { createVersionMaker } from './versions.ts';

// The account of the tests of the fake of Qiniu's CDN. Documents only, but for the signatures: no client of the vendor's
// has calls for domains and certificates.

export const root: QiniuKey = { accessKey: 'AKROOT', secretKey: 'root-secret' };

export interface Pem extends PemOptions {
  /** In upper case. */
  readonly sha256: string;
}

interface Started {
  readonly fake: QiniuCdn;
  readonly clock: FakeClock;
  /** Signs in the new form; `old` in the old one. */
  readonly api: Oracle;
  readonly old: Oracle;
  /** Uploads a certificate and returns its id. */
  upload(pem: Pem, commonName?: string): Promise<string>;
  /** Sets a certificate with the settings that {@link QiniuCdnBench.www} has. */
  // biome-ignore lint/suspicious/noExplicitAny: as the answers of the oracle
  set(domain: string, certId: string): Promise<any>;
}

export interface QiniuCdnBench {
  /** Two certificates for the same names, and one for another. */
  readonly pems: Readonly<Record<'first' | 'second' | 'other', Pem>>;
  /** A domain with the first certificate, which forces HTTPS and has HTTP/2. */
  www(more?: Partial<DomainOptions>): DomainOptions;
  /** By default with that domain alone. */
  start(changes?: Partial<QiniuCdnOptions>): Promise<Started>;
}

export const uploadOf = ({ name, certificate, privateKey }: PemOptions, more: object = {}) => ({
  ...{ name, common_name: 'www.example.com', ca: certificate, pri: privateKey, ...more },
});

export async function createQiniuCdnBench(): Promise<QiniuCdnBench> {
  const maker = await createVersionMaker();
  async function make(name: string, ...names: readonly string[]): Promise<Pem> {
    const { fullchainPem, keyPem, facts } = await maker.make('x', names);
    return { name, certificate: fullchainPem, privateKey: keyPem.reveal(), sha256: facts.fingerprint.toUpperCase() };
  }
  const pems = {
    first: await make('first', 'www.example.com', '*.example.com'),
    second: await make('second', 'www.example.com', '*.example.com'),
    other: await make('other', 'www.example.org'),
  };
  const www = (more: Partial<DomainOptions> = {}): DomainOptions => ({
    ...{ name: 'www.example.com', certificate: pems.first, forceHttps: true, http2: true, ...more },
  });
  return {
    ...{ pems, www },
    async start(changes = {}) {
      const clock = fakeClock(new Date());
      let fake!: QiniuCdn;
      const { origin, close } = await serveFakeApi((at) => {
        fake = createQiniuCdn({ clock, keys: [root], domains: [www()], origins: [at], ...changes });
        return fake.api;
      });
      atEnd(close);
      const [api, old] = [createOracle(origin, root, qiniu), createOracle(origin, root, qbox)];
      return {
        ...{ fake, clock, api, old },
        upload: async (pem, common_name = 'www.example.com') =>
          (await api.call('POST', '/sslcert', uploadOf(pem, { common_name }))).certID,
        set: (domain, certId) =>
          api.call('PUT', `/domain/${domain}/httpsconf`, { certId, forceHttps: true, http2Enable: true }),
      };
    },
  };
}
