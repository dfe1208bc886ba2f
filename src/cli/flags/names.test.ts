import { describe, expect, it } from 'vitest';
import { commandLine } from '../../../test/support/command-line.ts';
import { fail } from '../../core/errors/errors.ts';
import { withLetters } from '../../core/names/letters.ts';
import type { DeleteRequest } from '../../fleet.ts';
import { valid } from '../commands/look/test-statuses.ts';

/** What `delete` deletes, or its refusal, beside the certificates `name: identifiers`. */
async function deleted(typed: string, existing = ''): Promise<unknown> {
  const status = existing.split('; ').map((one) => {
    const [name = '', values = ''] = one.split(': ');
    return { ...valid, name, identifiers: values.split(' ').filter(Boolean) };
  });
  const { calls, stderr } = await commandLine({ fleet: { status } }).run('delete', typed);
  const request = calls.find((call): call is DeleteRequest => typeof call === 'object' && 'force' in call);
  return request?.name ?? stderr.replaceAll(/\s+/g, ' ');
}

describe('names as people type them', () => {
  it.each([
    ['www.example.com', 'www.example.com'],
    ['my_shop', 'my_shop'],
    ['a.test~staging', 'a.test~staging'],
    ['中国.test', 'xn--fiqs8s.test'],
    ['中国.test~staging', 'xn--fiqs8s.test~staging'],
    ['*.中国.test', 'wildcard.xn--fiqs8s.test'],
    ['WWW.Example.com', 'www.example.com'],
    ['2001:DB8::1', '2001-db8--1'],
    ['::1', '0--1'],
    // What is no name of anything stays as it was typed, for the message.
    ['a b', 'a b'],
    ['中国.test/', '中国.test/'],
  ])('%s is the certificate %s', async (typed, name) => {
    expect(await deleted(typed)).toBe(name);
  });

  const wild = 'wildcard.b.test: *.b.test';
  const literal = 'wildcard.b.test: wildcard.b.test';
  it.each([
    ['*.b.test', wild, 'wildcard.b.test'],
    ['*.B.test', `shop: *.b.test; ${wild}`, 'wildcard.b.test'],
    // Another name, also one where the default name is for something else.
    ['*.b.test', 'shop: *.b.test', 'shop'],
    ['*.b.test', `${literal}; wildcard.b.test-0001: *.b.test`, 'wildcard.b.test-0001'],
    // A name is a name, whatever the certificate is for.
    ['wildcard.b.test', `${wild}; wildcard.b.test-0001: wildcard.b.test`, 'wildcard.b.test'],
    ['中国.test', 'xn--fiqs8s.test: xn--fiqs8s.test a.test', 'xn--fiqs8s.test'],
    // Test certificates are others.
    ['*.b.test~staging', `${wild}; wildcard.b.test~staging: *.b.test`, 'wildcard.b.test~staging'],
    ['*.b.test', 'wildcard.b.test~staging: *.b.test', 'wildcard.b.test'],
    ['::1', 'six: ::1', 'six'],
    // None, and what is near.
    ['*.c.test', wild, 'wildcard.c.test'],
    [
      '*.b.test',
      literal,
      /no certificate covers only \*\.b\.test; near matches: wildcard\.b\.test \(for wildcard\.b\.test\)/,
    ],
    ['*.b.test', 'b.test: b.test *.b.test', /covers only .*; near matches: b\.test \(for b\.test, \*\.b\.test\)/],
    ['*.b.test', 'wildcard.b.test: ', /covers only .*; near matches: wildcard\.b\.test \(which cannot be read\)/],
  ])('%s beside %s', async (typed, existing, means) => {
    const found = await deleted(typed, existing);
    if (typeof means === 'string') expect(found).toBe(means);
    else expect(found).toMatch(means);
  });

  it('keeps each once', async () => {
    const { calls } = await commandLine().run('renew', '中国.test', 'b', 'xn--fiqs8s.test');
    expect(calls).toMatchObject([{ names: ['xn--fiqs8s.test', 'b'] }]);
  });

  it('looks without a store at what is declared', async () => {
    const config = `
issuers: { letsencrypt: { directory: letsencrypt, agreeToTerms: true } }
solvers: { dns: { type: dns01, provider: manual } }
certificates: [{ name: shop, identifiers: ["*.b.example.org"] }]
`;
    let opened = 0;
    const open = () => {
      opened += 1;
      if (opened === 1) throw fail('store/absent', { path: '/s' });
    };
    const { calls } = await commandLine({ files: { '/c.yaml': config }, fleet: { open } }).run(
      ...['issue', '*.b.example.org', '--config', '/c.yaml'],
    );
    expect(calls).toMatchObject([{ names: ['shop'] }]);
  });

  it.each([
    ['www.example.com', 'www.example.com'],
    ['2001-db8--1', '2001-db8--1'],
    ['1.2.3', '1.2.3'],
    ['xn--fiqs8s.test', 'xn--fiqs8s.test (中国.test)'],
    ['*.xn--fiqs8s.test', '*.xn--fiqs8s.test (*.中国.test)'],
    ['wildcard.xn--fiqs8s.test~staging', 'wildcard.xn--fiqs8s.test~staging (wildcard.中国.test~staging)'],
    ['xn--a.com', 'xn--a.com'],
  ])('%s is shown as %s', (name, shown) => {
    expect(withLetters(name)).toBe(shown);
  });
});
