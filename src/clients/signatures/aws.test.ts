import { expect, it } from 'vitest';
import { Secret } from '../../core/errors/secret.ts';
import { signV4 } from './aws.ts';

const keys = { id: new Secret('AKEXAMPLE'), secret: new Secret('SKEXAMPLE') };

it('signs as aws4fetch 1.0.20 does', () => {
  const signed = signV4(
    {
      method: 'POST',
      url: new URL('https://elasticloadbalancing.us-east-1.amazonaws.com/'),
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: 'Action=CreateRule&Version=2015-12-01&Priority=2',
      region: 'us-east-1',
      service: 'elasticloadbalancing',
      now: new Date('2026-01-01T00:00:00Z'),
    },
    keys,
  );
  expect(signed['authorization']).toBe(
    'AWS4-HMAC-SHA256 Credential=AKEXAMPLE/20260101/us-east-1/elasticloadbalancing/aws4_request, SignedHeaders=content-type;host;x-amz-date, Signature=c51056c83f20c372c6965d998e3acf2d8cce9608e229562bda1ced6fbbeb35a0',
  );
  expect(signed['x-amz-security-token']).toBeUndefined();
});

// From AWS's own test suite (aws-sig-v4-test-suite): get-vanilla-query-order-key-case, post-x-www-form-urlencoded.
it.each([
  ['GET', '/?Param2=value2&Param1=value1', {}, '', 'b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500'],
  [
    'POST',
    '/',
    { 'content-type': 'application/x-www-form-urlencoded' },
    'Param1=value1',
    'ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a',
  ],
  ['GET', '/', {}, '', '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31'],
])('%s %s', (method, path, headers, body, signature) => {
  const own = { id: new Secret('AKIDEXAMPLE'), secret: new Secret('wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY') };
  const request = { method, url: new URL(`https://example.amazonaws.com${path}`), headers, body };
  const now = new Date('2015-08-30T12:36:00Z');
  const signed = signV4({ ...request, region: 'us-east-1', service: 'service', now }, own);
  expect(signed['authorization']).toMatch(new RegExp(`Signature=${signature}$`));
});

it('signs the token of temporary keys', () => {
  const request = { method: 'GET', url: new URL('https://a.test/x%20y'), headers: {}, body: '' };
  const temporary = { ...keys, token: new Secret('T') };
  const signed = signV4({ ...request, region: 'r', service: 's', now: new Date(0) }, temporary);
  expect(signed['x-amz-security-token']).toBe('T');
  expect(signed['authorization']).toContain('SignedHeaders=host;x-amz-date;x-amz-security-token,');
});
