import { createHash, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Secret } from '../../src/core/errors/secret.ts';
import rfc2136 from '../../src/dns/rfc2136.ts';
import { testLocks } from '../../src/engine/locks/test-locks.ts';
import { createDns01, type Dns01Options } from '../../src/engine/solvers/dns01.ts';
import { createZones } from '../../src/engine/zones/zone.ts';
import { createWorld } from '../../src/lib/world.ts';
import type { Solver, SolverChallenge } from '../../src/ports/solver.ts';
import { type Bind, bindPrograms, startBind } from '../support/bind.ts';
import { freePort, until } from '../support/service.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

// What the servers of a zone, and visitors of its names, see while values come and go.

stopAllAfterwards();

const signal = new AbortController().signal;
const sha256 = (data: string | Uint8Array) => createHash('sha256').update(data).digest();
const note = async () => {};
const world = createWorld({ env: {}, log: { debug() {}, info() {}, warn() {} } });
afterAll(() => world.close());

function connect(bind: Bind, more: Partial<Dns01Options> = {}, key = bind.key): Solver {
  const { clock, dns } = world;
  const options = {
    ...{ server: bind.server, keyName: key.name, secret: new Secret(key.secret) },
    ...({ algorithm: 'hmac-sha256', ttl: 60, transport: 'tcp' } as const),
  };
  return createDns01({
    provider: rfc2136.connect({ name: 'dns', world, options }),
    ...{ type: 'rfc2136', traits: rfc2136.traits, locks: testLocks(clock) },
    zones: createZones({ dns, clock, resolvers: [{ address: bind.address, port: bind.port }], port: bind.port }),
    ...{ dns, clock, log: world.log, sha256 },
    ...more,
  });
}

function challenge(name: string): SolverChallenge {
  const token = randomBytes(16).toString('base64url');
  const identifier = { type: 'dns', value: name } as const;
  return {
    ...{ type: 'dns-01', identifier, token, keyAuthorization: `${token}.thumbprint`, lineage: 'test' },
    ...{ allIdentifiers: [identifier], remaining: 0 },
  };
}

describeWith(bindPrograms, 'while values come and go', () => {
  let bind: Bind;
  beforeAll(async () => {
    bind = await startBind({
      zones: [
        {
          name: 'example.test',
          records: ['@ A 192.0.2.1', '* A 192.0.2.7', 'www A 192.0.2.8', 'deep.a A 192.0.2.9', '*.sub A 192.0.2.10'],
        },
      ],
    });
  });

  it('no name’s address ever changes, and one that only a wildcard makes is refused first', async () => {
    const { dns } = world;
    const addressOf = async (name: string) => {
      const { answers } = await dns.query(bind, { name, type: 'A' }, signal);
      return answers.map(({ value }) => value).join(' ');
    };
    const names = [
      'example.test',
      'www.example.test',
      'deep.a.example.test',
      'ghost.example.test',
      'x.sub.example.test',
    ];
    const before = await Promise.all(names.map(addressOf));
    expect(before).toEqual(['192.0.2.1', '192.0.2.8', '192.0.2.9', '192.0.2.7', '192.0.2.10']);
    let isOver = false;
    let asked = 0;
    const seen = names.map(() => new Set<string>());
    const watching = names.map(async (name, at) => {
      while (!isOver) {
        seen[at]!.add(await addressOf(name));
        asked += 1;
      }
    });
    const solver = connect(bind);
    // An order for all of them; the two that exist only through a wildcard would make it vanish there.
    for (let round = 0; round < 10; round += 1)
      await Promise.all(
        names.map(async (name, at) => {
          const c = challenge(name);
          if (at >= 3) {
            await expect(solver.preflight?.(c.identifier, signal)).rejects.toMatchObject({
              code: 'preflight/hides-wildcard',
            });
            await expect(solver.present(c, note, signal)).rejects.toMatchObject({ code: 'preflight/hides-wildcard' });
            return;
          }
          const receipt = await solver.present(c, note, signal);
          await until(async () => (await solver.ready(c, receipt, signal)).ready, { what: 'the value is there' });
          await solver.cleanup(c, receipt, signal);
        }),
      );
    isOver = true;
    await Promise.all(watching);
    expect(seen.map((answers) => [...answers])).toEqual(before.map((address) => [address]));
    expect(asked).toBeGreaterThan(100);
    expect(await bind.txt('example.test')).toEqual([]);
  });
});

