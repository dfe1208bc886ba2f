import { type FakeClock, fakeClock } from '../../src/testing/fake-clock.ts';
import type { AccessKey } from './alibaba-clb/options.ts';
import { type AlibabaNlb, type AlibabaNlbOptions, createAlibabaNlb } from './alibaba-nlb.ts';
import { createOracle, type Oracle } from './alibaba-oracle.ts';
import { createPemMaker, type Pem } from './alibaba-pems.ts';
import { serveFakeApi } from './serve-fake-api.ts';
import { atEnd } from './service.ts';

// The account of the tests of the fake of NLB, driven by Alibaba's own client. The client signs with this machine's time,
// so the fake's clock starts now.

export const root: AccessKey = { id: 'LTAIroot', secret: 'root-secret' };
export const lb = 'nlb-a1';
export const oldId = '12315790343_166f8204689_1714763408_709981430';
const names = {
  first: ['www.example.com'],
  second: ['www.example.com'],
  wild: ['*.example.com'],
  shop: ['shop.example.com'],
};
export type Name = keyof typeof names;

interface Started {
  readonly fake: AlibabaNlb;
  readonly clock: FakeClock;
  readonly nlb: Oracle;
  /** The code of the refusal. */
  code(action: string, parameters: Parameters<Oracle['call']>[1]): Promise<string>;
  /** The ids of certificates of CAS. */
  ids(...of: Name[]): string[];
}

export interface NlbBench {
  readonly pems: Readonly<Record<Name, Pem>>;
  start(changes?: Partial<AlibabaNlbOptions>, key?: AccessKey): Promise<Started>;
}

export async function createNlbBench(): Promise<NlbBench> {
  const make = await createPemMaker();
  const made = await Promise.all(Object.entries(names).map(async ([name, of]) => [name, await make(...of)] as const));
  const pems = Object.fromEntries(made) as Record<Name, Pem>;
  return {
    pems,
    async start(changes = {}, key = root) {
      const clock = fakeClock(new Date());
      let fake!: AlibabaNlb;
      const { origin, close } = await serveFakeApi((at) => {
        fake = createAlibabaNlb({
          ...{ clock, keys: [root, key], origins: [at] },
          loadBalancers: [
            {
              id: lb,
              listeners: [
                {
                  protocol: 'TCPSSL',
                  port: 443,
                  certificate: 'first',
                  additional: ['shop', oldId],
                  ca: 'ca-1',
                  settings: { IdleTimeout: 60 },
                },
                { protocol: 'TCPSSL', port: 8883, certificate: 'first' },
                { protocol: 'TCP', port: 22 },
              ],
            },
            { id: 'nlb-b2', region: 'ap-southeast-1', listeners: [{ protocol: 'TCPSSL', port: 443 }] },
          ],
          certificates: Object.entries(pems).map(([name, pem]) => ({ name, ...pem })),
          ...changes,
        });
        return fake.api;
      });
      atEnd(close);
      const nlb = createOracle(origin, key, 'cn-hangzhou', '2022-04-30', 'body');
      return {
        ...{ fake, clock, nlb },
        code: async (action, parameters) => (await nlb.refused(action, parameters)).code,
        ids: (...of) => of.map(fake.certificateId),
      };
    },
  };
}
