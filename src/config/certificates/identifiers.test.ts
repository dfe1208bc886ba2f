import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { codePoint } from '../../../test/support/any-text.ts';
import { knownIssuers } from '../../core/ca/known-issuers.ts';
import { CertfleetError } from '../../core/errors/errors.ts';
import type { IssuerSettings } from '../../core/spec/spec.ts';
import type { ChallengeType } from '../../ports/solver.ts';
import { checkIdentifiers, parseHost, parseIdentifier, parseIdentifiers } from './identifiers.ts';
import { isPublicIssuer, issuerNameOf } from './issuer-directory.ts';

const codeOf = async (run: () => unknown): Promise<string | undefined> => {
  try {
    await run();
    return undefined;
  } catch (error) {
    if (error instanceof CertfleetError) return error.code;
    throw error;
  }
};

describe('parseHost', () => {
  it.each([
    [' Example.com. ', 'example.com'],
    ['中文。测试。', 'xn--fiq228c.xn--0zwm56d'],
    ['_acme.example.com', '_acme.example.com'],
    ['lan', 'lan'],
  ])('%s', (text, host) => {
    expect(parseHost(text)).toBe(host);
  });

  it.each([
    '*.example.com',
    'https://example.com/',
    'example.com:53',
    '192.0.2.1',
    '2001:db8::1',
    '<b>',
    'a b',
    '.',
    '',
  ])('refuses other text: %j', (text) => {
    expect(parseHost(text)).toBeUndefined();
  });
});

describe('parseIdentifier', () => {
  it.each([
    ['WWW.Example.COM.', 'dns', 'www.example.com'],
    [' example.com ', 'dns', 'example.com'],
    ['*.Example.com', 'dns', '*.example.com'],
    ['münchen.de', 'dns', 'xn--mnchen-3ya.de'],
    ['*.MÜNCHEN.de', 'dns', '*.xn--mnchen-3ya.de'],
    ['例え。テスト', 'dns', 'xn--r8jz45g.xn--zckzah'],
    ['例え。テスト。', 'dns', 'xn--r8jz45g.xn--zckzah'],
    ['192.0.2.1', 'ip', '192.0.2.1'],
    ['[2001:DB8::1]', 'ip', '2001:db8::1'],
  ])('%s', (text, type, value) => {
    expect(parseIdentifier(text)).toEqual({ type, value });
  });

  it.each([
    ['https://www.example.com/a', 'it is a URL; write the name alone: www.example.com'],
    ['ops@example.com', 'e-mail'],
    ['example.com:443', 'port'],
    ['10.0.0.0/8', 'network'],
    ['a_b.example.com', 'underscore'],
    ['ex%61mple.ü.com', 'character "%"'],
    ['xn--a.com', 'IDNA'],
    ['', 'empty'],
    ['..', 'two dots'],
    ['.', 'the root of the DNS'],
    ['a'.repeat(2_000), '2000 characters'],
  ])('refuses other text (%#)', (text, reason) => {
    expect(() => parseIdentifier(text)).toThrow(
      expect.objectContaining({ code: 'identifier/invalid', message: expect.stringContaining(reason) }),
    );
  });

  it('throws only identifier/invalid, and accepts its own result unchanged', () => {
    const text = fc.oneof(
      fc.string({ unit: codePoint }),
      fc.string({ unit: 'grapheme' }),
      fc.domain(),
      fc.ipV4(),
      fc.ipV6(),
      fc.string({ unit: fc.constantFrom('a', '.', '-', '*', ':', '1', '[', ']', 'ü', 'x', 'n', '_', '%', '。') }),
    );
    fc.assert(
      fc.property(text, (given) => {
        try {
          const identifier = parseIdentifier(given);
          expect(parseIdentifier(identifier.value)).toEqual(identifier);
          expect(identifier.value).toMatch(
            identifier.type === 'ip' ? /^[0-9a-f.:]+$/ : /^(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)*$/,
          );
        } catch (error) {
          if (!(error instanceof CertfleetError)) throw error;
          expect(error.code).toBe('identifier/invalid');
          expect(error.message).not.toMatch(/[\x00-\x1f\x7f]/);
        }
      }),
      { numRuns: process.env['CERTFLEET_LONG'] ? 20_000 : 500 },
    );
  });

  it('accepts every address that fast-check calls valid', () => {
    fc.assert(
      fc.property(fc.ipV4(), fc.ipV6(), (v4, v6) => {
        expect(parseIdentifier(v4)).toEqual({ type: 'ip', value: v4 });
        expect(parseIdentifier(v6).type).toBe('ip');
      }),
    );
  });
});

