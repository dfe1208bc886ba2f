import { describe, expect, it } from 'vitest';
import { Secret } from '../core/errors/secret.ts';
import { createZoneWriter } from '../engine/solvers/zone-writer.ts';
import type { World } from '../ports/world.ts';
import { dnsApiContract } from '../testing/dns-api-contract.ts';
import { fakeClock } from '../testing/fake-clock.ts';
import google from './google.ts';
import bench, { clientEmail, fakeGoogle, privateKeyPem, project } from './test-google.ts';

dnsApiContract(it, bench);

const { signal } = new AbortController();
const value = { zone: 'example.test', name: '_acme-challenge.example.test', value: 'abc', ttl: 60 };
const keyOptions = { clientEmail, privateKey: new Secret(privateKeyPem), project };

function start(options: object = keyOptions) {
  const clock = fakeClock(undefined, { auto: true });
  const fake = fakeGoogle(clock);
  const log = { debug() {}, info() {}, warn() {} };
  const random = { bytes: (length: number) => new Uint8Array(length), number: () => 0 };
  const world = { clock, random, log, http: () => fake.api.http } as unknown as World;
  const provider = google.connect({ name: 'dns', world, options: google.options.parse(options) });
  const writer = createZoneWriter({
    ...{ provider, clock, traits: google.traits },
    lock: (_resource, over, change) => change(over),
  });
  const zone = fake.zones.find(({ dnsName, visibility }) => dnsName === 'example.test.' && visibility === 'public')!;
  return { ...fake, clock, provider, writer, zone };
}

describe('a change', () => {
  it('is one for all names of the zone, with one token', async () => {
    const { writer, api, values, claims } = start();
    const names = ['', 'a.', 'b.'].map((host) => `_acme-challenge.${host}example.test`);
    await Promise.all(names.flatMap((name) => ['x', 'y'].map((v) => writer.add({ ...value, name, value: v }, signal))));
    expect(values('example.test')).toHaveLength(6);
    expect(api.calls.filter(({ method, path }) => method === 'POST' && path.endsWith('/changes'))).toHaveLength(1);
    expect(claims).toEqual([
      {
        iss: clientEmail,
        scope: 'https://www.googleapis.com/auth/ndev.clouddns.readwrite',
        aud: 'https://oauth2.googleapis.com/token',
        iat: expect.any(Number),
        exp: expect.any(Number),
      },
    ]);
  });

  it('keeps the TTL and the values of others word for word', async () => {
    const { writer, zone } = start();
    const theirs = ['"one" "two"', String.raw`"a \"b\" \\ \195\164"`];
    zone.sets.push({ name: `${value.name}.`, type: 'TXT', ttl: 300, rrdatas: theirs });
    await writer.add(value, signal);
    expect(zone.sets).toMatchObject([{ ttl: 300, rrdatas: [...theirs, '"abc"'] }]);
    await writer.remove(value, undefined, signal);
    expect(zone.sets).toMatchObject([{ ttl: 300, rrdatas: theirs }]);
  });

  it.each([
    ['there already', undefined, 'theirs'],
    ['with other values', ['others'], 'theirs'],
    ['gone', ['gone'], undefined],
  ])('of a set that is %s is a conflict', async (_what, values, there) => {
    const { provider, plant, values: now } = start();
    if (there !== undefined) plant({ ...value, value: there });
    const before = values && { values, ttl: 60 };
    const change = { name: value.name, add: ['abc'], remove: [], before, after: ['abc'], ttl: 60 };
    await expect(provider.write('example.test', [change], signal)).rejects.toMatchObject({ code: 'dns/conflict' });
    expect(now('example.test').map((one) => one.value)).toEqual(there === undefined ? [] : [there]);
  });

  it('gets a new token if the old one is not taken any more, or ends soon', async () => {
    const { provider, expireTokens, clock, claims } = start();
    await provider.check?.('example.test', signal);
    expireTokens();
    await provider.check?.('example.test', signal);
    expect(claims).toHaveLength(2);
    await clock.sleep(56 * 60_000, signal);
    await provider.check?.('example.test', signal);
    expect(claims).toHaveLength(3);
  });

  it('without a file uses the service account and the project of the machine', async () => {
    const { writer, values, claims } = start({});
    await writer.add(value, signal);
    expect(values('example.test')).toHaveLength(1);
    expect(claims).toEqual([]);
  });
});

describe('the check', () => {
  it.each<[string, object, string, string, string]>([
    ['an unknown project', { project: 'other-project' }, 'example.test', 'Permission denied', 'role DNS Administrator'],
    ['an unknown zone', {}, 'other.test', 'the project has no zone other.test', 'Set `project`'],
    ['a private zone', {}, 'private.test', 'is private', 'Set `project`'],
    ['two zones of one name', {}, 'twice.test', '2 public zones twice.test', 'Set `managedZone`'],
    [
      'an unknown name',
      { managedZone: 'gone' },
      'example.test',
      "named 'gone' does not exist",
      'Check `project` and `managedZone`',
    ],
    [
      'the name of another zone',
      { managedZone: 'z4-sub-example-test' },
      'example.test',
      'is sub.example.test.',
      'Set `managedZone`',
    ],
    [
      'an unknown account',
      { clientEmail: 'x@y.test' },
      'example.test',
      'account not found',
      'Check `clientEmail` and `privateKey`',
    ],
  ])('says what is wrong with %s', async (_what, options, zone, reason, hint) => {
    const { provider, addZone } = start({ ...keyOptions, ...options });
    addZone('private.test', 'private');
    for (let twice = 0; twice < 2; twice++) addZone('twice.test');
    await expect(provider.check?.(zone, signal)).rejects.toMatchObject({
      code: 'dns/refused',
      message: expect.stringContaining(reason),
      hint: expect.stringContaining(hint),
    });
  });

  it('takes the name of the zone', async () => {
    const { provider, api } = start({ ...keyOptions, managedZone: 'z2-example-test' });
    await provider.check?.('example.test', signal);
    expect(api.calls.at(-1)?.path).toBe(`/dns/v1/projects/${project}/managedZones/z2-example-test/rrsets`);
  });

  it('says that the clock is wrong', async () => {
    const { provider, api } = start();
    const error_description =
      'Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe.';
    api.fault({ kind: 'status', status: 400, body: { error: 'invalid_grant', error_description } });
    await expect(provider.check?.('example.test', signal)).rejects.toMatchObject({ code: 'dns/clock-skew' });
  });

  it('says that there is no metadata server', async () => {
    const { provider, api } = start({});
    api.fault({ kind: 'unreachable' }, { times: 9 });
    await expect(provider.check?.('example.test', signal)).rejects.toMatchObject({
      code: 'config/no-metadata',
      hint: expect.stringContaining('`credentials`'),
    });
  });
});

it.each([
  [{ clientEmail }, 'privateKey'],
  [{ privateKey: new Secret(privateKeyPem) }, 'clientEmail'],
  [{ clientEmail, privateKey: new Secret(privateKeyPem) }, 'project'],
  [{ audience: '//iam', credentials: '/file' }, 'project'],
  [{ audience: '//iam', project }, 'credentials'],
  [{ ...keyOptions, privateKey: new Secret('none') }, '`privateKey` is no RSA key'],
])('names the option that is missing or wrong', (options, words) => {
  expect(() => start(options)).toThrow(words);
});
