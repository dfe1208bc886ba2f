import { describe, expect, test } from 'vitest';
import { type EndpointState, judgeEndpoint, judgeFingerprint, parseEndpoint, printEndpoint } from './endpoint.ts';

describe('parseEndpoint', () => {
  test.each([
    ['www.example.com', { host: 'www.example.com', port: 443 }],
    ['WWW.example.com:8443', { host: 'www.example.com', port: 8443 }],
    ['192.0.2.1:443', { host: '192.0.2.1', port: 443 }],
    ['[2001:DB8::1]:8443', { host: '2001:db8::1', port: 8443 }],
    ['[::1]', { host: '::1', port: 443 }],
  ])('%s', (text, endpoint) => {
    expect(parseEndpoint(text)).toEqual(endpoint);
    expect(parseEndpoint(printEndpoint(endpoint))).toEqual(endpoint);
  });

  test.each(['', ':443', 'a:0', 'a:65536', 'a:b', '2001:db8::1', '::1:443', '[::1', 'https://a', 'a b:1', 'a:443:444'])(
    '"%s" is refused',
    (text) => {
      expect(() => parseEndpoint(text)).toThrow(/^the endpoint ".*": expected host:port/);
    },
  );
});

test('which certificate it is', () => {
  expect(judgeFingerprint('aa', 'aa', 'bb')).toBe('current');
  expect(judgeFingerprint('bb', 'aa', 'bb')).toBe('old');
  expect(judgeFingerprint('cc', 'aa', 'bb')).toBe('other');
  expect(judgeFingerprint('cc', 'aa')).toBe('other');
});

describe('judgeEndpoint', () => {
  const judge = (...states: EndpointState[]) =>
    judgeEndpoint(
      'a:443',
      states.map((state, index) => ({ address: `192.0.2.${index}`, state, words: `it is ${state}` })),
    );

  test('the worst address decides, and is named', () => {
    expect(judge('current', 'old', 'current')).toMatchObject({
      state: 'old',
      words: '192.0.2.1: it is old (2 of 3 addresses differ)',
    });
    expect(judge('other', 'old').state).toBe('other');
    expect(judge('old', 'unreachable').state).toBe('unreachable');
    expect(judge('unreachable', 'handshake-failed').state).toBe('handshake-failed');
    expect(judge('current', 'current')).toMatchObject({ state: 'current', words: '192.0.2.0: it is current' });
  });

  test('cannot-tell counts only if no other address says more', () => {
    expect(judge('cannot-tell', 'current').state).toBe('current');
    expect(judge('cannot-tell', 'cannot-tell').state).toBe('cannot-tell');
  });

  test('no address at all', () => {
    expect(judge()).toMatchObject({ state: 'unreachable', words: 'its name has no address' });
  });
});
