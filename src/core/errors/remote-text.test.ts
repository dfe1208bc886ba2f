import { generateKeyPairSync } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cut, harmless, longestRemoteText, remoteLines, remoteText } from './remote-text.ts';

describe('texts from elsewhere', () => {
  test.each([
    ['two\r\nlines\tand a tab', 'two lines and a tab'],
    ['\x1b[31mred\x1b[0m', '[31mred [0m'],
    ['a\u202eb\u200bc\ufeffd\u2066e\u061cf', 'a\ufffdb\ufffdc\ufffdd\ufffde\ufffdf'],
    ['C1 \u009b and DEL \x7f', 'C1   and DEL'],
    ['half \ud83d of a letter', 'half \ufffd of a letter'],
    ['简体中文 \u{1f600} é', '简体中文 \u{1f600} é'],
  ])('%j', (text, clean) => expect(remoteText(text)).toBe(clean));

  test('the output of a program keeps its lines', () =>
    expect(remoteLines('one\r\n\ttwo\x07')).toBe('one\n\ttwo\ufffd'));

  test('whatever the text, it is short and has no dangerous character', () => {
    const letter = fc.oneof(
      fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)),
      fc.constantFrom('\n', '\x1b', '\u202e', '\ud800', '\u{e0041}', 'a'),
    );
    fc.assert(
      fc.property(fc.string({ unit: letter, maxLength: 300 }), fc.integer({ min: 1, max: 100 }), (text, most) => {
        for (const clean of [remoteText(text, most), remoteLines(text, most)]) {
          expect(clean.length).toBeLessThanOrEqual(most);
          expect(harmless(clean)).toBe(clean);
        }
        expect(remoteText(text, most)).not.toMatch(/[\n\t]/);
      }),
    );
    expect(remoteText('x'.repeat(1_000_000)).length).toBe(longestRemoteText);
  });

  const { privateKey: ec } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { privateKey: p521 } = generateKeyPairSync('ec', { namedCurve: 'P-521' });
  const { privateKey: rsa } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const { privateKey: ed } = generateKeyPairSync('ed25519');
  test.each([
    ['EC, PKCS#8', ec.export({ type: 'pkcs8', format: 'pem' })],
    ['EC, SEC1', ec.export({ type: 'sec1', format: 'pem' })],
    ['P-521, PKCS#8', p521.export({ type: 'pkcs8', format: 'pem' })],
    ['P-521, SEC1', p521.export({ type: 'sec1', format: 'pem' })],
    ['RSA, PKCS#8', rsa.export({ type: 'pkcs8', format: 'pem' })],
    ['RSA, PKCS#1', rsa.export({ type: 'pkcs1', format: 'pem' })],
    ['Ed25519', ed.export({ type: 'pkcs8', format: 'pem' })],
  ])('has no private key: %s', (_what, exported) => {
    const pem = exported.toString();
    const body = pem.replaceAll(/-----[^-]*-----/g, '').trim();
    const forms = [pem, pem.replaceAll('\n', '\\n'), pem.replaceAll('\n', ''), pem.slice(0, -40), body];
    const others = [body.replaceAll('\n', ''), body.replaceAll('\n', '\\n'), Buffer.from(pem).toString('base64')];
    for (const form of [...forms, ...others])
      for (const clean of [remoteText(`stored ${form} (request 1)`), remoteLines(`stored ${form}\nrequest 1`)]) {
        expect(clean).toMatch(/^stored \*\*\*/);
        for (const line of body.split('\n').filter((one) => one.length > 16)) expect(clean).not.toContain(line);
      }
    expect(remoteText(`stored ${pem.trim()} (request 1)`)).toBe('stored *** (request 1)');
  });

  test('keeps what only looks like a key', () => {
    for (const text of [
      'MIIC is no key',
      'the PRIVATE KEY is wrong',
      '-----BEGIN CERTIFICATE----- MIIBszCCAVmgAwIBAgI',
    ])
      expect(remoteText(text)).toBe(text);
  });

  test('is cut between characters', () => expect(cut('ab\u{1f600}c', 4)).toBe('ab…'));
});
