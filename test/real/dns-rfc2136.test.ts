import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Secret } from '../../src/core/errors/secret.ts';
import rfc2136 from '../../src/dns/rfc2136.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { createWorld } from '../../src/lib/world.ts';
import type { DnsValue, SetsProvider } from '../../src/ports/dns-provider.ts';
import type { World } from '../../src/ports/world.ts';
import { type DnsProviderBench, dnsProviderContract } from '../../src/testing/dns-provider-contract.ts';
import { type Bind, bindPrograms, startBind } from '../support/bind.ts';
import { drawnExcept } from '../support/drawn.ts';
import { knotPrograms, startKnot } from '../support/knot.ts';
import { powerdnsPrograms, startPowerdns } from '../support/powerdns.ts';
import { sampled } from '../support/seeded.ts';
import { freePort } from '../support/service.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

stopAllAfterwards();

const signal = new AbortController().signal;
const algorithms = ['hmac-sha256', 'hmac-sha512', 'hmac-sha384', 'hmac-sha224', 'hmac-sha1', 'hmac-md5'] as const;
const value = { zone: 'example.test', name: '_acme-challenge.example.test', value: 'abc', ttl: 60 };

/** Adds or removes one value, as `dns01` does. */
const change = (
  provider: SetsProvider,
  { zone, name, value: one, ttl }: DnsValue,
  isRemoval = false,
): Promise<void> => {
  const [add, remove] = isRemoval ? [[], [one]] : [[one], []];
  return provider.write(zone, [{ name, add, remove, before: undefined, after: add, ttl }], signal);
};

