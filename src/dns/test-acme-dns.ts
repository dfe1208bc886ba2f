import { Secret } from '../core/errors/secret.ts';
import type { Clock } from '../ports/clock.ts';
import type { DnsValue } from '../ports/dns-provider.ts';
import { dnsApiBench } from '../testing/dns-api-bench.ts';
import { contractHosts } from '../testing/dns-provider-checks.ts';
import { createFakeApi, type FakeAnswer, type FakeRequest } from '../testing/fake-api.ts';
import acmeDns from './acme-dns.ts';

export const zone = 'auth.example.test';

export interface TestAccount {
  readonly username: string;
  readonly password: string;
  readonly subdomain: string;
  readonly fulldomain: string;
}

/** Returns an account for a name in the contract. */
export const accountFor = (host: string): TestAccount => {
  const id = Buffer.from(host.padEnd(6, '.')).toString('hex').padStart(12, '0').slice(0, 12);
  const subdomain = `8e5700ea-a4bf-41c7-8a77-${id}`;
  return {
    ...{ username: `c36f50e8-4632-44f0-83fe-${id}`, password: `htB9mR9DYgcu9bX_afHF62erXaH2TS7b${id}` },
    ...{ subdomain, fulldomain: `${subdomain}.${zone}` },
  };
};

/** Returns the text of acme-dns-client's file. */
export const storage = (hosts: readonly string[], more: Partial<TestAccount> = {}): string =>
  JSON.stringify(
    Object.fromEntries(
      hosts.map((host) => [
        host === '' ? 'example.test' : `${host}.example.test`,
        { ...accountFor(host), server_url: 'https://auth.example.test', allowfrom: [], ...more },
      ]),
    ),
  );

const refusal = (status: number, error: string): FakeAnswer => ({ status, body: { error } });

export function testAcmeDns(clock: Clock, origin = 'https://auth.example.test') {
  const accounts = contractHosts.map(accountFor);
  /** The last two values, by subdomain. */
  const texts = new Map<string, string[]>();
  const api = createFakeApi({
    ...{ clock, origin },
    routes: {
      'GET /health': () => ({ status: 200 }),
      'POST /update': (request: FakeRequest) => {
        const { subdomain, txt } = request.json() as { subdomain?: unknown; txt?: unknown };
        const { 'x-api-user': username, 'x-api-key': password } = request.headers;
        const account = accounts.find((one) => one.username === username && one.password === password);
        if (!account || account.subdomain !== subdomain) return refusal(401, 'forbidden');
        if (typeof txt !== 'string' || !/^[\w-]{43}$/.test(txt)) return refusal(400, 'bad_txt');
        texts.set(subdomain, [...(texts.get(subdomain) ?? []), txt].slice(-2));
        return { status: 200, body: { txt } };
      },
    },
  });
  return {
    ...{ api, texts },
    addZones: () => {},
    plant({ name, value }: DnsValue) {
      const subdomain = name.split('.')[0]!;
      texts.set(subdomain, [...(texts.get(subdomain) ?? []), value].slice(-2));
    },
    values: (of: string) =>
      of === zone
        ? [...texts].flatMap(([subdomain, values]) => values.map((value) => ({ name: `${subdomain}.${zone}`, value })))
        : [],
  };
}

export default dnsApiBench(acmeDns, {
  service: (clock) => testAcmeDns(clock),
  options: { accounts: new Secret(storage(contractHosts)) },
  refused: { accounts: new Secret(storage(contractHosts, { password: 'an0therPassw0rdOfAnotherAccount' })) },
  ...{ zone, subZone: undefined },
  nameOf: (host) => accountFor(host).fulldomain,
  secrets: [...contractHosts.flatMap((host) => accountFor(host).password), 'an0therPassw0rdOfAnotherAccount'],
  isWrite: ({ text }) => !text.includes('"txt":""'),
});
