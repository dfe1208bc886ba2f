import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { splitPem, toPem } from './pem.ts';

const ders = fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { maxLength: 5 });
// Comments as CAs and OpenSSL write them, without a line that begins a certificate.
const comment = fc.string().map((text) => text.replaceAll('-----', '').replaceAll(/[\r\n]/g, ' '));

describe('splitPem', () => {
  test('finds certificates between any other text', () => {
    fc.assert(
      fc.property(ders, fc.array(comment, { minLength: 6, maxLength: 6 }), fc.boolean(), (bytes, texts, crlf) => {
        const pem = bytes.map((der, i) => `${texts[i]}\n${toPem(der)}`).join('') + texts[5];
        const found = splitPem(crlf ? pem.replaceAll('\n', '\r\n') : pem);
        expect(found.map((der) => [...der])).toEqual(bytes.map((der) => [...der]));
      }),
    );
  });

  test('any text gives certificates or an error, and never hangs', () => {
    const piece = fc.oneof(
      fc.constantFrom('-----BEGIN CERTIFICATE-----', '-----END CERTIFICATE-----', '\n', 'AAAA', '-----'),
      fc.string(),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
        try {
          for (const der of splitPem(pieces.join(''))) expect(der.length).toBeGreaterThan(0);
        } catch (error) {
          expect((error as Error).message).toBe('a certificate in the PEM text is damaged');
        }
      }),
    );
  });

  test('a damaged certificate is an error, and is not skipped', () => {
    const good = toPem(Uint8Array.of(1, 2, 3, 4));
    expect(() => splitPem(`${good}${good.replace('AQID', 'AQ!D')}`)).toThrow('damaged');
    expect(() => splitPem(`${good}${good.slice(0, 40)}`)).toThrow('damaged');
  });

  test('blocks of other kinds are ignored', () => {
    expect(splitPem('-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n')).toEqual([]);
  });
});
