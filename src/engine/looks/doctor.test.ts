import { describe, expect, it } from 'vitest';
import { fail } from '../../core/errors/errors.ts';
import type { StoredSpec } from '../../core/spec/spec.ts';
import type { DescribedPath, Solver } from '../../ports/solver.ts';
import { fakeClock } from '../../testing/fake-clock.ts';
import type { AddressFinding, Engine } from '../engine.ts';
import { drawPaths } from './doctor.ts';

const host = 'www.example.test';
const path = '/.well-known/acme-challenge/health';
const probe = { path, body: 'proof' };
const spec = {
  name: 'www',
  identifiers: [{ type: 'dns', value: host }],
  issuer: { settings: { directory: 'https://ca.test/dir' } },
  parts: [{ solver: { name: 'web', settings: { type: 'web' } } }],
  preflight: { resolvers: [], http01Port: 80 },
} as unknown as StoredSpec;

type Answer = { readonly status: number; readonly location?: string; readonly body: string };

interface Given {
  /** Addresses by name. */
  readonly addresses?: Readonly<Record<string, readonly string[]>>;
  readonly path?: DescribedPath | Error;
  /** By URL; the address, too, if it begins with one. */
  readonly answers?: Readonly<Record<string, Answer | Error>>;
  readonly asTheCa?: boolean;
}

async function drawn({ addresses = { [host]: ['203.0.113.7'] }, path: described, answers = {}, asTheCa }: Given) {
  const clock = fakeClock();
  const asked: string[] = [];
  const looks = {
    asTheCa: asTheCa === true,
    addresses: async (name: string): Promise<AddressFinding> => {
      const all = addresses[name] ?? [];
      const ipv4 = all.filter((one) => !one.includes(':'));
      const ipv6 = all.filter((one) => one.includes(':'));
      return { verdict: all.length > 0 ? 'found' : 'no-address-from-authority', ipv4, ipv6, finding: `of ${name}` };
    },
  };
  const solver: Solver = {
    type: 'http01-test',
    answers: ['http-01'],
    present: async () => null,
    ready: async () => ({ ready: true }),
    cleanup: async () => {},
    describePath: async () => {
      if (described instanceof Error) throw described;
      return described ?? { hops: [], probe };
    },
  };
  const engine = {
    clock,
    store: { get: async () => undefined },
    connect: { looks: () => looks, solver: async () => solver },
    vantage: {
      get: async (url: string, at: { readonly address: string; readonly port: number }) => {
        asked.push(`${at.address}:${at.port}`);
        const answer = answers[`${at.address} ${url}`] ?? answers[url] ?? { status: 200, body: 'proof' };
        if (answer instanceof Error) throw answer;
        return answer;
      },
    },
  } as unknown as Engine;
  const [only] = await drawPaths(engine, spec, new AbortController().signal);
  return {
    hops: only!.hops,
    asked,
    states: only!.hops.map(({ at, state, reason }) => [at, state, ...(reason ? [reason] : [])]),
  };
}

const refused = (phase: 'connect' | 'exchange', code: string) =>
  fail(
    'network/failed',
    { method: 'GET', url: 'x', reason: code },
    { cause: Object.assign(new Error(code), { phase, code }) },
  );
const to = (location: string): Answer => ({ status: 302, location, body: '' });

