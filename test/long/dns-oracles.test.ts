import { beforeAll, expect, it } from 'vitest';
import * as acmeDns from '../../src/dns/test-acme-dns.ts';
import * as alidns from '../../src/dns/test-alidns.ts';
import * as azure from '../../src/dns/test-azure.ts';
import * as cloudflare from '../../src/dns/test-cloudflare.ts';
import * as desec from '../../src/dns/test-desec.ts';
import * as digitalocean from '../../src/dns/test-digitalocean.ts';
import * as dnsimple from '../../src/dns/test-dnsimple.ts';
import * as dnsmadeeasy from '../../src/dns/test-dnsmadeeasy.ts';
import * as dnspod from '../../src/dns/test-dnspod.ts';
import * as dnspodToken from '../../src/dns/test-dnspod-token.ts';
import * as gandi from '../../src/dns/test-gandi.ts';
import * as godaddy from '../../src/dns/test-godaddy.ts';
import * as google from '../../src/dns/test-google.ts';
import * as httpRequest from '../../src/dns/test-http-request.ts';
import * as huaweicloud from '../../src/dns/test-huaweicloud.ts';
import * as linode from '../../src/dns/test-linode.ts';
import * as luadns from '../../src/dns/test-luadns.ts';
import * as namecheap from '../../src/dns/test-namecheap.ts';
import * as ns1 from '../../src/dns/test-ns1.ts';
import * as ovh from '../../src/dns/test-ovh.ts';
import * as porkbun from '../../src/dns/test-porkbun.ts';
import * as powerdns from '../../src/dns/test-powerdns.ts';
import * as route53 from '../../src/dns/test-route53.ts';
import * as vultr from '../../src/dns/test-vultr.ts';
import * as westcn from '../../src/dns/test-westcn.ts';
import { systemClock } from '../../src/lib/clock.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { DnsValue } from '../../src/ports/dns-provider.ts';
import type { FakeDnsService } from '../../src/testing/dns-api-bench.ts';
import { acmeSh } from '../support/acme-sh.ts';
import { type Bind, bindPrograms, startBind } from '../support/bind.ts';
import { startFakeInternet } from '../support/fake-internet.ts';
import { lego } from '../support/lego.ts';
import { type Pebble, startPebble } from '../support/pebble.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

// The fakes of the DNS providers' APIs, driven by a client that is not ours: that they take what the APIs take.

stopAllAfterwards();

interface Oracle {
  /** The client, with its own name of the provider. */
  readonly client: { readonly lego: string } | { readonly acmeSh: string };
  /** Its credentials. */
  readonly env: Readonly<Record<string, string>>;
  /** Where the client thinks that the API is. */
  readonly origin: string | readonly string[];
  service(clock: Clock): Pick<FakeDnsService, 'api' | 'values' | 'plant'>;
  /** What the API may answer, because the client tries parents of the name in turn. */
  readonly mayRefuse?: readonly number[];
  /** The client replaces the whole set, and so loses what others have at the same name. */
  readonly losesForeign?: true;
  /** The client removes any value at the name, so others have none there. */
  readonly removesAny?: true;
}

const zone = 'example.test';
const challengeName = `_acme-challenge.${zone}`;
const foreign = { zone, name: challengeName, value: 'of-another-client', ttl: 600 };
const digests = ['LPJNul-wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ', 'LHDhK3oGRvkiefQnx7OOczTY5Tic_xZ6HcMOc_gmtoM'];
const beside = { ...foreign, name: `beside.${zone}`, value: 'v=spf1 -all' };

const httpreq: Oracle = {
  client: { lego: 'httpreq' },
  env: {
    HTTPREQ_ENDPOINT: `${httpRequest.origin}/acme`,
    HTTPREQ_USERNAME: httpRequest.username,
    HTTPREQ_PASSWORD: httpRequest.password,
    HTTPREQ_POLLING_INTERVAL: '0',
  },
  origin: httpRequest.origin,
  service: httpRequest.testHttpRequest,
};

