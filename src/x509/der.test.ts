import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { addressOctets, addressText } from './address.ts';
import { elementOf, elementsOf, encode, tags } from './der.ts';

describe('DER', () => {
  test('reads what it wrote, also with long lengths', () => {
    const part = fc.tuple(fc.constantFrom(tags.integer, tags.octetString), fc.uint8Array({ maxLength: 400 }));
    fc.assert(
      fc.property(fc.array(part, { maxLength: 4 }), (parts) => {
        const whole = encode(tags.sequence, ...parts.map(([tag, content]) => encode(tag, content)));
        const read = elementsOf(elementOf(whole, tags.sequence).content);
        expect(read.map(({ tag, content }) => [tag, [...content]])).toEqual(parts.map(([t, c]) => [t, [...c]]));
      }),
    );
  });

  test('any bytes are elements or an error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        try {
          const read = elementsOf(bytes);
          expect(read.reduce((sum, { whole }) => sum + whole.length, 0)).toBe(bytes.length);
        } catch (error) {
          expect((error as Error).message).toMatch(/DER|early/);
        }
      }),
    );
  });

  test.each([127, 128, 255, 256, 65_536])('%i bytes', (length) => {
    expect(elementOf(encode(tags.octetString, new Uint8Array(length)), tags.octetString).content.length).toBe(length);
  });
});

describe('addresses', () => {
  test('text and octets convert both ways', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (text) => {
        const canonical = addressText(addressOctets(text));
        expect(addressText(addressOctets(canonical!))).toBe(canonical);
        expect([...addressOctets(canonical!)]).toEqual([...addressOctets(text)]);
      }),
    );
  });

  test.each([
    ['2001:DB8:0:0::1', '2001:db8::1'],
    ['::ffff:192.0.2.1', '::ffff:c000:201'],
    ['::', '::'],
    ['192.0.2.7', '192.0.2.7'],
  ])('%s is %s', (text, canonical) => expect(addressText(addressOctets(text))).toBe(canonical));
});