describeWith(bindPrograms, 'rfc2136 on BIND', () => {
  let bind: Bind;
  let world: World;
  const lines: string[] = [];
  const wrong = randomBytes(32).toString('base64');

  beforeAll(async () => {
    const log = (line: string) => void lines.push(line);
    world = createWorld({ env: {}, log: { debug: log, info: log, warn: log } });
    bind = await startBind({
      ipv6: true,
      keys: [
        { name: 'acme' },
        ...algorithms.map((algorithm) => ({ name: algorithm, algorithm })),
        { name: 'stranger' },
      ],
      zones: [
        {
          name: 'example.test',
          records: ['sub NS ns1', '_acme-challenge.alias CNAME elsewhere'],
          policy: ['grant acme zonesub ANY;', ...algorithms.map((name) => `grant ${name} zonesub TXT;`)],
        },
        { name: 'sub.example.test' },
      ],
    });
  });
  afterAll(async () => {
    await bind.stop();
    await world.close();
  });

  const connect = (
    more: Partial<Parameters<typeof rfc2136.connect>[0]['options']> = {},
    inWorld = world,
  ): SetsProvider =>
    rfc2136.connect({
      name: 'dns',
      world: inWorld,
      options: {
        server: bind.server,
        keyName: 'acme',
        secret: new Secret(bind.key.secret),
        algorithm: 'hmac-sha256',
        ttl: 60,
        transport: 'tcp',
        ...more,
      },
    });

  const empty = async () => {
    for (const zone of ['example.test', 'sub.example.test'])
      for (const name of new Set((await bind.txt(zone)).map((one) => one.name)))
        await bind.update(zone, `delete ${name}. TXT`);
  };

  for (const transport of sampled(['tcp', 'udp'] as const, 1, 'transports'))
    describe(`over ${transport}`, () => {
      dnsProviderContract(drawnExcept(/is there after append/), async (): Promise<DnsProviderBench> => {
        lines.length = 0;
        const nobody = await freePort({ udp: true });
        return {
          ...{ traits: rfc2136.traits, clock: systemClock },
          zone: 'example.test',
          subZone: 'sub.example.test',
          connect: () => connect({ transport }),
          connectRefused: () => connect({ transport, secret: new Secret(wrong) }),
          connectUnreachable: () => connect({ transport, server: `127.0.0.1:${nobody}` }),
          values: (zone) => bind.txt(zone),
          plant: ({ zone, name, value }) => bind.update(zone, `add ${name}. 60 TXT "${value}"`),
          secrets: [bind.key.secret, wrong],
          logged: () => lines,
          stop: empty,
        };
      });
    });

  it.each(algorithms)('signs and verifies with %s', async (algorithm) => {
    const key = bind.keys.find((one) => one.name === algorithm)!;
    const provider = connect({ keyName: key.name, algorithm, secret: new Secret(key.secret) });
    await change(provider, value);
    expect(await bind.txt('example.test')).toEqual([{ name: value.name, value: 'abc' }]);
    await change(provider, value, true);
    expect(await bind.txt('example.test')).toEqual([]);
  });

  it('cuts a value of more than 255 octets into strings', async () => {
    const long = { ...value, value: `ca.test; accounturi=https://ca.test/${'x'.repeat(500)}` };
    await change(connect(), long);
    expect(await bind.txt('example.test')).toEqual([{ name: value.name, value: long.value }]);
    await change(connect(), long, true);
    expect(await bind.txt('example.test')).toEqual([]);
  });

  it('reaches the server by name and over IPv6', async () => {
    for (const server of [`localhost:${bind.port}`, `[::1]:${bind.port}`]) {
      const provider = connect({ server });
      await change(provider, value);
      await change(provider, value, true);
    }
    const provider = connect({ server: 'no-such-host.invalid' });
    await expect(change(provider, value)).rejects.toMatchObject({ code: 'dns/unreachable' });
  });

  it('says why the server refuses', async () => {
    const stranger = bind.keys.find((one) => one.name === 'stranger')!;
    const refusal = (provider: SetsProvider, of = value) =>
      change(provider, of).then(
        () => 'accepted',
        (error: Error) => error.message,
      );
    expect(await refusal(connect({ secret: new Secret(wrong) }))).toContain('BADSIG');
    expect(await refusal(connect({ keyName: 'unknown' }))).toContain('BADKEY');
    expect(await refusal(connect({ algorithm: 'hmac-sha512' }))).toMatch(/BADKEY|BADSIG/);
    expect(await refusal(connect({ keyName: 'stranger', secret: new Secret(stranger.secret) }))).toContain('REFUSED');
    expect(await refusal(connect(), { ...value, zone: 'nowhere.test', name: 'a.nowhere.test' })).toContain('NOTAUTH');
    expect(await refusal(connect(), { ...value, name: 'a.nowhere.test' })).toContain('NOTZONE');
  });

  it('names the difference of the clocks', async () => {
    const hour = 3_600_000;
    const late: World = { ...world, clock: { ...systemClock, now: () => new Date(Date.now() + hour) } };
    await expect(change(connect({}, late), value)).rejects.toMatchObject({
      code: 'dns/clock-skew',
      hint: expect.stringContaining('clocks'),
      message: expect.stringMatching(/differ by (3599|3600|3601) s \(BADTIME\)/),
    });
  });

  it('like nsupdate, gets no error if a CNAME prevents the TXT', async () => {
    const aliased = { ...value, name: '_acme-challenge.alias.example.test' };
    await change(connect(), aliased);
    expect(await bind.txt('example.test')).toEqual([]);
  });

  it('rejects an answer that is unsigned, changed, or signed with another key', async () => {
    // Between us and BIND: passes one UDP update on and changes the answer.
    const between = async (altered: (answer: Buffer) => Buffer) => {
      const front = createSocket('udp4');
      front.bind(0, '127.0.0.1');
      await once(front, 'listening');
      front.on('message', (message, from) => {
        const back = createSocket('udp4');
        back.on('message', (answer) => {
          back.close();
          front.send(altered(answer), from.port, from.address);
        });
        back.send(message, bind.port, '127.0.0.1');
      });
      const provider = connect({ transport: 'udp', server: `127.0.0.1:${front.address().port}` });
      const error = await change(provider, value).then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      front.close();
      return error;
    };
    const flip = (at: (length: number) => number) => (answer: Buffer) => {
      const changed = Buffer.from(answer);
      changed[at(answer.length)]! ^= 1;
      return changed;
    };
    expect(await between((answer) => answer)).toBeUndefined();
    const bad = { code: 'dns/bad-answer' };
    // Only the header, without its signature.
    const bare = (answer: Buffer) => Buffer.concat([answer.subarray(0, 4), Buffer.alloc(8)]);
    expect(await between(bare)).toMatchObject({ ...bad, message: expect.stringContaining('not signed') });
    // A flag in the header, and a byte of the MAC (original id, error and other length are the next 6 bytes).
    expect(await between(flip(() => 2))).toMatchObject({
      ...bad,
      message: expect.stringContaining('signature is wrong'),
    });
    expect(await between(flip((length) => length - 10))).toMatchObject({
      ...bad,
      message: expect.stringContaining('signature is wrong'),
    });
    expect(await between((answer) => answer.subarray(0, answer.length - 1))).toMatchObject(bad);
    await change(connect(), value, true);
  });

  it('changes 500 names in one update, over UDP too', async () => {
    const names = Array.from({ length: 500 }, (_, at) => `_acme-challenge.n${at}.example.test`);
    const all = { before: undefined, ttl: 60 };
    const provider = connect({ transport: 'udp' });
    const add = names.map((name) => ({ ...all, name, add: ['a', 'b'], remove: [], after: ['a', 'b'] }));
    await provider.write('example.test', add, signal);
    expect(await bind.txt('example.test')).toHaveLength(1000);
    const swap = names.map((name) => ({ ...all, name, add: ['c'], remove: ['a', 'b'], after: ['c'] }));
    await provider.write('example.test', swap, signal);
    expect(new Set((await bind.txt('example.test')).map((one) => one.value))).toEqual(new Set(['c']));
    await provider.write(
      'example.test',
      names.map((name) => ({ ...all, name, add: [], remove: ['c'], after: [] })),
      signal,
    );
    expect(await bind.txt('example.test')).toEqual([]);
  });

  it('shows no secret on any command line', async () => {
    const { stdout } = await new Promise<{ stdout: string }>((resolve, reject) =>
      execFile('ps', ['-eo', 'args'], (error, out) => (error ? reject(error) : resolve({ stdout: out }))),
    );
    expect(stdout).not.toContain(bind.key.secret);
  });
});

