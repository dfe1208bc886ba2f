import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeAll, expect, it } from 'vitest';
import { type Bind, bindPrograms, startBind } from '../support/bind.ts';
import { serveDnsApi } from '../support/dns-api.ts';
import { dnsApis } from '../support/dns-api-cases.ts';
import { buildCertfleet, type Certfleet, documents, stderrOf, succeeded } from '../support/e2e.ts';
import { sampled } from '../support/seeded.ts';
import { temporaryFolder, until } from '../support/service.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

// `certfleet dns test` against BIND and a secondary that the test can freeze.

stopAllAfterwards();

const zone = 'example.test';
const records = ['@ A 127.0.0.1', '* A 127.0.0.1', 'chosen A 127.0.0.1', '_acme-challenge.foreign TXT "foreign"'];

describeWith(bindPrograms, 'certfleet dns test', () => {
  let certfleet: Certfleet;
  let bind: Bind;
  beforeAll(async () => {
    [certfleet, bind] = await Promise.all([
      buildCertfleet(),
      startBind({ zones: [{ name: zone, records }], secondary: 'follows' }),
    ]);
  });

  /** Only the zone's own value, whatever happened. */
  const ours = async () => (await bind.txt(zone)).filter(({ value }) => value !== 'foreign');
  afterEach(async () => {
    bind.secondary?.resume();
    expect(await bind.txt(zone)).toEqual([{ name: `_acme-challenge.foreign.${zone}`, value: 'foreign' }]);
  });

  const servers = () => [bind.server, bind.secondary?.server ?? ''];
  async function home(secret = bind.key.secret, other: object = {}) {
    const folder = await temporaryFolder('dns-test');
    const [store, config, secretFile] = [join(folder, 'store'), join(folder, 'c.yaml'), join(folder, 'tsig')];
    await mkdir(join(store, 'meta'), { recursive: true, mode: 0o700 });
    await writeFile(secretFile, secret, { mode: 0o600 });
    const options = { server: bind.server, keyName: bind.key.name, secret: `file:${secretFile}` };
    const solver = { type: 'dns01', provider: 'rfc2136', options, dns: { zone, nameservers: servers() }, ...other };
    await writeFile(config, JSON.stringify({ store: { type: 'file', path: store }, solvers: { dns: solver } }));
    const run: Certfleet = (args, how) => certfleet([...args, '--config', config], how);
    return { folder, store, run, secretFile };
  }
  const test = ['dns', 'test', 'dns', zone];

  it('tries a declared solver, and tells the time of each step', async () => {
    const { run, store } = await home();
    const ran = await run(test);
    succeeded(ran);
    expect(
      ran.stdout
        .replaceAll(/ *\b\d+(\.\d+)? s\b/g, ' N s')
        .replaceAll(/\bcertfleet-test-\w+/g, 'RANDOM')
        .replaceAll(/127\.0\.0\.1:\d+/g, 'SERVER'),
    ).toBe(
      `Trying RFC 2136 dynamic update (BIND, Knot, PowerDNS…) with ${zone}.
✓ zone N s  _acme-challenge.RANDOM.${zone} is in the zone ${zone}, with 2 name servers at 2 addresses
✓ credentials N s  the provider takes the credentials for ${zone}
✓ added N s  a TXT value at _acme-challenge.RANDOM.${zone} with a TTL of N s
✓ visible N s  both servers have it; the last one was SERVER
✓ removed N s  the API took the removal
✓ gone N s  no server answers with it any more
Visible everywhere after N s; certfleet waits for at most 2 minutes.
TTL N s, as asked.
Nothing is left.
`,
    );
    expect(await documents(store, 'lineage')).toEqual(new Map());
  });

  it('tries a provider with options from the environment, without a store, and prints objects for programs', async () => {
    const env = {
      CERTFLEET_ROOT: await temporaryFolder('root'),
      CERTFLEET_RFC2136_SERVER: bind.server,
      CERTFLEET_RFC2136_KEY_NAME: bind.key.name,
      CERTFLEET_RFC2136_SECRET: bind.key.secret,
    };
    const asked = servers().flatMap((server) => ['--nameserver', server]);
    const argv = ['dns', 'test', 'rfc2136', zone, '--record', `_acme-challenge.chosen.${zone}`, ...asked];
    const people = await certfleet(argv, { env });
    succeeded(people);
    expect(stderrOf(people)).toMatch(
      /There is no store at \S+, so\s+nothing\s+is\s+journalled\. If this is killed, remove the TXT value \S{43} at _acme-challenge\.chosen\.example\.test yourself/,
    );
    const ran = await certfleet([...argv, '--json'], { env });
    succeeded(ran);
    expect(ran.events.map((one) => 'step' in one && one.step)).toEqual(
      expect.arrayContaining(['zone', 'check', 'add', 'visible', 'remove', 'gone']),
    );
    expect(ran.events.at(-1)).toMatchObject({
      ...{ object: 'dns-test', ok: true, zone, name: `_acme-challenge.chosen.${zone}` },
      ttl: { sent: 60, served: 60 },
      visible: { limitMs: 120_000, servers: servers().map((server) => ({ server })) },
    });
    expect(JSON.stringify(ran)).not.toContain(bind.key.secret);
  });

  it.each(sampled(dnsApis, 1, 'APIs').map((one) => [one.type, one] as const))(
    'tries %s, on a fake of its API',
    async (provider, one) => {
      const served = await serveDnsApi((origin) => one.fake(origin), { vendor: one.vendor, zone, server: bind });
      const options = { ...one.options, endpoint: `${served.origin}${one.path ?? ''}` };
      const { run, store } = await home(undefined, { provider, options });
      const ran = await run([...test, '--json']);
      succeeded(ran);
      expect(ran.events.at(-1)).toMatchObject({ object: 'dns-test', ok: true, provider, zone });
      expect([served.values(), served.api.unknown]).toEqual([[], []]);
      for (const secret of Object.values(one.options)) expect(ran.stdout + ran.stderr).not.toContain(secret);
      expect(await documents(store, 'lineage')).toEqual(new Map());
    },
  );

  it.each(
    sampled(
      [
        ['a sweep', ['sweep']],
        ['the next test', test],
      ],
      1,
      'killed tests',
    ),
  )('leaves a value when it is killed, which %s removes', async (_what, next) => {
    const { run, store } = await home();
    bind.secondary?.pause();
    const isAdded = until(async () => (await ours()).length > 0, { what: 'a value was added', deadlineMs: 15_000 });
    expect(await run(test, { killWhen: isAdded })).toMatchObject({ status: 'SIGKILL' });
    expect(await ours()).toHaveLength(1);
    const status = await run(['status']);
    expect(status.stdout).not.toContain('dns-test');
    bind.secondary?.resume();
    succeeded(await run(next));
    expect(await documents(store, 'lineage')).toEqual(new Map());
  });

  it.each(
    sampled(
      [
        ['SIGINT', 130],
        ['SIGTERM', 143],
      ],
      1,
      'signals',
    ),
  )('removes the value on %s', async (killWith, status) => {
    const { run, store } = await home();
    bind.secondary?.pause();
    const isAdded = until(async () => (await ours()).length > 0, { what: 'a value was added', deadlineMs: 15_000 });
    expect(await run(test, { killWhen: isAdded, killWith })).toMatchObject({ status });
    expect(await documents(store, 'lineage')).toEqual(new Map());
  });

  it.each(
    sampled(
      [
        ['a wrong key', () => home(Buffer.from('wrong').toString('base64')), test, 5, /another secret.*BADSIG/],
        ['a zone that is not there', home, ['dns', 'test', 'dns', 'other.test'], 5, /dns\/|other\.test/],
        ['a secret that cannot be read', async () => ({ ...(await home('')) }), test, 2, /tsig/],
        [
          'a solver without DNS',
          home,
          ['dns', 'test', 'web', zone],
          2,
          /dns test web: expected a DNS provider or the name of a declared solver/,
        ],
        ['a bad record', home, [...test, '--record', 'a b'], 2, /--record a b: expected a DNS name/],
        ['options of a declared solver', home, [...test, '--credentials', '/c.ini'], 2, /cannot change the solver/],
      ],
      2,
      'mistakes',
    ),
  )('says what is wrong: %s', async (_what, make, args, status, words) => {
    const { run, store } = await make();
    const ran = await run(args);
    expect([ran.status, stderrOf(ran)]).toEqual([status, expect.stringMatching(words)]);
    expect(await documents(store, 'lineage').catch(() => new Map())).toEqual(new Map());
  });
});
