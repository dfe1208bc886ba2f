import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Secret } from '../../core/errors/secret.ts';
import { signMessage, type TsigAlgorithm, type TsigKey, verifyAnswer } from './tsig.ts';

// Recorded between nsupdate and named (BIND 9.20.30): an update that adds a TXT record, and its answer. The key was
// made for this recording only.
const recorded = [
  {
    algorithm: 'hmac-sha256',
    secret: 'Y0ME13MmrPBN27PijlpjlbanXkSND4ZC5Eb+uEoOs44=',
    request:
      'da5d28000001000000010001076578616d706c65047465737400000600010f5f61636d652d6368616c6c656e6765c00c001000010000003c0004036162630461636d65036b65790000fa00ff00000000003d0b686d61632d7368613235360000006b05d58e012c00203e33c797f1bb0dd0c639fb620830c4f64ad2b5d0639c29ce2696bbf28d424caada5d00000000',
    answer:
      'da5da8000001000000000001076578616d706c65047465737400000600010461636d65036b65790000fa00ff00000000003d0b686d61632d7368613235360000006b05d58e012c002040b468d6192e2964c7417a45f7d91be71c6c0ee06f45f25823ed585ab50640dfda5d00000000',
  },
  {
    algorithm: 'hmac-sha512',
    secret: 'bbEC/XAXslwf9Ae19YJqbKc7hGrJihbO0C7F7peKGqM=',
    request:
      'ec8e28000001000000010001076578616d706c65047465737400000600010f5f61636d652d6368616c6c656e6765c00c001000010000003c0004036162630461636d65036b65790000fa00ff00000000005d0b686d61632d7368613531320000006b05d58e012c0040205aac093f60aa9923fa11dca31a1d82e9c492d2c0c78e5f6efcc61ecc6e479621e01ab64c890743975cc4ca7ef1ba01f4eafb4fc5aca9542b35239a233f3637ec8e00000000',
    answer:
      'ec8ea8000001000000000001076578616d706c65047465737400000600010461636d65036b65790000fa00ff00000000005d0b686d61632d7368613531320000006b05d58e012c0040df58a3eb4b718fcc704c10fccdf8a4f7cb175a47e54da4f75c351adc2d9b53a3d786cff26f04d8aba83af5911f632543da320f031b43b3e048ec03235eae003cec8e00000000',
  },
  {
    algorithm: 'hmac-md5',
    secret: '7eTwdcT9dbNc2esQ6jE6rR1lYplk4S68+S7yjmRrwa8=',
    request:
      'b15528000001000000010001076578616d706c65047465737400000600010f5f61636d652d6368616c6c656e6765c00c001000010000003c0004036162630461636d65036b65790000fa00ff00000000003a08686d61632d6d6435077369672d616c670372656703696e740000006b05d58f012c00108034be889b319d5446ebfc7d3b361e8cb15500000000',
    answer:
      'b155a8000001000000000001076578616d706c65047465737400000600010461636d65036b65790000fa00ff00000000003a08686d61632d6d6435077369672d616c670372656703696e740000006b05d58f012c0010a3d34b1a76847b40125f998bca3c8ebdb15500000000',
  },
] as const;

/** TSIG begins with its owner, `acme.key`, which occurs nowhere else in these messages. */
const owner = '0461636d65036b657900';
const unsigned = (hex: string): Buffer => {
  const message = Buffer.from(hex.slice(0, hex.indexOf(owner)), 'hex');
  message.writeUInt16BE(message.readUInt16BE(10) - 1, 10);
  return message;
};
const bytes = (hex: string): Buffer => Buffer.from(hex, 'hex');
const keyOf = (
  record: { readonly algorithm: TsigAlgorithm; readonly secret: string },
  name = 'Acme.Key.',
): TsigKey => ({
  name,
  algorithm: record.algorithm,
  secret: new Secret(record.secret),
});
// When the messages were signed: 48 bits after the algorithm's name.
const at = new Date(0x6b05d58e * 1000);
const atOf = (record: { readonly algorithm: string }) =>
  record.algorithm === 'hmac-md5' ? new Date(at.getTime() + 1000) : at;

