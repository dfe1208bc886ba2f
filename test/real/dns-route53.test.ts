import { afterAll, beforeAll, describe } from 'vitest';
import { parseXml, type XmlElement, xmlAt, xmlText } from '../../src/clients/http/xml.ts';
import { Secret } from '../../src/core/errors/secret.ts';
import route53 from '../../src/dns/route53.ts';
import { checkSignature, fakeKeys, wrongSecret } from '../../src/dns/test-route53.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { createWorld } from '../../src/lib/world.ts';
import type { Http } from '../../src/ports/http.ts';
import type { World } from '../../src/ports/world.ts';
import { type DnsProviderBench, dnsProviderContract } from '../../src/testing/dns-provider-contract.ts';
import { drawnExcept } from '../support/drawn.ts';
import { hasMoto, type Moto, motoHeaders, startMoto } from '../support/moto.ts';
import { noteSkipped, stopAllAfterwards } from '../support/vitest.ts';

stopAllAfterwards();

if (!hasMoto()) noteSkipped('not tested: route53 on moto (missing: python3-moto)');

const namespace = 'https://route53.amazonaws.com/doc/2013-04-01/';
const names = ['myexample.test', 'example.test', 'sub.example.test', 'example.test.corp'] as const;

// Moto is more lenient than AWS: it checks no signature, and deletes a set with other values. The strict fake is beside
// the provider.
describe.skipIf(!hasMoto())('route53 on moto', () => {
  let moto: Moto;
  let world: World;
  const ids = new Map<string, string>();
  const lines: string[] = [];

  const ask = async (path: string, body?: string): Promise<XmlElement> => {
    const headers = motoHeaders('route53');
    const response = await fetch(
      `${moto.url}/2013-04-01/${path}`,
      body === undefined ? { headers } : { method: 'POST', headers, body },
    );
    const text = await response.text();
    if (!response.ok) throw new Error(`moto refused ${path}: ${text}`);
    return parseXml(text);
  };
  const change = (zone: string, changes: readonly string[]) =>
    ask(
      `hostedzone/${ids.get(zone)}/rrset/`,
      `<ChangeResourceRecordSetsRequest xmlns="${namespace}"><ChangeBatch><Changes>${changes.join('')}</Changes></ChangeBatch></ChangeResourceRecordSetsRequest>`,
    );
  const setXml = (action: string, name: string, values: readonly string[]) =>
    `<Change><Action>${action}</Action><ResourceRecordSet><Name>${name}</Name><Type>TXT</Type><TTL>60</TTL><ResourceRecords>${values.map((value) => `<ResourceRecord><Value>${value}</Value></ResourceRecord>`).join('')}</ResourceRecords></ResourceRecordSet></Change>`;
  const sets = async (zone: string) => {
    const all = xmlAt(await ask(`hostedzone/${ids.get(zone)}/rrset`), 'ResourceRecordSets')?.children ?? [];
    return all
      .filter((set) => xmlText(set, 'Type') === 'TXT')
      .map((set) => ({
        name: xmlText(set, 'Name') ?? '',
        values: (xmlAt(set, 'ResourceRecords')?.children ?? []).map((record) => xmlText(record, 'Value') ?? ''),
      }));
  };

  const createZones = async () => {
    await fetch(`${moto.url}/moto-api/reset`, { method: 'POST' });
    for (const name of names) {
      // The private zone of the same name is the first.
      for (const isPrivate of name === 'example.test' ? [true, false] : [false]) {
        const vpc = isPrivate ? '<VPC><VPCRegion>eu-west-1</VPCRegion><VPCId>vpc-1</VPCId></VPC>' : '';
        const config = `<HostedZoneConfig><Comment>x</Comment><PrivateZone>${isPrivate}</PrivateZone></HostedZoneConfig>`;
        const root = await ask(
          'hostedzone',
          `<CreateHostedZoneRequest xmlns="${namespace}"><Name>${name}</Name>${vpc}<CallerReference>${name}${isPrivate}</CallerReference>${config}</CreateHostedZoneRequest>`,
        );
        ids.set(name, xmlText(root, 'HostedZone', 'Id')?.replace('/hostedzone/', '') ?? '');
      }
    }
  };

  beforeAll(async () => {
    moto = await startMoto();
    const log = (line: string) => void lines.push(line);
    const real = createWorld({ env: {}, log: { debug: log, info: log, warn: log } });
    world = { ...real, http: () => checked(real.http()) };
  });
  afterAll(() => world.close());

  const connect = (secret: string = fakeKeys.secret, endpoint = moto.url) =>
    route53.connect({
      name: 'dns',
      world,
      options: route53.options.parse({
        accessKeyId: new Secret(fakeKeys.id),
        secretAccessKey: new Secret(secret),
        endpoint,
      }),
    });

  dnsProviderContract(drawnExcept(/is there after append/), async (): Promise<DnsProviderBench> => {
    await createZones();
    return {
      ...{ traits: route53.traits, zone: 'example.test', subZone: 'sub.example.test', clock: systemClock },
      connect: () => connect(),
      connectRefused: () => connect(wrongSecret),
      connectUnreachable: () => connect(fakeKeys.secret, 'http://127.0.0.1:9'),
      values: async (zone) =>
        (await sets(zone)).flatMap(({ name, values }) =>
          values.map((value) => ({ name: name.replace(/\.$/, ''), value: value.slice(1, -1) })),
        ),
      async plant({ zone, name, value }) {
        const there = (await sets(zone)).find((set) => set.name === `${name}.`)?.values ?? [];
        await change(zone, [setXml('UPSERT', name, [...there, `"${value}"`])]);
      },
      secrets: [fakeKeys.id, fakeKeys.secret, wrongSecret],
      logged: () => lines,
      stop: async () => {},
    };
  });
});

/** Checks each signature, as AWS does. */
const checked = (http: Http): Http => ({
  async request(request) {
    const url = new URL(request.url);
    const headers = { host: url.host, ...request.headers };
    const text = String(request.body ?? '');
    const refused = checkSignature({ method: request.method, headers, url, text }, 'us-east-1', new Date());
    // Moto refuses to create a set that was there before, even if it was deleted.
    const body = text.replaceAll('<Action>CREATE<', '<Action>UPSERT<');
    if (!refused) return http.request({ ...request, ...(text === '' ? {} : { body }) });
    return { status: refused.status, headers: {}, body: new TextEncoder().encode(String(refused.body)) };
  },
  close: () => http.close(),
});
