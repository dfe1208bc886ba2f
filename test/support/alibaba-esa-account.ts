import { type FakeClock, fakeClock } from '../../src/testing/fake-clock.ts';
import type { AccessKey } from './alibaba-clb/options.ts';
import { type AlibabaEsa, type AlibabaEsaOptions, createAlibabaEsa } from './alibaba-esa.ts';
import { createOracle, type Oracle } from './alibaba-oracle.ts';
import { createPemMaker, type Pem } from './alibaba-pems.ts';
import { serveFakeApi } from './serve-fake-api.ts';
import { atEnd } from './service.ts';

// The account of the tests of the fake of ESA, driven by Alibaba's own client. The client signs with this machine's time,
// so the fake's clock starts now.

export const root: AccessKey = { id: 'LTAIroot', secret: 'root-secret' };
export const site = 'example.com';
const names = {
  first: ['www.example.com'],
  second: ['www.example.com'],
  third: ['www.example.com'],
  wild: ['*.example.com', 'example.com', 'www.other.org'],
  other: ['www.other.org'],
};
export type Name = keyof typeof names;

interface Started {
  readonly fake: AlibabaEsa;
  readonly clock: FakeClock;
  readonly esa: Oracle;
  /** SetCertificate for the site, with a certificate of CAS unless `more` says otherwise. */
  set(name: Name, more?: object): Promise<string>;
  /** The code of the refusal. */
  code(action: string, parameters: object): Promise<string>;
}

export interface EsaBench {
  readonly pems: Readonly<Record<Name, Pem>>;
  start(changes?: Partial<AlibabaEsaOptions>, key?: AccessKey): Promise<Started>;
}

export async function createEsaBench(): Promise<EsaBench> {
  const make = await createPemMaker();
  const made = await Promise.all(Object.entries(names).map(async ([name, of]) => [name, await make(...of)] as const));
  const pems = Object.fromEntries(made) as Record<Name, Pem>;
  return {
    pems,
    async start(changes = {}, key = root) {
      const clock = fakeClock(new Date());
      let fake!: AlibabaEsa;
      const { origin, close } = await serveFakeApi((at) => {
        fake = createAlibabaEsa({
          ...{ clock, keys: [root, key], origins: [at] },
          sites: [
            {
              ...{ name: site, records: ['www.example.com'] },
              certificates: [
                { name: 'mine', pem: { name: 'mine', ...pems.first } },
                { name: 'free', type: 'free' },
              ],
            },
            { name: 'other.org', status: 'pending' },
            { name: 'abroad.example', region: 'ap-southeast-1' },
          ],
          certificates: Object.entries(pems).map(([name, pem]) => ({ name, ...pem })),
          ...changes,
        });
        return fake.api;
      });
      atEnd(close);
      const esa = createOracle(origin, key, 'cn-hangzhou', '2024-09-10');
      const call = async (action: string, parameters: object) => esa.call(action, { ...parameters });
      return {
        ...{ fake, clock, esa },
        async set(name, more = {}) {
          const own = { SiteId: fake.siteId(site), Type: 'cas', Region: 'cn-hangzhou', CasId: fake.casId(name) };
          return (await call('SetCertificate', { ...own, ...more })).Id;
        },
        code: async (action, parameters) => (await esa.refused(action, { ...parameters })).code,
      };
    },
  };
}
