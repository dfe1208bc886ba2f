import { describe, expect, it } from 'vitest';
import { untranslated } from '../../../test/support/chinese.ts';
import { fail } from '../../core/errors/errors.ts';
import type { Identifier } from '../../core/names/identifier.ts';
import { present } from '../../core/text/present.ts';
import { fakeClock } from '../../testing/fake-clock.ts';
import { pki } from '../../x509/pki.ts';
import type { Engine } from '../engine.ts';
import { lookAtHandshake } from './handshake.ts';

const dns: Identifier = { type: 'dns', value: 'www.example.test' };
const expected = 'token.thumbprint';
const key = await pki.newKey();
const pem = (identifier: Identifier, keyAuthorization: string) =>
  pki.alpnCertificate(key, { identifier, keyAuthorization }, new Date('2026-11-26T00:00:00Z'));
const der = (text: string) => Buffer.from(text.replaceAll(/-----.*-----|\s/g, ''), 'base64');

type Handshake = Engine['vantage']['handshake'];

interface Given {
  readonly address?: string;
  readonly identifier?: Identifier;
  readonly asTheCa?: boolean;
  readonly onlyAsTheCa?: boolean;
}

/** Looks at one address, where this handshake is made; returns what was asked for, too. */
async function look(handshake: Handshake, given: Given = {}) {
  const { address = '198.51.100.1', identifier = dns, asTheCa = false, onlyAsTheCa = false } = given;
  const clock = fakeClock();
  const asked: Parameters<Handshake>[0][] = [];
  const found = { verdict: 'found', ipv4: [address], ipv6: [], finding: 'it has' } as const;
  const engine = {
    ...{ clock, pki, connect: { looks: () => ({ asTheCa, addresses: async () => found }) } },
    vantage: {
      handshake: async (endpoint: Parameters<Handshake>[0], signal: AbortSignal) => {
        asked.push(endpoint);
        return handshake(endpoint, signal);
      },
    },
  } as unknown as Engine;
  const settings = { resolvers: [], http01Port: 80, ...present({ tlsAlpn01Port: asTheCa ? 5001 : undefined }) };
  const of = { engine, settings, identifier, expected, deadline: clock.deadline(10_000) };
  const seen = await lookAtHandshake(of, { onlyAsTheCa });
  expect(untranslated([seen.finding, seen.advice])).toEqual([]);
  return { ...seen, asked };
}

const shows =
  (certificate: string, protocol: string | undefined = 'acme-tls/1'): Handshake =>
  async () => ({ certificateDer: der(certificate), protocol });
const breaks =
  (code: string): Handshake =>
  async () => {
    throw fail(
      'network/failed',
      { method: 'TLS', url: 'x', reason: code },
      { cause: Object.assign(new Error(code), { code }) },
    );
  };

describe('the handshake by the public path', () => {
  it('asks for the name in acme-tls/1, on the port of the CA', async () => {
    const found = await look(shows(pem(dns, expected)), { asTheCa: true });
    expect(found).toMatchObject({ verdict: 'pass', finding: 'every address gives the right answer' });
    const serverName = 'www.example.test';
    expect(found.asked).toEqual([{ address: '198.51.100.1', port: 5001, serverName, protocol: 'acme-tls/1' }]);
  });

  it('asks for the reverse name of an address', async () => {
    const identifier = { type: 'ip', value: '198.51.100.1' } as const;
    const found = await look(shows(pem(identifier, expected)), { identifier });
    expect(found).toMatchObject({ verdict: 'pass', asked: [{ port: 443, serverName: '1.100.51.198.in-addr.arpa' }] });
  });

  it.each([
    ['another key authorization', shows(pem(dns, 'token.other')), 'speaks acme-tls/1 with another certificate'],
    ['another protocol', shows(pem(dns, expected), 'h2'), 'does not speak acme-tls/1'],
    ['no protocol', async () => ({ certificateDer: der(pem(dns, expected)) }), 'does not speak acme-tls/1'],
    ['a refusal of the protocol', breaks('ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL'), 'does not speak acme-tls/1'],
  ] as const)('takes %s for proof at a public address only', async (_what, handshake, words) => {
    const finding = expect.stringContaining(words);
    expect(await look(handshake)).toMatchObject({ verdict: 'no', finding });
    expect(await look(handshake, { address: '10.0.0.1' })).toMatchObject({ verdict: 'cannot-tell', finding });
    expect(await look(handshake, { address: '10.0.0.1', asTheCa: true })).toMatchObject({ verdict: 'no', finding });
  });

  it('cannot tell if nothing answers', async () => {
    const finding = 'port 443 of 198.51.100.1 did not complete a TLS handshake';
    expect(await look(breaks('ECONNREFUSED'))).toMatchObject({
      verdict: 'cannot-tell',
      finding: expect.stringContaining(finding),
    });
  });

  it('asks nothing of metadata addresses, and for doctor of private ones', async () => {
    const metadata = await look(shows(pem(dns, expected)), { address: '169.254.169.254', asTheCa: true });
    const inside = await look(shows(pem(dns, expected)), { address: '10.0.0.1', onlyAsTheCa: true });
    expect([metadata.verdict, metadata.asked, inside.verdict, inside.asked]).toEqual([
      'cannot-tell',
      [],
      'cannot-tell',
      [],
    ]);
  });
});
