import { X509Certificate } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { keys, testDnspodKeys } from '../../src/dns/test-dnspod.ts';
import { testDnspodToken, token, tokenId } from '../../src/dns/test-dnspod-token.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { type ServedDnsApi, serveDnsApi } from '../support/dns-api.ts';
import { desec } from '../support/dns-api-cases.ts';
import { itDrawn } from '../support/drawn.ts';
import { buildCertfleet, type Certfleet, documents, succeeded } from '../support/e2e.ts';
import { type Pebble, startPebble } from '../support/pebble.ts';
import { type Powerdns, powerdnsPrograms, startPowerdns } from '../support/powerdns.ts';
import { sampled } from '../support/seeded.ts';
import { temporaryFolder } from '../support/service.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

// What people ask for: apex and wildcard in one certificate, with DNSPod, credentials from a file, one command. And
// many names of one zone at a provider of whole sets, from several processes.

const zone = 'example.test';
/** Flags cannot name the servers of a zone, so they are found by its NS records, on port 53 of an address of its own. */
const address = `127.${[process.pid >> 8, process.pid, 53].map((n) => (n & 127) + 1).join('.')}`;
const names = `${zone},*.${zone}`;

/** Both of DNSPod’s APIs, and the credentials as certbot's plugins have them. */
const apis = [
  {
    what: 'a token of DNSPod',
    vendor: 'https://dnsapi.cn',
    fake: testDnspodToken,
    file: `dns_dnspod_api_id = ${tokenId}\ndns_dnspod_api_token = ${token}\n`,
  },
  {
    what: 'a key of Tencent Cloud',
    vendor: 'https://dnspod.tencentcloudapi.com',
    fake: testDnspodKeys,
    file: `dns_tencentcloud_secret_id = ${keys.secretId}\ndns_tencentcloud_secret_key = ${keys.secretKey}\n`,
  },
] as const;

describeWith(['pebble', ...powerdnsPrograms, 'nsupdate'], 'certificates over fake DNS APIs', () => {
  stopAllAfterwards();
  let certfleet: Certfleet;
  let powerdns: Powerdns;
  let pebble: Pebble;

  beforeAll(async () => {
    [certfleet, powerdns] = await Promise.all([buildCertfleet(), startPowerdns({ zones: [zone], address })]);
    pebble = await startPebble({ dnsServer: powerdns.server });
  });

  const serve = ({ vendor, fake }: (typeof apis)[number]): Promise<ServedDnsApi> =>
    serveDnsApi(() => fake(systemClock), { vendor, zone, server: powerdns });

  it.each(sampled(apis, 1, 'keys'))(
    'apex and wildcard with DNSPod, $what: certfleet’s form and certbot’s',
    async (one) => {
      const served = await serve(one);
      for (const form of ['certfleet', 'certbot'] as const) {
        const folder = await temporaryFolder('dnspod');
        const [store, credentials] = [join(folder, 'store'), join(folder, 'dnspod.ini')];
        await writeFile(credentials, one.file, { mode: 0o600 });
        const how =
          form === 'certfleet'
            ? ['--dns', 'dnspod', '--dns-option', `credentials=${credentials}`]
            : ['--dns-dnspod', '--dns-dnspod-credentials', credentials, '--dns-dnspod-propagation-seconds', '1'];
        const ca = ['--issuer', pebble.directoryUrl, '--ca-file', pebble.caFile, '--agree-tos'];
        const place = ['--resolver', powerdns.server, '--store', store, '--deploy', `files:${join(folder, 'certs')}`];
        const ran = await certfleet(['issue', '-d', names, ...how, ...ca, ...place], {
          env: { CERTFLEET_DNSPOD_ENDPOINT: served.origin },
        });
        succeeded(ran);
        const certificate = new X509Certificate(await readFile(join(folder, `certs/live/${zone}/cert.pem`)));
        expect(certificate.subjectAltName?.split(', ').toSorted()).toEqual([`DNS:*.${zone}`, `DNS:${zone}`]);
        expect(served.values()).toEqual([]);
        expect(served.api.unknown).toEqual([]);
        expect(ran.stdout + ran.stderr).not.toContain(token);
        // The file is named in the lineage; what is in it stays there.
        for (const text of (await documents(store, 'lineage')).values()) expect(text).not.toContain(token);
      }
    },
  );

  itDrawn('three processes at once in one zone of deSEC: no value is lost, and the values of others stay', async () => {
    const others = ['0', '5'].map((n) => ({
      ...{ zone, name: `_acme-challenge.n${n}.${zone}`, value: 'of-another-program', ttl: 3600 },
    }));
    const served = await serveDnsApi(
      (origin) => {
        const fake = desec.fake(origin);
        for (const value of others) fake.plant(value);
        return fake;
      },
      { vendor: desec.vendor, zone, server: powerdns },
    );
    const folder = await temporaryFolder('desec');
    const config = join(folder, 'certfleet.yaml');
    const hosts = Array.from({ length: 10 }, (_, n) => `n${n}.${zone}`);
    const own = [hosts.slice(0, 5), hosts.slice(5), hosts].map((all, at) => ({
      ...{ name: `c${at}`, identifiers: all.flatMap((host) => [host, `*.${host}`]) },
      ...{ issuer: 'pebble', solver: 'dns', deploy: [] },
    }));
    await writeFile(
      config,
      JSON.stringify({
        store: { type: 'file', path: join(folder, 'store') },
        issuers: { pebble: { directory: pebble.directoryUrl, caFile: pebble.caFile, agreeToTerms: true, test: true } },
        solvers: {
          dns: {
            ...{ type: 'dns01', provider: 'desec' },
            options: { ...desec.options, endpoint: `${served.origin}${desec.path}` },
          },
        },
        certificates: own,
        preflight: { resolvers: [powerdns.server] },
      }),
    );
    const runs = await Promise.all(own.map(({ name }) => certfleet(['issue', name, '--config', config, '--json'])));
    for (const ran of runs) succeeded(ran);
    const left = served.values().toSorted((a, b) => a.name.localeCompare(b.name));
    expect(left).toEqual(others.map(({ name, value }) => ({ name, value })));
    // Three processes with 40 values: each has at least two writes of its own.
    const writes = served.api.count('PATCH /api/v1/domains/example.test/rrsets/');
    expect(writes).toBeGreaterThanOrEqual(6);
    expect(writes).toBeLessThanOrEqual(15);
    expect([...(await documents(join(folder, 'store'), 'lock')).keys()]).toEqual([]);
  });
});
