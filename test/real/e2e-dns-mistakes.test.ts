import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { dnsReadToken, oneZoneToken, testCloudflare, wrongToken } from '../../src/dns/test-cloudflare.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { type Bind, bindPrograms, startBind } from '../support/bind.ts';
import { type ServedDnsApi, serveDnsApi } from '../support/dns-api.ts';
import { desec } from '../support/dns-api-cases.ts';
import { buildCertfleet, type Certfleet, documents, outcomesOf, stderrOf } from '../support/e2e.ts';
import { type Pebble, startPebble } from '../support/pebble.ts';
import { sampled } from '../support/seeded.ts';
import { temporaryFolder } from '../support/service.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

// The mistakes of a first certificate: each is one sentence that names the option and where to mend it.

const zone = 'example.test';
/** Served by BIND, and in no account. */
const lacking = 'lacking.test';

interface Mistake {
  readonly what: string;
  readonly provider: 'cloudflare' | 'desec';
  readonly token: string;
  readonly name: string;
  readonly message: string;
  readonly hint: string;
  /** The API shows it before the order. */
  readonly early: boolean;
}

const mistakes: readonly Mistake[] = [
  {
    ...{ what: 'a wrong token', provider: 'cloudflare', token: wrongToken, name: `www.${zone}`, early: true },
    message: 'Cloudflare refused to change example.test: 9109: Invalid access token',
    hint: 'Check `token`: Cloudflare does not accept it, or it lacks the permission Zone → Zone → Read. Tokens are made at https://dash.cloudflare.com/profile/api-tokens.',
  },
  {
    ...{
      what: 'a zone that the account lacks',
      provider: 'cloudflare',
      token: oneZoneToken,
      name: lacking,
      early: true,
    },
    message: 'Cloudflare refused to change lacking.test: `token` has no access to a zone lacking.test',
    hint: 'Check that lacking.test is in this Cloudflare account, and add it to the zones of `token` at https://dash.cloudflare.com/profile/api-tokens.',
  },
  {
    ...{ what: 'no right to write', provider: 'cloudflare', token: dnsReadToken, name: `www.${zone}`, early: false },
    message: 'Cloudflare refused to change _acme-challenge.www.example.test: 10000: Authentication error',
    hint: 'Give `token` the permission Zone → DNS → Edit for example.test at https://dash.cloudflare.com/profile/api-tokens.',
  },
  {
    ...{ what: 'a wrong token', provider: 'desec', token: wrongToken, name: `www.${zone}`, early: true },
    message: 'deSEC refused to change example.test: ',
    hint: 'Check `token`: deSEC does not accept it. Tokens are made at https://desec.io/tokens.',
  },
  {
    ...{
      what: 'a zone that the account lacks',
      provider: 'desec',
      token: desec.options['token']!,
      name: lacking,
      early: true,
    },
    message: 'deSEC refused to change lacking.test: ',
    // The test’s API is at an endpoint of its own, which may be what is wrong.
    hint: 'The account has no domain lacking.test: add it at https://desec.io/domains, or use the token of another account. Or check `endpoint`: it may lack the API’s path.',
  },
];

describeWith(['pebble', ...bindPrograms], 'a first certificate', () => {
  stopAllAfterwards();
  let certfleet: Certfleet;
  let bind: Bind;
  let pebble: Pebble;
  let served: Record<Mistake['provider'], ServedDnsApi>;
  beforeAll(async () => {
    [certfleet, bind] = await Promise.all([
      buildCertfleet(),
      startBind({ zones: [zone, lacking].map((name) => ({ name, records: ['@ A 127.0.0.1', 'www A 127.0.0.1'] })) }),
    ]);
    pebble = await startPebble({ dnsServer: bind.server });
    const place = { zone, server: bind };
    served = {
      cloudflare: await serveDnsApi(() => testCloudflare(systemClock), {
        ...place,
        vendor: 'https://api.cloudflare.com',
      }),
      desec: await serveDnsApi(desec.fake, { ...place, vendor: desec.vendor }),
    };
  });

  const homeFor = async ({ provider, token, name }: Mistake) => {
    const folder = await temporaryFolder('mistake');
    const [store, config, secret] = ['store', 'certfleet.yaml', 'token'].map((file) => join(folder, file));
    await mkdir(join(folder, 'files'));
    await writeFile(secret!, token, { mode: 0o600 });
    const path = provider === 'cloudflare' ? '/client/v4' : desec.path;
    await writeFile(
      config!,
      JSON.stringify({
        store: { type: 'file', path: store },
        issuers: { pebble: { directory: pebble.directoryUrl, caFile: pebble.caFile, agreeToTerms: true, test: true } },
        solvers: {
          dns: {
            ...{ type: 'dns01', provider },
            options: { token: `file:${secret}`, endpoint: `${served[provider].origin}${path}` },
            dns: { zone: name === lacking ? lacking : zone, nameservers: [bind.server] },
          },
        },
        certificates: [{ name: 'abc', identifiers: [name, `*.${name}`], issuer: 'pebble', solver: 'dns' }],
        preflight: { resolvers: [bind.server] },
      }),
    );
    return { store: store!, run: (...args: string[]) => certfleet([...args, '--config', config!]) };
  };

  describe.each(sampled(mistakes, 2, 'mistakes'))('$what at $provider', (mistake) => {
    const { message, hint, token, early, provider } = mistake;

    it('is one sentence of `issue` with the option and the place', async () => {
      const { store, run } = await homeFor(mistake);
      const told = await run('issue', '--json');
      expect(told.status, stderrOf(told)).toBe(5);
      const [outcome] = outcomesOf(told);
      expect(outcome).toMatchObject({ code: 'dns/refused', message: expect.stringContaining(message) });
      expect(outcome!['hint']).toBe(`Nothing was changed. ${hint}`);
      expect(told.stdout + told.stderr).not.toContain(token);
      expect(served[provider].values()).toEqual([]);
      // A name in the CA's limits is spent only if the API takes the credentials.
      const [lineage] = [...(await documents(store, 'lineage')).values()].map((text) => JSON.parse(text));
      expect(lineage?.work?.order?.url !== undefined, JSON.stringify(lineage)).toBe(!early);
      expect(lineage?.tombstones).toBeUndefined();
      const shown = await run('issue');
      expect(stderrOf(shown)).toContain(hint);
    });

    it('is what `doctor` shows, as far as reading can tell', async () => {
      const { run } = await homeFor(mistake);
      const drawn = await run('doctor', 'abc');
      const words = drawn.stdout.replaceAll(/[│\s]+/g, ' ');
      if (early) {
        expect(words).toContain(`✗ solver ${message}`);
        expect(words).toContain(`→ Nothing was changed. ${hint}`);
      } else expect(words).toContain(`✓ solver the DNS provider takes the credentials for ${zone}`);
    });
  });
});