describe('parseIdentifiers', () => {
  it('removes duplicates in any spelling', () => {
    expect(parseIdentifiers(['a.example.com', 'A.EXAMPLE.com.'], 'x')).toHaveLength(1);
  });

  it('counts what is left', () => {
    const names = (count: number) => Array.from({ length: count }, (_, i) => `n${i}.example.com`);
    expect(parseIdentifiers([...names(100), 'n0.example.com'], 'x')).toHaveLength(100);
    expect(() => parseIdentifiers(names(101), 'x')).toThrow(
      'the certificate has 101 identifiers, but CAs accept at most 100',
    );
    expect(() => parseIdentifiers(['', ' '], 'the certificate "x"')).toThrow(
      'no identifier was given for the certificate "x"',
    );
  });
});

const publicIssuer: IssuerSettings = {
  directory: knownIssuers['letsencrypt']!.directory,
  email: [],
  agreeToTerms: true,
  test: false,
};
const privateIssuer: IssuerSettings = { ...publicIssuer, directory: 'https://127.0.0.1:14000/dir' };

describe('checkIdentifiers', () => {
  const check = (names: string[], issuer = publicIssuer, answers: ChallengeType[] = ['http-01']) =>
    codeOf(() =>
      checkIdentifiers({
        identifiers: names.map(parseIdentifier),
        issuer: { name: 'ca', settings: issuer },
        solverOf: () => ({ name: 'web', answers }),
      }),
    );

  it.each([
    [['www.example.com'], undefined],
    [['foo.github.io', 'github.io'], undefined],
    [['localhost'], 'identifier/no-public-suffix'],
    [['a.test'], 'identifier/no-public-suffix'],
    [['co.uk'], 'identifier/no-public-suffix'],
    [['com'], 'identifier/no-public-suffix'],
    [['192.0.2.1'], undefined],
  ])('%j at a public CA: %s', async (names, code) => {
    expect(await check(names)).toBe(code);
  });

  it.each([['a.test'], ['localhost'], ['host.internal']])('%s is allowed at a private CA', async (name) => {
    expect(await check([name], privateIssuer)).toBeUndefined();
    expect(await check([name], { ...publicIssuer, test: true })).toBeUndefined();
  });

  it('refuses pairs and solvers that cannot work, at any CA', async () => {
    for (const issuer of [publicIssuer, privateIssuer]) {
      expect(await check(['www.example.com', '*.example.com'], issuer, ['dns-01'])).toBe(
        'identifier/covered-by-wildcard',
      );
      expect(await check(['*.example.com'], issuer)).toBe('identifier/wildcard-needs-dns');
      expect(await check(['192.0.2.1'], issuer, ['dns-01'])).toBe('identifier/ip-needs-http');
    }
    expect(await check(['*.co.uk'], publicIssuer, ['dns-01'])).toBe('identifier/no-public-suffix');
    expect(await check(['example.com', '*.example.com'], publicIssuer, ['dns-01'])).toBeUndefined();
  });
});

describe('issuers', () => {
  it.each([
    [{ directory: 'https://acme-v02.api.letsencrypt.org/directory', caFile: '/proxy.pem' }, true],
    [{ directory: 'https://acme.zerossl.com/v2/DV90' }, true],
    [{ directory: 'https://ca.example.com/acme' }, true],
    [{ directory: 'https://ca.example.com/acme', caFile: '/ca.pem' }, false],
    [{ directory: 'https://localhost:14000/dir' }, false],
    [{ directory: 'https://[::1]:14000/dir' }, false],
    [{ directory: 'https://ca.corp.internal/dir' }, false],
    [{ directory: 'https://acme-v02.api.letsencrypt.org/directory', test: true }, false],
  ])('%j is public: %s', async (issuer, expected) => {
    expect(await isPublicIssuer({ email: [], agreeToTerms: true, test: false, ...issuer })).toBe(expected);
  });

  it('names a known URL by its short name', () => {
    expect(issuerNameOf('https://acme-v02.api.letsencrypt.org/directory')).toBe('letsencrypt');
    expect(issuerNameOf('https://127.0.0.1:14000/dir')).toBe('127.0.0.1:14000/dir');
    expect(issuerNameOf('google')).toBe('google');
  });
});