const zones = ['example.test', 'sub.example.test'];
const others = [
  { name: 'Knot', programs: knotPrograms, start: () => startKnot(zones) },
  { name: 'PowerDNS', programs: powerdnsPrograms, start: () => startPowerdns({ zones }) },
];
for (const { name, programs, start } of sampled(others, 1, 'servers of others'))
  describeWith([...programs, 'nsupdate'], `rfc2136 on ${name}`, () => {
    const lines: string[] = [];
    const log = (line: string) => void lines.push(line);
    const world = createWorld({ env: {}, log: { debug: log, info: log, warn: log } });
    const wrong = randomBytes(32).toString('base64');
    let server: Awaited<ReturnType<typeof start>>;
    beforeAll(async () => {
      server = await start();
    });
    afterAll(() => world.close());

    const connect = (secret = server.key.secret, at = server.server) =>
      rfc2136.connect({
        ...{ name: 'dns', world },
        options: {
          ...{ server: at, keyName: server.key.name, secret: new Secret(secret) },
          ...({ algorithm: 'hmac-sha256', ttl: 60, transport: 'tcp' } as const),
        },
      });
    const update = async (zone: string, ...updates: readonly string[]) => {
      const [host, port] = server.server.split(':');
      const { algorithm, name: key, secret } = server.key;
      const script = [
        `server ${host} ${port}`,
        `key ${algorithm}:${key} ${secret}`,
        `zone ${zone}`,
        ...updates,
        'send',
        '',
      ];
      const updating = promisify(execFile)('nsupdate', []);
      updating.child.stdin?.end(script.join('\n'));
      await updating;
    };

    dnsProviderContract(drawnExcept(/is there after append/), async (): Promise<DnsProviderBench> => {
      lines.length = 0;
      const nobody = await freePort({ udp: true });
      return {
        ...{ zone: 'example.test', subZone: 'sub.example.test', traits: rfc2136.traits, clock: systemClock },
        connect: () => connect(),
        connectRefused: () => connect(wrong),
        connectUnreachable: () => connect(wrong, `127.0.0.1:${nobody}`),
        values: (zone) => server.txt(zone),
        plant: ({ zone, name: at, value: one }) => update(zone, `update add ${at}. 60 TXT "${one}"`),
        secrets: [server.key.secret, wrong],
        logged: () => lines,
        async stop() {
          for (const zone of zones)
            for (const at of new Set((await server.txt(zone)).map((one) => one.name)))
              await update(zone, `update delete ${at}. TXT`);
        },
      };
    });

    it('changes 100 names in one update', async () => {
      const names = Array.from({ length: 100 }, (_, at) => `_acme-challenge.n${at}.example.test`);
      const all = { before: undefined, ttl: 60 };
      await connect().write(
        'example.test',
        names.map((at) => ({ ...all, name: at, add: ['a', 'b'], remove: [], after: ['a', 'b'] })),
        signal,
      );
      expect(await server.txt('example.test')).toHaveLength(200);
      await connect().write(
        'example.test',
        names.map((at) => ({ ...all, name: at, add: [], remove: ['a', 'b'], after: [] })),
        signal,
      );
      expect(await server.txt('example.test')).toEqual([]);
    });
  });
