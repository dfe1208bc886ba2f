import { createPrivateKey } from 'node:crypto';
import { type FakeClock, fakeClock } from '../../src/testing/fake-clock.ts';
import type { DomainOptions } from './alibaba-cdn/options.ts';
import { type AlibabaCdn, type AlibabaCdnOptions, createAlibabaCdn } from './alibaba-cdn.ts';
import type { AccessKey } from './alibaba-clb/options.ts';
import { createOracle, type Oracle } from './alibaba-oracle.ts';
import { serveFakeApi } from './serve-fake-api.ts';
import { atEnd } from './service.ts';
import { createVersionMaker } from './versions.ts';

// The account of the tests of the fake of CDN, DCDN and CAS, driven by Alibaba's own client. The client signs with this
// machine's time, so the fake's clock starts now.

export const root: AccessKey = { id: 'LTAIroot', secret: 'root-secret' };

export interface Pem {
  readonly certificate: string;
  readonly privateKey: string;
  readonly sha256: string;
  readonly serial: string;
}

interface Started {
  readonly fake: AlibabaCdn;
  readonly clock: FakeClock;
  readonly cdn: Oracle;
  readonly dcdn: Oracle;
  readonly cas: Oracle;
  /** Uploads to CAS, by default the second certificate, and returns the id. */
  upload(name: string, pem?: Pem): Promise<number>;
  /** Sets a certificate of CAS. */
  set(domain: string, id: number, name: string): Promise<unknown>;
  /** The code of the refusal. */
  code(oracle: Oracle, action: string, parameters?: object): Promise<string>;
}

export interface CdnBench {
  /** Two certificates for the same names. */
  readonly first: Pem;
  readonly second: Pem;
  /** A domain with the first certificate. */
  www(): DomainOptions;
  /** By default with that domain alone. */
  start(changes?: Partial<AlibabaCdnOptions>, key?: AccessKey): Promise<Started>;
}

export const binding = { SSLProtocol: 'on', CertType: 'cas', CertRegion: 'cn-hangzhou' };

export async function createCdnBench(): Promise<CdnBench> {
  const maker = await createVersionMaker();
  async function make(): Promise<Pem> {
    const { fullchainPem, keyPem, facts } = await maker.make('x', ['www.example.com', '*.example.com']);
    // The documented form of a key is not PKCS#8.
    const privateKey = createPrivateKey(keyPem.reveal()).export({ type: 'sec1', format: 'pem' }).toString();
    const { fingerprint, serial } = facts;
    return { certificate: fullchainPem, privateKey, sha256: fingerprint.toUpperCase(), serial };
  }
  const [first, second] = [await make(), await make()];
  const www = (): DomainOptions => ({
    name: 'www.example.com',
    certificate: { name: 'first', ...first },
    functions: { https_option: { http2: 'on' }, https_force: { enable: 'on' } },
  });
  async function start(changes: Partial<AlibabaCdnOptions> = {}, key: AccessKey = root): Promise<Started> {
    const clock = fakeClock(new Date());
    let fake!: AlibabaCdn;
    const { origin, close } = await serveFakeApi((at) => {
      fake = createAlibabaCdn({ clock, keys: [root, key], domains: [www()], origins: [at], ...changes });
      return fake.api;
    });
    atEnd(close);
    const oracle = (version: string) => createOracle(origin, key, 'cn-hangzhou', version);
    const [cdn, dcdn, cas] = [oracle('2018-05-10'), oracle('2018-01-15'), oracle('2020-04-07')];
    return {
      ...{ fake, clock, cdn, dcdn, cas },
      async upload(Name, pem = second) {
        const parameters = { Name, Cert: pem.certificate, Key: pem.privateKey };
        return (await cas.call('UploadUserCertificate', parameters)).CertId;
      },
      set: (DomainName, CertId, CertName) =>
        cdn.call('SetCdnDomainSSLCertificate', { ...binding, DomainName, CertId, CertName }),
      code: async (of, action, parameters = {}) => (await of.refused(action, { ...parameters })).code,
    };
  }
  return { first, second, www, start };
}