describe.each(recorded)('TSIG with $algorithm', (record) => {
  const { mac } = signMessage(unsigned(record.request), keyOf(record), atOf(record));

  it('signs as nsupdate does, byte for byte', () => {
    const { signed } = signMessage(unsigned(record.request), keyOf(record), atOf(record));
    expect(Buffer.from(signed).toString('hex')).toBe(record.request);
  });

  it('accepts named’s answer', () => {
    expect(verifyAnswer(bytes(record.answer), keyOf(record), mac, atOf(record))).toEqual({ state: 'verified' });
  });

  it('refuses an answer with any bit changed', () => {
    const length = bytes(record.answer).length;
    fc.assert(
      fc.property(fc.integer({ min: 0, max: length * 8 - 1 }), (bit) => {
        const changed = bytes(record.answer);
        changed[bit >> 3]! ^= 1 << (bit & 7);
        // The header's id is not signed (TSIG's original id is), and the transport compares it. Case in names is ignored.
        const inId = bit < 16;
        const verdict = verifyAnswer(changed, keyOf(record), mac, atOf(record));
        const caseOnly =
          verdict.state === 'verified' &&
          changed.toString('latin1').toLowerCase() === bytes(record.answer).toString('latin1').toLowerCase();
        expect(verdict.state === 'verified').toBe(inId || caseOnly);
      }),
      { numRuns: 400 },
    );
  });

  it('refuses an answer to another request', () => {
    const other = signMessage(unsigned(record.request), keyOf(record), new Date(atOf(record).getTime() + 1000));
    expect(verifyAnswer(bytes(record.answer), keyOf(record), other.mac, atOf(record))).toMatchObject({
      state: 'untrusted',
      reason: 'its signature is wrong',
    });
  });

  it('refuses an answer that was signed at another time', () => {
    for (const seconds of [-301, 301]) {
      const now = new Date(atOf(record).getTime() + seconds * 1000);
      expect(verifyAnswer(bytes(record.answer), keyOf(record), mac, now)).toMatchObject({ state: 'untrusted' });
    }
  });

  it('refuses a truncated MAC', () => {
    const answer = record.answer;
    const macLength = mac.length;
    const sizeAt = answer.length - (6 + macLength + 2) * 2;
    const size = (macLength / 2).toString(16).padStart(4, '0');
    const rest = answer.slice(sizeAt + 4 + macLength, sizeAt + 4 + macLength * 2);
    expect(rest).toHaveLength(macLength);
    const half = answer.slice(0, sizeAt) + size + answer.slice(sizeAt + 4, sizeAt + 4 + macLength) + answer.slice(-12);
    // The length of the record's data, after owner, type, class and TTL.
    const lengthAt = half.indexOf(owner) + owner.length + 16;
    const shorter = Number.parseInt(half.slice(lengthAt, lengthAt + 4), 16) - macLength / 2;
    const message = half.slice(0, lengthAt) + shorter.toString(16).padStart(4, '0') + half.slice(lengthAt + 4);
    expect(verifyAnswer(bytes(message), keyOf(record), mac, atOf(record))).toEqual({
      state: 'untrusted',
      reason: 'its signature is wrong',
    });
  });
});

describe('verifyAnswer', () => {
  const record = recorded[0];
  const { mac } = signMessage(unsigned(record.request), keyOf(record), at);

  it('detects an unsigned answer', () => {
    expect(verifyAnswer(unsigned(record.answer), keyOf(record), mac, at)).toEqual({ state: 'unsigned' });
  });

  it('detects another key and another algorithm', () => {
    expect(verifyAnswer(bytes(record.answer), keyOf(record, 'other'), mac, at)).toMatchObject({
      reason: 'it is signed with another key',
    });
    expect(verifyAnswer(bytes(record.answer), { ...keyOf(record), algorithm: 'hmac-sha512' }, mac, at)).toMatchObject({
      reason: 'it is signed with another algorithm',
    });
  });

  it('never throws and never trusts other bytes', () => {
    const anything = fc.oneof(
      fc.uint8Array({ maxLength: 600 }),
      // A real answer with a piece of something else in it.
      fc.tuple(fc.uint8Array({ maxLength: 40 }), fc.nat(140)).map(([piece, where]) => {
        const answer = bytes(record.answer);
        return Buffer.concat([answer.subarray(0, where), piece, answer.subarray(where)]);
      }),
      fc.nat(139).map((length) => bytes(record.answer).subarray(0, length)),
    );
    fc.assert(
      fc.property(anything, (message) => {
        const same = Buffer.from(message).equals(bytes(record.answer));
        expect(verifyAnswer(message, keyOf(record), mac, at).state === 'verified').toBe(same);
      }),
      { numRuns: 2000 },
    );
  });
});