/** By the name of our provider. */
const oracles: Readonly<Record<string, Oracle>> = {
  alidns: {
    client: { acmeSh: 'dns_ali' },
    env: { Ali_Key: alidns.keys.accessKeyId, Ali_Secret: alidns.keys.accessKeySecret },
    origin: 'https://alidns.aliyuncs.com',
    service: alidns.testAlidns,
    mayRefuse: [400],
  },
  azure: {
    client: { acmeSh: 'dns_azure' },
    env: {
      AZUREDNS_SUBSCRIPTIONID: azure.subscriptionId,
      AZUREDNS_TENANTID: azure.tenantId,
      AZUREDNS_APPID: azure.clientId,
      AZUREDNS_CLIENTSECRET: azure.clientSecret,
    },
    origin: ['https://management.azure.com', 'https://login.microsoftonline.com'],
    // acme.sh takes the first zone of this name, although it is private.
    service: (clock) => azure.fakeAzure(clock, { withPrivateZones: false }),
  },
  cloudflare: {
    client: { acmeSh: 'dns_cf' },
    env: { CF_Token: cloudflare.token },
    origin: 'https://api.cloudflare.com',
    service(clock) {
      const fake = cloudflare.testCloudflare(clock);
      // acme.sh takes the first zone of this name, although it is pending.
      return { ...fake, values: () => fake.records };
    },
  },
  desec: {
    client: { lego: 'desec' },
    env: { DESEC_TOKEN: desec.token, DESEC_POLLING_INTERVAL: '0' },
    origin: 'https://desec.io',
    mayRefuse: [404],
    service: desec.testDesec,
  },
  digitalocean: {
    client: { lego: 'digitalocean' },
    env: { DO_AUTH_TOKEN: digitalocean.token, DO_POLLING_INTERVAL: '0' },
    origin: 'https://api.digitalocean.com',
    service: (clock) => digitalocean.testDigitalocean(clock),
  },
  dnsimple: {
    client: { acmeSh: 'dns_dnsimple' },
    env: { DNSimple_OAUTH_TOKEN: dnsimple.tokens.account },
    origin: 'https://api.dnsimple.com',
    service: dnsimple.testDnsimple,
    removesAny: true,
  },
  dnsmadeeasy: {
    client: { acmeSh: 'dns_me' },
    env: { ME_Key: dnsmadeeasy.keys.apiKey, ME_Secret: dnsmadeeasy.keys.secretKey },
    origin: 'https://api.dnsmadeeasy.com',
    service: dnsmadeeasy.testDnsmadeeasy,
  },
  dnspod: {
    client: { acmeSh: 'dns_dp' },
    env: { DP_Id: dnspodToken.tokenId, DP_Key: dnspodToken.token },
    origin: 'https://dnsapi.cn',
    service: dnspodToken.testDnspodToken,
  },
  'dnspod with keys': {
    client: { acmeSh: 'dns_tencent' },
    env: { Tencent_SecretId: dnspod.keys.secretId, Tencent_SecretKey: dnspod.keys.secretKey },
    origin: 'https://dnspod.tencentcloudapi.com',
    service: dnspod.testDnspodKeys,
  },
  gandi: {
    client: { acmeSh: 'dns_gandi_livedns' },
    env: { GANDI_LIVEDNS_TOKEN: gandi.token },
    origin: 'https://api.gandi.net',
    service: gandi.testGandi,
  },
  google: {
    client: { lego: 'gcloud' },
    env: {
      GCE_PROJECT: google.project,
      GCE_SERVICE_ACCOUNT: JSON.stringify({
        type: 'service_account',
        client_email: google.clientEmail,
        private_key: google.privateKeyPem,
        token_uri: 'https://oauth2.googleapis.com/token',
      }),
      GCE_POLLING_INTERVAL: '0',
    },
    origin: ['https://dns.googleapis.com', 'https://oauth2.googleapis.com'],
    losesForeign: true,
    service: google.fakeGoogle,
  },
  godaddy: {
    client: { acmeSh: 'dns_gd' },
    env: { GD_Key: godaddy.key, GD_Secret: godaddy.secret },
    origin: 'https://api.godaddy.com',
    service: godaddy.testGodaddy,
    mayRefuse: [404],
  },
  namecheap: {
    client: { acmeSh: 'dns_namecheap' },
    env: {
      NAMECHEAP_USERNAME: namecheap.apiUser,
      NAMECHEAP_API_KEY: namecheap.apiKey,
      NAMECHEAP_SOURCEIP: namecheap.clientIp,
    },
    origin: 'https://api.namecheap.com',
    service(clock) {
      const fake = namecheap.testNamecheap(clock);
      // acme.sh writes other texts back as they are in XML.
      return { ...fake, values: (at) => fake.values(at).filter(({ name }) => name !== `www.${zone}`) };
    },
  },
  porkbun: {
    client: { acmeSh: 'dns_porkbun' },
    env: { PORKBUN_API_KEY: porkbun.apiKey, PORKBUN_SECRET_API_KEY: porkbun.secretApiKey },
    mayRefuse: [400],
    origin: 'https://api.porkbun.com',
    service: porkbun.testPorkbun,
  },
  'http-request': httpreq,
  'http-request in its mode RAW': { ...httpreq, env: { ...httpreq.env, HTTPREQ_MODE: 'RAW' } },
  linode: {
    client: { acmeSh: 'dns_linode_v4' },
    env: { LINODE_V4_API_KEY: linode.token },
    origin: 'https://api.linode.com',
    service: linode.testLinode,
    removesAny: true,
  },
  luadns: {
    client: { acmeSh: 'dns_lua' },
    env: { LUA_Email: luadns.email, LUA_Key: luadns.token },
    origin: 'https://api.luadns.com',
    service: luadns.testLuadns,
    removesAny: true,
  },
  ns1: {
    client: { acmeSh: 'dns_nsone' },
    env: { NS1_Key: ns1.apiKey },
    origin: 'https://api.nsone.net',
    service: ns1.testNs1,
    // It removes the whole set for the first of its two values.
    mayRefuse: [404],
    removesAny: true,
  },
  ovh: {
    client: { lego: 'ovh' },
    env: {
      OVH_ENDPOINT: 'ovh-eu',
      OVH_APPLICATION_KEY: ovh.keys.applicationKey,
      OVH_APPLICATION_SECRET: ovh.keys.applicationSecret,
      OVH_CONSUMER_KEY: ovh.keys.consumerKey,
      OVH_POLLING_INTERVAL: '0',
    },
    origin: 'https://eu.api.ovh.com',
    service: ovh.testOvh,
  },
  huaweicloud: {
    client: { acmeSh: 'dns_huaweicloud' },
    env: {
      HUAWEICLOUD_Username: huaweicloud.user,
      HUAWEICLOUD_Password: huaweicloud.password,
      HUAWEICLOUD_DomainName: 'acme',
    },
    origin: ['https://dns.ap-southeast-1.myhuaweicloud.com', 'https://iam.myhuaweicloud.com'],
    service: (clock) => huaweicloud.fakeHuawei(clock, { origin: 'https://dns.ap-southeast-1.myhuaweicloud.com' }),
    // It removes the whole set with each value.
    losesForeign: true,
  },
  powerdns: {
    client: { lego: 'pdns' },
    // lego goes to a loopback address itself, without a proxy.
    env: { PDNS_API_URL: 'http://pdns.test:8081', PDNS_API_KEY: powerdns.apiKey, PDNS_POLLING_INTERVAL: '0' },
    origin: 'http://pdns.test:8081',
    losesForeign: true,
    service(clock) {
      const { api, ...more } = powerdns.testPowerdns(clock);
      const handle: typeof api.handle = ({ url, ...request }) =>
        api.handle({ ...request, url: url.replace('pdns.test', '127.0.0.1') });
      return { ...more, api: { ...api, handle } };
    },
  },
  route53: {
    client: { lego: 'route53' },
    env: {
      AWS_ACCESS_KEY_ID: route53.fakeKeys.id,
      AWS_SECRET_ACCESS_KEY: route53.fakeKeys.secret,
      AWS_REGION: 'us-east-1',
      AWS_POLLING_INTERVAL: '0',
    },
    origin: 'https://route53.amazonaws.com',
    service: route53.fakeRoute53,
    losesForeign: true,
  },
  vultr: {
    client: { lego: 'vultr' },
    env: { VULTR_API_KEY: vultr.apiKey, VULTR_POLLING_INTERVAL: '0' },
    origin: 'https://api.vultr.com',
    service: vultr.testVultr,
    losesForeign: true,
  },
  westcn: {
    client: { acmeSh: 'dns_west_cn' },
    env: { WEST_Username: westcn.username, WEST_Key: westcn.apiKey },
    origin: 'https://api.west.cn',
    service: westcn.testWestcn,
  },
};

