import { expect, test } from 'vitest';
import { proxyFor } from './proxy.ts';

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
  ['https://10.1.2.3/', '10.0.0.0/8', true],
  ['https://10.1.2.3/', 'other.test 10.0.0.0/8', true],
  ['https://11.1.2.3/', '10.0.0.0/8', false],
  ['https://10.1.2.3/', '10.9.9.9/8', true],
  ['https://192.0.2.5/', '192.0.2.4/31', true],
  ['https://192.0.2.6/', '192.0.2.4/31', false],
  ['https://192.0.2.6/', '192.0.2.6/32', true],
  ['https://192.0.2.6/', '0.0.0.0/0', true],
  ['https://10.1.2.3:8443/', '10.0.0.0/8:8443', true],
  ['https://10.1.2.3/', '10.0.0.0/8:8443', false],
  ['https://[fd12::1]/', 'fd00::/8', true],
  ['https://[FD12::1]/', '[FD00::]/8', true],
  ['https://[fe80::1]/', 'fd00::/8', false],
  ['https://[fd12::1]:8443/', '[fd00::]/8:8443', true],
  ['https://[fd12::1]/', '[fd00::]/8:8443', false],
  ['https://[::ffff:10.1.2.3]/', '10.0.0.0/8', true],
  ['https://10.1.2.3/', '::/0', false],
  ['https://[fd12::1]/', '0.0.0.0/0', false],
  // What is no block excludes nothing.
  ['https://10.1.2.3/', '10.0.0.0/33', false],
  ['https://10.1.2.3/', '10.0.0.0/', false],
  ['https://10.1.2.3/', '10.0.0.0/-1', false],
  ['https://10.1.2.3/', '10.0.0/8', false],
  ['https://10.1.2.3/', '/8', false],
  ['https://10.1.2.3/', 'ca.test/8', false],
  ['https://ca.test/', '0.0.0.0/0, ::/0', false],
  ['https://ca.test/', 'ca.test/8', false],
])('%s beside NO_PROXY %s: direct %s', (url, list, direct) => {
  expect(decide(url, { HTTPS_PROXY: proxy, NO_PROXY: list })).toBe(direct ? undefined : proxy);
});