describeWith(bindPrograms, 'three servers of one zone', () => {
  let bind: Bind;
  let dead: string;
  beforeAll(async () => {
    bind = await startBind({ ipv6: true, secondary: 'on-demand' });
    dead = `127.0.0.1:${await freePort({ udp: true })}`;
  });
  const override = (third: string) => ({
    override: { zone: 'example.test', nameservers: [bind.server, `[::1]:${bind.port}`, third] },
  });

  it('one lagging: waits, over both families, and says which', async () => {
    const solver = connect(bind, override(bind.secondary!.server));
    const c = challenge('www.example.test');
    const receipt = await solver.present(c, note, signal);
    expect(await solver.ready(c, receipt, signal)).toEqual({
      ready: false,
      reason: `${bind.secondary!.server} does not have it yet`,
    });
    await bind.secondary!.refresh('example.test');
    expect(await solver.ready(c, receipt, signal)).toEqual({ ready: true });
    await solver.cleanup(c, receipt, signal);
    await bind.secondary!.refresh('example.test');
  });

  it('one dead: named, with the option that ignores it', async () => {
    const solver = connect(bind, { ...override(dead), timeoutMs: 300 });
    const c = challenge('www.example.test');
    const receipt = await solver.present(c, note, signal);
    const failing = until(async () => (await solver.ready(c, receipt, signal)).ready, { what: 'never', everyMs: 20 });
    await expect(failing).rejects.toMatchObject({
      code: 'dns/not-visible',
      message: expect.stringContaining(`${dead} cannot be asked: connection refused`),
      hint: expect.stringContaining(`\`ignoreNameservers: [${dead}]\``),
    });
    const ignoring = connect(bind, { ...override(dead), ignoreNameservers: [dead] });
    expect(await ignoring.ready(c, receipt, signal)).toEqual({ ready: true });
    const { hops } = await ignoring.describePath!(c.identifier, signal);
    expect(hops.map(({ finding }) => finding)).toContain(`${dead} is in ignoreNameservers, so it is not asked`);
    await solver.cleanup(c, receipt, signal);
  });

  it('a vantage point that sees another view holds the challenge back', async () => {
    const { address, port } = bind.secondary!;
    const solver = connect(bind, { vantagePoints: [{ address, port }] });
    const c = challenge('www.example.test');
    const receipt = await solver.present(c, note, signal);
    expect(await solver.ready(c, receipt, signal)).toMatchObject({
      ready: false,
      reason: `the vantage point ${bind.secondary!.server} does not see it yet`,
    });
    await bind.secondary!.refresh('example.test');
    expect(await solver.ready(c, receipt, signal)).toEqual({ ready: true });
    await solver.cleanup(c, receipt, signal);
  });
});

describeWith(bindPrograms, 'aliases', () => {
  let bind: Bind;
  beforeAll(async () => {
    bind = await startBind({
      keys: [{ name: 'acme' }, { name: 'other' }],
      zones: [
        {
          name: 'example.test',
          records: [
            ...['* CNAME wild.acme.other.test.', 'www A 192.0.2.1'],
            ...['_acme-challenge.far CNAME one', 'far A 192.0.2.1', 'one CNAME two.b.test.'],
          ],
        },
        { name: 'b.test', records: ['two CNAME three', 'three CNAME four.acme.other.test.'] },
        { name: 'acme.other.test', policy: ['grant other zonesub TXT;'] },
      ],
    });
  });
  afterAll(() => bind.stop());

  it('are followed over several hops and zones, but not one that a wildcard makes for every sibling', async () => {
    const [far, own] = [challenge('far.example.test'), challenge('www.example.test')];
    const others = connect(bind, {}, bind.keys[1]);
    expect(await others.present(far, note, signal)).toMatchObject({
      zone: 'acme.other.test',
      name: 'four.acme.other.test',
    });
    expect((await bind.txt('acme.other.test')).map(({ name }) => name)).toEqual(['four.acme.other.test']);
    await others.cleanup(far, undefined, signal);
    const solver = connect(bind);
    expect(await solver.present(own, note, signal)).toMatchObject({
      zone: 'example.test',
      name: '_acme-challenge.www.example.test',
    });
    await solver.cleanup(own, undefined, signal);
    expect([await bind.txt('acme.other.test'), await bind.txt('example.test')]).toEqual([[], []]);
  });

  it('into the zone of another key are refused in a sentence that names `zones`', async () => {
    const solver = connect(bind);
    await expect(solver.present(challenge('far.example.test'), note, signal)).rejects.toMatchObject({
      code: 'dns/delegated',
      message: expect.stringContaining(
        '_acme-challenge.far.example.test is an alias (CNAME) of four.acme.other.test, and rfc2136 cannot change the zone acme.other.test',
      ),
      hint: expect.stringContaining('`zones: { acme.other.test: SOLVER }`'),
    });
    expect(await bind.txt('acme.other.test')).toEqual([]);
  });
});
