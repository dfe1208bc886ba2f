import { createServer, type Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import type { Engine } from '../../src/engine/engine.ts';
import { createLooks } from '../../src/engine/looks/looks.ts';
import { lookAtPath } from '../../src/engine/looks/request-path.ts';
import { createServerPoll } from '../../src/engine/zones/server-poll.ts';
import { createZones } from '../../src/engine/zones/zone.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { createDns } from '../../src/lib/dns/dns.ts';
import { createVantage } from '../../src/lib/vantage.ts';
import {
  type Answering,
  descriptorsDuring,
  startHostileDns,
  startSilentServers,
  types,
  wireName,
} from '../support/hostile-dns.ts';
import { atEnd } from '../support/service.ts';
import { stopAllAfterwards } from '../support/vitest.ts';

// A zone of an attacker, asked over real sockets: what it can make certfleet send, open and print.

stopAllAfterwards();

const signal = new AbortController().signal;
const zone = 'evil.test';
const value = { zone, name: `_acme-challenge.${zone}`, value: 'abc' };

/** An address of 127.0.0.0/8, another one for each number. */
const loopback = (number: number): Buffer => Buffer.from([127, 1 + (number >> 16), (number >> 8) & 255, number & 255]);
const soa = Buffer.concat([wireName('ns'), wireName('x'), Buffer.alloc(20)]);

/** 2,500 name servers with 40 addresses each; the name itself has 1,000. */
const evil: Answering = (name, type) => {
  if (type === types.SOA && name === zone) return { answers: [{ name, type, data: soa }] };
  if (type === types.NS && name === zone)
    return { answers: Array.from({ length: 2_500 }, (_, at) => ({ name, type, data: wireName(`n${at}.ns`) })) };
  if (type === types.A) {
    const first = name === zone ? 0 : Number(/^n(\d+)\.ns$/.exec(name)?.[1]) * 64;
    return {
      answers: Array.from({ length: name === zone ? 1_000 : 40 }, (_, at) => ({
        name,
        type,
        data: loopback(first + at),
      })),
    };
  }
  return { authorities: [{ name: zone, type: types.SOA, data: soa }] };
};

describe('a zone with 2,500 name servers of 40 addresses each', () => {
  const setUp = async () => {
    const [resolver, silent] = await Promise.all([startHostileDns(evil), startSilentServers()]);
    const warnings: string[] = [];
    const dns = createDns(systemClock);
    const zones = createZones({
      ...{ dns, clock: systemClock, resolvers: [resolver.server], port: silent.port },
      log: { warn: (line) => void warnings.push(line) },
    });
    return { resolver, silent, warnings, dns, zones };
  };

  it('makes few queries and opens few descriptors, and the warnings say what was left out', async () => {
    const { zones, resolver, warnings } = await setUp();
    const { result, most } = await descriptorsDuring(() => zones.nameservers(zone, signal));
    expect(result).toHaveLength(256);
    // NS over UDP and over TCP; A twice, since 40 addresses are truncated, and AAAA, for each of 16.
    expect(resolver.questions.length).toBeLessThanOrEqual(2 + 16 * 3);
    // The test's server has descriptors for its TCP connections, too.
    expect(most).toBeLessThanOrEqual(2 * 32 + 10);
    expect(warnings).toEqual([
      'evil.test has 2500 name servers; only the first 16 by name are asked, so a challenge can fail at the others',
      'the name servers of evil.test have 384 more addresses; only 16 of each are asked',
    ]);
  });

  it('is polled with few sockets at once, although all are silent', async () => {
    const { zones, dns, silent } = await setUp();
    const servers = await zones.nameservers(zone, signal);
    const poll = createServerPoll({ dns, clock: systemClock });
    const began = performance.now();
    const { result, most } = await descriptorsDuring(() => poll(servers, value, signal));
    expect(result).toHaveLength(256);
    expect(silent.count.datagrams).toBeLessThanOrEqual(256 * 6);
    expect(most).toBeLessThanOrEqual(32 * 6 + 10);
    // Eight rounds of half a second.
    expect(performance.now() - began).toBeLessThan(15_000);
  });

  it('is requested at 16 of its 1,000 addresses by the public path', async () => {
    const { zones } = await setUp();
    const open = new Set<Socket>();
    const web = createServer((socket) => {
      open.add(socket);
      socket.on('error', () => {});
    });
    await new Promise<void>((listening) => void web.listen(0, '0.0.0.0', listening));
    atEnd(() => {
      for (const socket of open) socket.destroy();
      web.close();
    });
    const { port } = web.address() as { readonly port: number };
    const looks = createLooks(zones, systemClock, true);
    const clock = systemClock;
    const engine = { clock, connect: { looks: () => looks }, vantage: createVantage({ clock }) } as unknown as Engine;
    const deadline = clock.deadline(10_000, signal);
    const { result, most } = await descriptorsDuring(() =>
      lookAtPath({
        ...{ engine, deadline, identifier: { type: 'dns', value: zone } as const },
        settings: { resolvers: [], http01Port: port } as never,
        expected: { path: '/.well-known/acme-challenge/x', body: 'x' },
      }),
    );
    deadline.done();
    expect(result).toMatchObject({ verdict: 'cannot-tell', finding: expect.stringContaining('did not answer') });
    expect(open.size).toBe(16);
    expect(most).toBeLessThanOrEqual(2 * 16 + 10);
  });
});