describe('doctor', () => {
  it('asks every address, and all is well', async () => {
    const { states, asked } = await drawn({ addresses: { [host]: ['203.0.113.7', '2001:db8::1'] } });
    expect(states).toEqual([
      ['name', 'well'],
      ['answer', 'well'],
      ['answer', 'well'],
    ]);
    expect(asked).toEqual(['203.0.113.7:80', '2001:db8::1:80']);
  });

  it('follows redirects to other hosts and to https, as a CA does', async () => {
    const { states, asked } = await drawn({
      addresses: { [host]: ['203.0.113.7'], 'other.test': ['203.0.113.8'] },
      answers: {
        [`http://${host}${path}`]: to(`https://${host}${path}`),
        [`https://${host}${path}`]: to(`http://other.test${path}`),
      },
    });
    expect(states.at(-1)).toEqual(['answer', 'well']);
    expect(asked).toEqual(['203.0.113.7:80', '203.0.113.7:443', '203.0.113.8:80']);
  });

  it.each<[string, Given, readonly string[], readonly string[]]>([
    ['a name with a metadata address', { addresses: { [host]: ['169.254.169.254'] } }, ['broken', 'not-fetched'], []],
    [
      'the same, even where private addresses are proof',
      { addresses: { [host]: ['::ffff:100.100.100.200'] }, asTheCa: true },
      ['broken', 'not-fetched'],
      [],
    ],
    ['a private address', { addresses: { [host]: ['10.0.0.7'] } }, ['cannot-tell', 'not-fetched'], []],
    [
      'a private address that is the balancer’s own',
      { addresses: { [host]: ['10.0.0.7'] }, path: { hops: [], probe, addresses: ['10.0.0.7'] } },
      ['well'],
      ['10.0.0.7:80'],
    ],
    [
      'a private address, as the CA sees it',
      { addresses: { [host]: ['10.0.0.7'] }, asTheCa: true },
      ['well'],
      ['10.0.0.7:80'],
    ],
    [
      'a redirect to a metadata address',
      { answers: { [`http://${host}${path}`]: to(`http://169.254.169.254${path}`) } },
      ['broken', 'not-fetched'],
      ['203.0.113.7:80'],
    ],
    [
      'a redirect to a name with a private address',
      {
        addresses: { [host]: ['203.0.113.7'], 'inner.test': ['192.168.0.1'] },
        answers: { [`http://${host}${path}`]: to(`http://inner.test${path}`) },
      },
      ['cannot-tell', 'not-fetched'],
      ['203.0.113.7:80'],
    ],
    [
      'a redirect to a name without an address',
      { answers: { [`http://${host}${path}`]: to(`http://inner.test${path}`) } },
      ['cannot-tell', 'redirect-elsewhere'],
      ['203.0.113.7:80'],
    ],
    [
      'a redirect to the start page',
      { answers: { [`http://${host}${path}`]: to('/') } },
      ['broken', 'redirect-loses-path'],
      ['203.0.113.7:80'],
    ],
    [
      'a redirect to a file of this machine',
      { answers: { [`http://${host}${path}`]: to('file:///etc/passwd') } },
      ['broken', 'redirect-elsewhere'],
      ['203.0.113.7:80'],
    ],
    [
      'a public address that is silent',
      { answers: { [`http://${host}${path}`]: refused('connect', 'ETIMEDOUT') } },
      ['cannot-tell', 'hairpin-nat'],
      ['203.0.113.7:80'],
    ],
    [
      'something that is not HTTP',
      { answers: { [`http://${host}${path}`]: refused('exchange', 'HPE_INVALID_CONSTANT') } },
      ['broken', 'proxy-protocol'],
      ['203.0.113.7:80'],
    ],
  ])('%s', async (_what, given, answer, requested) => {
    const { states, asked } = await drawn(given);
    expect(states.at(-1)).toEqual(['answer', ...answer]);
    expect(asked).toEqual(requested);
  });

  it('IPv6 without an answer', async () => {
    const { states } = await drawn({
      addresses: { [host]: ['203.0.113.7', '2001:db8::1'] },
      answers: { [`2001:db8::1 http://${host}${path}`]: refused('connect', 'ENETUNREACH') },
    });
    expect(states.slice(1)).toEqual([
      ['answer', 'well'],
      ['answer', 'cannot-tell', 'ipv6-not-served'],
    ]);
  });

  it('an error of the solver is a hop, and the rest is looked at', async () => {
    const error = fail('balancer/redirects', { balancer: 'slb', port: 80, reason: 'it does', advice: 'Stop it.' });
    const { hops, states } = await drawn({ path: error });
    expect(states.slice(0, 2)).toEqual([
      ['name', 'well'],
      ['solver', 'broken', 'redirect-listener'],
    ]);
    expect(hops[1]).toMatchObject({ code: 'balancer/redirects', advice: 'Nothing was changed. Stop it.' });
  });
});
