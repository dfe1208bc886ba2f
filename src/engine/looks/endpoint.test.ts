import { describe, expect, test } from 'vitest';
import { fail } from '../../core/errors/errors.ts';
import { remoteText } from '../../core/errors/remote-text.ts';
import type { CertificateFacts } from '../../ports/pki.ts';
import type { Vantage } from '../../ports/vantage.ts';
import { type EndpointLook, lookAtEndpoint } from './endpoint.ts';

const signal = new AbortController().signal;

const factsOf = (fingerprint: string): CertificateFacts => ({
  identifiers: ['a.example', 'b.example', 'c.example', 'd.example'].map((value) => ({ type: 'dns', value })),
  notBefore: '2026-11-01T00:00:00Z',
  notAfter: '2027-02-01T00:00:00Z',
  serial: '03ab',
  fingerprint,
  spkiFingerprint: 'ff',
  issuerName: 'CN=Test CA',
});

/** A world in which each address shows one certificate (its fingerprint) or an error. */
function look(shows: Readonly<Record<string, string | Error>>, extra: Partial<EndpointLook> = {}) {
  const asked: Parameters<Vantage['handshake']>[0][] = [];
  const answer = lookAtEndpoint(
    {
      endpoint: 'www.example.com:8443',
      expectFingerprint: 'new',
      previousFingerprint: 'before',
      now: new Date('2026-12-01T00:00:00Z'),
      resolve: async () => Object.keys(shows),
      vantage: {
        async handshake(endpoint) {
          asked.push(endpoint);
          const shown = shows[endpoint.address]!;
          if (shown instanceof Error) throw shown;
          return { certificateDer: Buffer.from(shown) };
        },
      },
      pki: {
        readChain: (pem) => {
          const body = pem.split('\n').slice(1, -2).join('');
          const fingerprint = Buffer.from(body, 'base64').toString();
          if (fingerprint === 'garbage') throw new Error('no certificate');
          return { certificates: [pem], facts: factsOf(fingerprint) };
        },
      },
      ...extra,
    },
    signal,
  );
  return { answer, asked };
}

const broken = (phase: 'connect' | 'exchange', code: string, words: string): Error =>
  fail(
    'network/failed',
    { method: 'TLS', url: 'x', reason: words },
    { cause: Object.assign(new Error(words), { phase, code }) },
  );

describe('lookAtEndpoint', () => {
  test('asks every address by the name, and says what is served', async () => {
    const { answer, asked } = look({ '192.0.2.1': 'new', '2001:db8::1': 'before' });
    expect(await answer).toMatchObject({
      endpoint: 'www.example.com:8443',
      state: 'old',
      words:
        '2001:db8::1: a.example, b.example, c.example and 1 more; serial 03ab; not after 2027-02-01T00:00:00Z; ' +
        'from CN=Test CA (1 of 2 addresses differ)',
      addresses: [{ state: 'current' }, { state: 'old' }],
    });
    expect(asked).toEqual([
      { address: '192.0.2.1', port: 8443, serverName: 'www.example.com' },
      { address: '2001:db8::1', port: 8443, serverName: 'www.example.com' },
    ]);
  });

  test('current, foreign, unreadable', async () => {
    expect((await look({ '192.0.2.1': 'new' }).answer).state).toBe('current');
    expect((await look({ '192.0.2.1': 'foreign' }).answer).state).toBe('other');
    expect(await look({ '192.0.2.1': 'garbage' }).answer).toMatchObject({
      state: 'other',
      words: expect.stringContaining('cannot be read'),
    });
  });

  test('a broken handshake differs from a refused connection, and from a missing route of that family here', async () => {
    const refused = broken('connect', 'ECONNREFUSED', 'connection refused');
    const noIpv6 = broken('connect', 'ENETUNREACH', 'network unreachable');
    const cut = broken('exchange', 'ECONNRESET', 'the connection was cut');
    expect(await look({ '192.0.2.1': refused }).answer).toMatchObject({
      state: 'unreachable',
      words: '192.0.2.1: connection refused',
    });
    expect((await look({ '192.0.2.1': cut, '192.0.2.2': refused }).answer).state).toBe('handshake-failed');
    expect((await look({ '192.0.2.1': 'new', '2001:db8::1': noIpv6 }).answer).state).toBe('current');
    expect((await look({ '2001:db8::1': noIpv6 }).answer).state).toBe('cannot-tell');
  });

  test('a name that cannot be looked up, and one without addresses', async () => {
    const gone = Object.assign(new Error('x'), { code: 'ENOTFOUND' });
    const { answer } = look({}, { resolve: () => Promise.reject(gone) });
    expect(await answer).toMatchObject({ state: 'unreachable', words: 'the host name does not exist' });
    expect((await look({}).answer).state).toBe('unreachable');
  });

  test('an endpoint given by address is asked for a name of the certificate, where there is one', async () => {
    const first = look({ '192.0.2.1': 'new' }, { endpoint: '192.0.2.1:443', serverName: 'a.example' });
    await first.answer;
    expect(first.asked).toEqual([{ address: '192.0.2.1', port: 443, serverName: 'a.example' }]);
    const second = look({ '::1': 'new' }, { endpoint: '[::1]:443' });
    await second.answer;
    expect(second.asked).toEqual([{ address: '::1', port: 443, serverName: '' }]);
  });

  test('what a server shows is said shortly, and controls no terminal', async () => {
    const names = ['\x1b]0;a', `\u202e${'b'.repeat(5_000)}`].map((value) => ({ type: 'dns', value }) as const);
    const dirty = { readChain: () => ({ certificates: [], facts: { ...factsOf('else'), identifiers: names } }) };
    const { words } = await look({ '192.0.2.1': 'else' }, { pki: dirty }).answer;
    expect(words).toBe(remoteText(words));
    expect(words.length).toBeLessThan(1_100);
    const failed = await look({ '192.0.2.1': broken('exchange', 'X', '\x1b[2J\u202e') }).answer;
    expect(failed.words).toBe(remoteText(failed.words));
  });

  test('an abort is no verdict', async () => {
    const stopped = new Error('stopped');
    const never = { handshake: () => Promise.reject(stopped) };
    const call = lookAtEndpoint(
      {
        endpoint: 'a:1',
        expectFingerprint: 'new',
        now: new Date(),
        resolve: async () => ['192.0.2.1'],
        vantage: never,
        pki: { readChain: () => ({ certificates: [], facts: factsOf('new') }) },
      },
      AbortSignal.abort(stopped),
    );
    await expect(call).rejects.toBe(stopped);
  });
});
