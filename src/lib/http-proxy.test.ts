import { expect, test } from 'vitest';
import { proxyFor } from './http-proxy.ts';

const proxy = 'http://proxy.test:3128';
const decide = (url: string, env: Record<string, string>) => proxyFor(new URL(url), env);

test.each([
  ['https://ca.test/', { HTTPS_PROXY: proxy }, proxy],
  ['https://ca.test/', { https_proxy: 'http://lower', HTTPS_PROXY: proxy }, 'http://lower'],
  ['https://ca.test/', { https_proxy: '', HTTPS_PROXY: proxy }, undefined],
  ['https://ca.test/', { HTTP_PROXY: proxy }, proxy],
  ['http://ca.test/', { HTTPS_PROXY: proxy }, undefined],
  ['http://ca.test/', { http_proxy: 'proxy.test:3128' }, proxy],
  ['https://ca.test/', {}, undefined],
])('%s with %o goes over %s', (url, env, expected) => expect(decide(url, env)).toBe(expected));

test.each([
  ['https://ca.test/', '*', true],
  ['https://ca.test/', 'ca.test', true],
  ['https://a.ca.test/', 'ca.test', true],
  ['https://a.ca.test/', '.ca.test', true],
  ['https://a.ca.test/', '*.ca.test', true],
  ['https://a.ca.test/', 'other.test, CA.TEST', true],
  ['https://aca.test/', 'ca.test', false],
  ['https://ca.test/', 'ca.test:443', true],
  ['https://ca.test:14000/', 'ca.test:443', false],
  ['https://ca.test:14000/', 'ca.test:14000', true],
  ['https://127.0.0.1/', '127.0.0.1,localhost', true],
  ['https://[::1]:14000/', '::1', true],
  ['https://[::1]:14000/', '[::1]:14000', true],
  ['https://[::1]:14000/', '[::1]:443', false],
])('%s beside NO_PROXY %s: direct %s', (url, list, direct) => {
  expect(decide(url, { HTTPS_PROXY: proxy, NO_PROXY: list })).toBe(direct ? undefined : proxy);
});
