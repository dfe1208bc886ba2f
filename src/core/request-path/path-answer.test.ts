import { describe, expect, it } from 'vitest';
import { untranslatedIn } from '../../../test/support/chinese.ts';
import type { Hop } from './hop.ts';
import { type AnswerContext, type PathAnswer, verdictOnAnswer } from './path-answer.ts';

const url = 'http://a.test/.well-known/acme-challenge/x';
const answer = (status: number, body = ''): PathAnswer => ({ url, redirects: 0, kind: 'answer', status, body });
const redirect = (to: string, problem: 'loses-path' | 'elsewhere' | 'nowhere' | 'loop'): PathAnswer => ({
  url,
  redirects: 0,
  kind: 'redirect',
  to,
  problem,
});
const failed = (phase: 'connect' | 'exchange', code?: string, words = 'no'): PathAnswer => ({
  url,
  redirects: 0,
  kind: 'failed',
  phase,
  code,
  words,
});
const context: AnswerContext = {
  address: '203.0.113.7',
  host: 'a.test',
  path: '/.well-known/acme-challenge/x',
  expected: 'proof',
  isProof: true,
  seesAsTheCa: false,
  othersAnswer: false,
};
const idle = { expected: undefined };
const ipv6 = { address: '2001:db8::7', othersAnswer: true };
const [well, unknown, broken] = ['well', 'cannot-tell', 'broken'] as const;

interface Row {
  readonly what: string;
  readonly answer: PathAnswer;
  readonly at?: Partial<AnswerContext>;
  readonly is: readonly [Hop['state'], Hop['reason']?];
}

describe('what the answer of one address says', () => {
  it.each<Row>([
    { what: 'the expected body', answer: answer(200, 'proof\n'), is: [well] },
    { what: 'another body', answer: answer(200, '<h1>Shop</h1>'), is: [broken, 'wrong-backend'] },
    { what: 'not found', answer: answer(404), is: [broken, 'wrong-backend'] },
    {
      what: 'not found, from where it proves nothing',
      answer: answer(404),
      at: { isProof: false },
      is: [unknown, 'wrong-backend'],
    },
    { what: 'not found, between orders', answer: answer(404), at: idle, is: [well] },
    { what: 'no healthy server', answer: answer(503), is: [broken, 'no-healthy-backend'] },
    { what: 'no healthy server, between orders', answer: answer(502), at: idle, is: [unknown, 'no-healthy-backend'] },
    { what: 'bad request', answer: answer(400), is: [broken, 'proxy-protocol'] },
    { what: 'bad request, between orders', answer: answer(400), at: idle, is: [unknown, 'proxy-protocol'] },
    { what: 'garbage', answer: failed('exchange', 'HPE_INVALID_CONSTANT'), is: [broken, 'proxy-protocol'] },
    { what: 'a connection that is closed', answer: failed('exchange', 'ECONNRESET'), is: [unknown, 'proxy-protocol'] },
    {
      what: 'Alibaba’s page for names without a filing',
      answer: answer(403, '<html><title>Non-compliance ICP Filing</title></html>'),
      at: idle,
      is: [broken, 'icp-filing'],
    },
    { what: 'a page in Chinese', answer: answer(403, '该网站未备案，暂时无法访问'), is: [broken, 'icp-filing'] },
    {
      what: 'a redirect to such a page',
      answer: redirect('https://batit.aliyun.com/alww.html?id=1', 'loses-path'),
      is: [broken, 'icp-filing'],
    },
    {
      what: 'a filing number in the footer of a page',
      answer: answer(404, '<title>404</title><a href="https://beian.miit.gov.cn">京ICP备1号</a>'),
      at: idle,
      is: [well],
    },
    {
      what: 'a firewall',
      answer: answer(405, 'your request has been blocked: potential threats'),
      is: [broken, 'waf'],
    },
    { what: 'forbidden by the site itself', answer: answer(403, 'Forbidden'), at: idle, is: [well] },
    {
      what: 'a redirect that loses the path',
      answer: redirect('https://a.test/', 'loses-path'),
      is: [broken, 'redirect-loses-path'],
    },
    {
      what: 'a redirect to another port',
      answer: redirect('https://a.test:8443/', 'elsewhere'),
      is: [broken, 'redirect-elsewhere'],
    },
    {
      what: 'a redirect to itself',
      answer: redirect(url, 'loop'),
      at: { isProof: false },
      is: [unknown, 'redirect-loop'],
    },
    { what: 'a public address that is silent', answer: failed('connect', 'ETIMEDOUT'), is: [unknown, 'hairpin-nat'] },
    {
      what: 'a public address that refuses',
      answer: failed('connect', 'ECONNREFUSED'),
      is: [unknown, 'nothing-listens'],
    },
    {
      what: 'an address that refuses, as the CA sees it',
      answer: failed('connect', 'ECONNREFUSED'),
      at: { seesAsTheCa: true },
      is: [broken, 'nothing-listens'],
    },
    {
      what: 'IPv6 without a route',
      answer: failed('connect', 'ENETUNREACH'),
      at: ipv6,
      is: [unknown, 'ipv6-not-served'],
    },
    { what: 'IPv6 that refuses', answer: failed('connect', 'ECONNREFUSED'), at: ipv6, is: [broken, 'ipv6-not-served'] },
    { what: 'IPv6 that is silent', answer: failed('connect'), at: ipv6, is: [unknown, 'ipv6-not-served'] },
    {
      what: 'a metadata address',
      answer: { url, redirects: 1, kind: 'not-fetched', address: '169.254.169.254', forbidden: true },
      is: [broken, 'not-fetched'],
    },
    {
      what: 'a private address',
      answer: { url, redirects: 0, kind: 'not-fetched', address: '10.0.0.1', forbidden: false },
      is: [unknown, 'not-fetched'],
    },
  ])('$what', ({ answer: given, at, is }) => {
    const hop = verdictOnAnswer(given, { ...context, ...at });
    expect([hop.state, hop.reason]).toEqual([is[0], is[1]]);
    expect(hop.code).toBe(is[0] === 'broken' ? 'preflight/no' : undefined);
    // Whatever is not well says what to do.
    expect(hop.advice !== undefined).toBe(is[0] !== 'well');
    expect(untranslatedIn([hop])).toEqual([]);
    expect(hop.finding).toContain(at?.address ?? (given.kind === 'not-fetched' ? given.address : '203.0.113.7'));
  });

  it.each(['<', '<title', '备', 'x'])('a page of nothing but %s does not take long to read', (part) => {
    const body = part.repeat(65_536 / part.length);
    for (const status of [200, 403, 503]) expect(verdictOnAnswer(answer(status, body), context).state).toBe('broken');
  });
});
