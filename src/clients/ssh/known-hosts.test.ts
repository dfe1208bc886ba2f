import { describe, expect, it } from 'vitest';
import { findKnownHost, fingerprintOf, refusalOf } from './known-hosts.ts';

/** A public key in wire format: its type, then anything. */
function keyOf(type: string, fill: number): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(type.length);
  return Buffer.concat([length, Buffer.from(type), Buffer.alloc(36, fill)]);
}
const [ours, other, rsa] = [keyOf('ssh-ed25519', 1), keyOf('ssh-ed25519', 2), keyOf('ssh-rsa', 3)];
const text = (key: Buffer): string => `${key.toString('base64')} a comment`;
// Made by `ssh-keygen -H` of OpenSSH 10 for node1.example.com and for [node1.example.com]:2222.
const hashed = '|1|HsKtJKF9lKFEL+V9K4n4RiH9kiY=|8Pe/fDQmldU06GI+BfxP+6A8bpw=';
const hashedPort = '|1|Oxw4VUjneoObtIUJQ62BJPZ3pQE=|J8C9yQfewlPdvwcVGaWF5ukWfrY=';

const known = (lines: readonly string[], host = 'node1.example.com', port = 22) =>
  findKnownHost([{ file: '/known', text: `${lines.join('\n')}\n` }], { host, port });

describe('known_hosts', () => {
  it.each([
    ['node1.example.com', 22, 'node1.example.com', true],
    ['NODE1.Example.com', 22, 'node1.example.com', true],
    ['node1', 22, 'node1.example.com', false],
    ['a.example.com,node1.example.com,10.0.0.1', 22, 'node1.example.com', true],
    ['*.example.com', 22, 'node1.example.com', true],
    ['node?.example.com', 22, 'node1.example.com', true],
    ['node1xexample.com', 22, 'node1.example.com', false],
    ['*.example.com,!node1.example.com', 22, 'node1.example.com', false],
    ['!node2.example.com,*.example.com', 22, 'node1.example.com', true],
    ['node1.example.com', 2222, 'node1.example.com', false],
    ['[node1.example.com]:2222', 2222, 'node1.example.com', true],
    ['[node1.example.com]:2222', 22, 'node1.example.com', false],
    ['2001:db8::1', 22, '2001:DB8::1', true],
    ['[2001:db8::1]:2222', 2222, '2001:db8::1', true],
    [hashed, 22, 'node1.example.com', true],
    [hashed, 2222, 'node1.example.com', false],
    [hashedPort, 2222, 'node1.example.com', true],
    ['|2|abc|def', 22, 'node1.example.com', false],
    ['#node1.example.com', 22, 'node1.example.com', false],
  ])('%s and port %i of %s: %s', (names, port, host, isFound) => {
    expect(known([`${names} ssh-ed25519 ${text(ours)}`], host, port).keys.length).toBe(isFound ? 1 : 0);
  });

  it.each([
    ['the key is known', [`node1.example.com ssh-ed25519 ${text(ours)}`], undefined],
    [
      'one of several is it',
      [`node1.example.com ssh-ed25519 ${text(other)}`, `node1.example.com ssh-ed25519 ${text(ours)}`],
      undefined,
    ],
    [
      'nothing is known',
      ['# nothing', '', 'node1.example.com ssh-ed25519'],
      /is not in \/known; nothing was sent to it/,
    ],
    [
      'another key is known',
      ['# first', `node1.example.com ssh-ed25519 ${text(other)}`],
      /is not the one of \/known line 2 \(SHA256:[^)]+\); nothing was sent to it/,
    ],
    ['a key of another type is known', [`node1.example.com ssh-rsa ${text(rsa)}`], /is not the one of \/known line 1/],
    [
      'it is revoked, in any line',
      [`node1.example.com ssh-ed25519 ${text(ours)}`, `@revoked * ssh-ed25519 ${text(ours)}`],
      /is revoked in \/known line 2; nothing was sent to it/,
    ],
    ['another key is revoked', [`@revoked * ssh-ed25519 ${text(other)}`, `* ssh-ed25519 ${text(ours)}`], undefined],
    [
      'an authority vouches for it',
      [`@cert-authority *.example.com ssh-ed25519 ${text(ours)}`],
      /\/known line 1 names a certificate authority for it, which certfleet cannot check/,
    ],
    ['an unknown marker', [`@other * ssh-ed25519 ${text(ours)}`], /is not in \/known/],
  ])('%s', (_title, lines, reason) => {
    const refusal = refusalOf(ours, { known: known(lines), files: '/known', scan: 'ssh-keyscan' });
    if (reason === undefined) expect(refusal).toBeUndefined();
    else expect(refusal).toMatch(reason);
  });

  it('takes fingerprints as ssh-keygen prints them', () => {
    const print = fingerprintOf(ours);
    expect(print).toMatch(/^SHA256:[A-Za-z0-9+/]{43}$/);
    expect(refusalOf(ours, { fingerprints: [print] })).toBeUndefined();
    expect(refusalOf(other, { fingerprints: [print] })).toContain('is not one of `hostKeys`');
  });
});
