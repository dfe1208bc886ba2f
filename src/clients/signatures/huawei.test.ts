import { expect, it } from 'vitest';
import { Secret } from '../../core/errors/secret.ts';
import { signHuawei } from './huawei.ts';

const keys = { id: new Secret('AKEXAMPLE'), secret: new Secret('SKEXAMPLE') };
const request = {
  method: 'POST',
  url: new URL('https://dns.cn-north-4.myhuaweicloud.com/v2/zones/z1/recordsets?name=a%20b&type=TXT'),
  headers: { 'content-type': 'application/json' },
  body: String.raw`{"name":"_acme-challenge.abc.example.com.","type":"TXT","records":["\"a1\""]}`,
  now: new Date('2026-01-01T00:00:00Z'),
};

it('signs as the vendor’s SDK does', () => {
  expect(signHuawei(request, keys)).toEqual({
    'content-type': 'application/json',
    host: 'dns.cn-north-4.myhuaweicloud.com',
    'x-sdk-date': '20260101T000000Z',
    // Made with @huaweicloud/huaweicloud-sdk-core.
    authorization:
      'SDK-HMAC-SHA256 Access=AKEXAMPLE, SignedHeaders=content-type;host;x-sdk-date, Signature=38c82bd079f2b5212dd64d529367d25bc75730cb51d9b28453642b3a11adf9d0',
  });
});

it('signs the token of temporary keys', () => {
  const signed = signHuawei(request, { ...keys, token: new Secret('token') });
  expect(signed['x-security-token']).toBe('token');
  expect(signed['authorization']).toContain('SignedHeaders=content-type;host;x-sdk-date;x-security-token,');
});
