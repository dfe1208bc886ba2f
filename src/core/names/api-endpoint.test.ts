import { expect, it } from 'vitest';
import { endpointProblem, isApiEndpoint } from './api-endpoint.ts';

it.each([
  ['https://slb.cn-hangzhou.aliyuncs.com', true],
  ['https://10.0.0.1:8443/api/v1', true],
  ['http://127.0.0.1:8081', true],
  ['http://127.9.9.9/', true],
  ['http://[::1]:8081', true],
  ['http://localhost:8081', false],
  ['http://127.0.0.1.evil.test', false],
  ['http://10.0.0.1', false],
  ['http://api.example.com', false],
  ['https://user:secret@api.example.com', false],
  ['https://api.example.com/?a=b', false],
  ['https://api.example.com/#a', false],
  ['ftp://api.example.com', false],
  ['api.example.com', false],
  ['', false],
])('%s: %s', (text, expected) => {
  expect(isApiEndpoint(text)).toBe(expected);
});

it.each([
  ['http://user:tell-nobody@127.0.0.1', 'leave USER:PASSWORD@ out of the URL'],
  ['https://user@api.example.com', 'leave USER:PASSWORD@ out of the URL'],
  ['https://api.example.com/?a=b', 'without a query'],
  ['http://api.example.com', 'expected an https:// URL'],
  ['api.example.com', 'expected an https:// URL'],
])('says what is wrong with %s', (text, words) => {
  expect(endpointProblem(text)).toContain(words);
  expect(endpointProblem(text)).not.toContain('tell-nobody');
});
