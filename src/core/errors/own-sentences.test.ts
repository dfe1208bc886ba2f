import { describe, expect, it } from 'vitest';
import { untranslated, whollyEnglish } from '../../../test/support/chinese.ts';
import { filledWith, ownSentences, textsOfSources } from '../../../test/support/own-sentences.ts';
import { knownIssuers } from '../ca/known-issuers.ts';
import { phrases } from './messages/zh/phrases.ts';
import { inLanguage } from './wording.ts';

/** What no reader of pages, failures or hints gets, and why. */
const unsaid: Readonly<Record<string, string>> = {
  'src/dns/manual.ts': 'a dialogue at the terminal, which is English as all progress is',
  'src/acme/answer.ts': 'so little beside the name of a field that others may say it',
  'src/acme/problem.ts': 'the words of the CA',
  'src/acme/problem-verdict.ts': 'the words of the CA',
  'src/lib/clock.ts': 'the message of an abort',
  'src/lib/logged.ts': 'the log',
  'src/lib/streams.ts': 'why a stream ended',
  'src/lib/http/guarded-server.ts': 'what clients of a server get',
  'src/x509/certificate.ts': 'the names of fields',
  'src/x509/alpn.ts': 'the subject of a certificate',
  'src/x509/address.ts': 'so little that others may say it',
  'src/responder/server.ts': 'what clients of the responder get, as a CA or a health check',
  'src/responder/alpn-server.ts': 'what a TLS connection ends with, and what the log says',
  'src/responder/token-lookup.ts': 'why the responder answers 503',
};

const isOfAdapters = (room: string): boolean =>
  ['balancers', 'deployers', 'dns', 'notifiers', 'solvers', 'stores'].includes(room);

describe('a sentence in the sources of adapters and of what they stand on', () => {
  it.each([
    'acme',
    'balancers',
    'clients',
    'deployers',
    'dns',
    'lib',
    'notifiers',
    'responder',
    'solvers',
    'stores',
    'x509',
  ])('in %s has Chinese in `messages/zh`', async (room) => {
    const all = await ownSentences(room);
    expect(all.length).toBeGreaterThan(10);
    // Some have a path at the beginning.
    const isChinese = (text: string) => ['x1', '/x1'].some((one) => untranslated([filledWith(text, one)]).length === 0);
    const texts = all.map(({ file, text }) => ({ adapter: file, text }));
    const english = isOfAdapters(room) ? whollyEnglish(texts, isChinese) : new Set();
    const left = all
      .filter(({ file }) => unsaid[file] === undefined && !english.has(file))
      .filter(({ text }) => !isChinese(text))
      .map(({ file, line, text }) => `${file}:${line} ${filledWith(text, '…')}`);
    expect(left).toEqual([]);
  });

  it.each([
    'The specified bucket does not exist.',
    'The domain has no address',
    'Zone example.com does not exist',
    'the domain does not exist',
    'The signature is missing',
    'the file /x does not exist',
    'Certificate 123 is in use',
    'error: the object was deleted; try again',
    'HTTP 500, sorry',
    'the role is missing',
    'Delete the record.',
  ])('is none of others: %s', (text) => {
    expect(inLanguage(text, 'zh')).toBe(text);
  });

  it.each([
    [
      '3 domains of Alibaba Cloud CDN can get it; 2 domains left to the certificate shop',
      'Alibaba Cloud CDN 的 3 个域名可以部署；2 个域名由证书 shop 使用',
    ],
    ['3 domains of Alibaba Cloud CDN can get it; Bob cannot', '3 domains of Alibaba Cloud CDN can get it; Bob cannot'],
  ])('stands in a list: %s', (text, own) => {
    expect(inLanguage(text, 'zh')).toBe(own);
  });
});

it('is said of each CA in Chinese', () => {
  expect(untranslated(Object.values(knownIssuers).flatMap(({ facts }) => facts))).toEqual([]);
});

/** The clauses of a phrase, since the code may join them. */
const clausesOf = (phrase: string): readonly string[] =>
  phrase.split(/\{\w+\}|[,;:.()]/).map((clause) => clause.replaceAll(/^[\s`]+|[\s`]+$/g, ''));

/** Made of several parts, or said by zod. */
const composed = [
  /^invalid (IPv4 address|input)$/,
  /^names no (issuer|solver)$/,
  /^declare one under /,
  /^" (is missing|has no value)/,
  /^must (have|be) at (least|most)$/,
  /^for 1 certificate$/,
  /^with a page about /,
  /^with 1 name server at( 1 address)?$/,
];

it('is no phrase that the program no longer says', async () => {
  const all = [...new Set(await textsOfSources())].join('\n');
  const long = Object.keys(phrases)
    .flatMap(clausesOf)
    .filter((clause) => clause.length > 12);
  expect(long.filter((clause) => !all.includes(clause) && !composed.some((one) => one.test(clause)))).toEqual([]);
});