const programs = ['lego', 'pebble', 'pebble-challtestsrv', 'curl', ...bindPrograms];

describeWith(programs, 'the fakes of DNS providers, driven by other clients', () => {
  let pebble: Pebble;
  let bind: Bind;
  beforeAll(async () => {
    [pebble, bind] = await Promise.all([
      startPebble({ env: { PEBBLE_VA_ALWAYS_VALID: '1' } }),
      startBind({ zones: [{ name: zone }] }),
    ]);
  });

  it.concurrent.each(Object.entries(oracles))('%s', async (_name, { client, env, origin, service, ...oracle }) => {
    const fake = service(systemClock);
    if (!oracle.removesAny) fake.plant(foreign);
    fake.plant(beside);
    const atOnce: number[] = [];
    const internet = await startFakeInternet(
      {
        async handle(request) {
          const answer = await fake.api.handle(request);
          const ours = fake.values(zone).filter(({ name, value }) => name === challengeName && isDigest(value));
          atOnce.push(new Set(ours.map(({ value }) => value)).size);
          return answer;
        },
      },
      [origin].flat(),
    );
    if ('lego' in client) {
      const names = [zone, `*.${zone}`];
      await lego({ provider: client.lego, env, names, resolver: bind.server, ca: pebble, internet });
    } else {
      await acmeSh({ script: client.acmeSh, env, internet }, challengeName, [
        ...digests.map((value) => ({ action: 'add', value }) as const),
        // The last one first, since its script for Gandi cannot remove a value between two others.
        ...digests.toReversed().map((value) => ({ action: 'rm', value }) as const),
      ]);
    }
    expect(fake.api.unknown).toEqual([]);
    expect(internet.strays).toEqual([]);
    const isAllowed = (status: number) => status < 400 || oracle.mayRefuse?.includes(status);
    expect(fake.api.calls.filter(({ result }) => typeof result !== 'number' || !isAllowed(result))).toEqual([]);
    expect(Math.max(...atOnce)).toBe(2);
    expect(sorted(fake.values(zone))).toEqual(
      sorted(oracle.losesForeign || oracle.removesAny ? [beside] : [foreign, beside]),
    );
  });

  it.concurrent('acme-dns, whose values are at a name of its own and are not removed', async () => {
    const fake = acmeDns.testAcmeDns(systemClock);
    const { username, password, subdomain, fulldomain } = acmeDns.accountFor('www');
    const env = {
      ...{ ACMEDNS_BASE_URL: 'https://auth.example.test', ACMEDNS_USERNAME: username, ACMEDNS_PASSWORD: password },
      ...{ ACMEDNS_SUBDOMAIN: subdomain, ACMEDNS_FULLDOMAIN: fulldomain },
    };
    const internet = await startFakeInternet(fake.api, ['https://auth.example.test']);
    const steps = (['add', 'rm'] as const).flatMap((action) => digests.map((value) => ({ action, value })));
    await acmeSh({ script: 'dns_acmedns', env, internet }, challengeName, steps);
    expect([fake.api.unknown, internet.strays]).toEqual([[], []]);
    expect(fake.values(acmeDns.zone).map(({ value }) => value)).toEqual(digests);
  });
});

const isDigest = (value: string): boolean => /^[\w-]{43}$/.test(value);
const sorted = (values: readonly Pick<DnsValue, 'name' | 'value'>[]): readonly string[] =>
  values.map(({ name, value }) => `${name} ${value}`).sort();
