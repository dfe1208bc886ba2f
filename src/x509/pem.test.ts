import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { splitPem, toPem } from './pem.ts';

const ders = fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { maxLength: 5 });
// Comments as CAs and OpenSSL write them; no line that begins a certificate.
const comment = fc.string().map((text) => text.replaceAll('-----', '').replaceAll(/[\r\n]/g, ' '));

describe('splitPem', () => {
  test('finds what was written, whatever stands around it', () => {
    fc.assert(
      fc.property(ders, fc.array(comment, { minLength: 6, maxLength: 6 }), fc.boolean(), (bytes, texts, crlf) => {
        const pem = bytes.map((der, i) => `${texts[i]}\n${toPem(der)}`).join('') + texts[5];
        const found = splitPem(crlf ? pem.replaceAll('\n', '\r\n') : pem);
        expect(found.map((der) => [...der])).toEqual(bytes.map((der) => [...der]));
      }),
    );
  });

  test('any text gives certificates or an error in words, never a hang', () => {
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

  test('a damaged block is an error, not a hole in the chain', () => {
    const good = toPem(Uint8Array.of(1, 2, 3, 4));
    expect(() => splitPem(`${good}${good.replace('AQID', 'AQ!D')}`)).toThrow('damaged');
    expect(() => splitPem(`${good}${good.slice(0, 40)}`)).toThrow('damaged');
  });

  test('other kinds of blocks are left alone', () => {
    expect(splitPem('-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n')).toEqual([]);
  });
});
