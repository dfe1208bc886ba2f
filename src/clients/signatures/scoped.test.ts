import { expect, it } from 'vitest';
import { Secret } from '../../core/errors/secret.ts';
import { canonicalQuery } from '../http/query.ts';
import { signBaidu } from './baidu.ts';
import { signJdcloud } from './jdcloud.ts';
import { signVolcengine } from './volcengine.ts';

// The answers are those of the vendors' own SDKs: @volcengine/openapi 1.x, jdcloud-sdk-js 2.x, @baiducloud/sdk 1.x.

const keys = { id: new Secret('AKEXAMPLE'), secret: new Secret('SKEXAMPLE') };
const now = new Date('2026-01-01T00:00:00Z');
const hard = "a b*'(é)";

it('signs as Volcengine’s SDK does', () => {
  const place = { region: 'cn-north-1', service: 'DNS', headers: {}, now };
  const url = (query: Readonly<Record<string, string>>) =>
    new URL(`https://dns.volcengineapi.com/?${canonicalQuery({ Version: '2018-08-01', ...query })}`);
  const body = JSON.stringify({ ZID: 1, Host: '_acme-challenge', Type: 'TXT', Value: 'a1 é', TTL: 600 });
  expect(signVolcengine({ ...place, method: 'POST', url: url({ Action: 'CreateRecord' }), body }, keys)).toEqual({
    host: 'dns.volcengineapi.com',
    'x-date': '20260101T000000Z',
    'x-content-sha256': 'a0ed7eeffb7a08f0d34cff9a74b291c72b878aa7a1435493237ca7a7e0c10a11',
    authorization:
      'HMAC-SHA256 Credential=AKEXAMPLE/20260101/cn-north-1/DNS/request, SignedHeaders=host;x-content-sha256;x-date, Signature=8a995dff40c5f82d9033c3f96cca4622fb4d3399033c120d1e551be6bd6b2f81',
  });
  const query = { Action: 'ListZones', Key: hard, SearchMode: 'exact' };
  const temporary = { ...keys, token: new Secret('TOKEN') };
  expect(signVolcengine({ ...place, method: 'GET', url: url(query), body: '' }, temporary)).toEqual({
    host: 'dns.volcengineapi.com',
    'x-date': '20260101T000000Z',
    'x-security-token': 'TOKEN',
    authorization:
      'HMAC-SHA256 Credential=AKEXAMPLE/20260101/cn-north-1/DNS/request, SignedHeaders=host;x-date;x-security-token, Signature=9de442db7d1df155332cd27a1abc0954ec71139606f85bb12a4a220167537cc2',
  });
});

it('signs as JD Cloud’s SDK does', () => {
  const req = { hostRecord: '_acme-challenge', hostValue: 'a1', type: 'TXT', ttl: 600, viewValue: -1 };
  const path = '/v2/regions/cn-north-1/domain/1/ResourceRecord?pageNumber=1&search=a%20b';
  const request = {
    ...{ method: 'POST', region: 'cn-north-1', service: 'domainservice', now, nonce: 'nonce-a1' },
    url: new URL(`https://domainservice.jdcloud-api.com${path}`),
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ req }),
  };
  expect(signJdcloud(request, keys)).toEqual({
    'content-type': 'application/json',
    'x-jdcloud-date': '20260101T000000Z',
    'x-jdcloud-nonce': 'nonce-a1',
    host: 'domainservice.jdcloud-api.com',
    authorization:
      'JDCLOUD2-HMAC-SHA256 Credential=AKEXAMPLE/20260101/cn-north-1/domainservice/jdcloud2_request, SignedHeaders=content-type;host;x-jdcloud-date;x-jdcloud-nonce, Signature=16dab6035f6e50b0b1477e75f75d66454bd7584fd4224d3ad31ea4877207a5ed',
  });
});

it('signs as Baidu’s SDK does', () => {
  const path = `/v1/dns/zone/example.com/record?${canonicalQuery({ clientToken: hard })}`;
  const request = {
    ...{ method: 'POST', now },
    url: new URL(`https://dns.baidubce.com${path}`),
    headers: { 'content-type': 'application/json; charset=utf-8' },
  };
  expect(signBaidu(request, keys)['authorization']).toBe(
    'bce-auth-v1/AKEXAMPLE/2026-01-01T00:00:00Z/1800/content-type;host;x-bce-date/4bfe31df080900bd4aa4e093d331bf08a2f0b3e5adf2a67e3bcc51147d9d7e27',
  );
});
