import { expect, it } from 'vitest';
import { bodyHash, signAcs3 } from './alibaba.ts';

it('signs as @alicloud/openapi-core 1.0.8 does', () => {
  const authorization = signAcs3({
    method: 'POST',
    path: '/',
    query: {
      RegionId: 'cn-hangzhou',
      LoadBalancerId: 'lb-a1',
      ListenerPort: '80',
      RuleList:
        '[{"RuleName":"certfleet/a1","Domain":"abc.example.com","Url":"/.well-known/acme-challenge/","VServerGroupId":"rsp-a1"}]',
      'Tag.1.Key': 'owner é*~',
      'Tag.1.Value': "it's (me)!",
    },
    headers: {
      host: 'slb.aliyuncs.com',
      'x-acs-action': 'CreateRules',
      'x-acs-version': '2014-05-15',
      'x-acs-date': '2026-01-01T00:00:00Z',
      'x-acs-signature-nonce': 'nonce-a1',
      'x-acs-content-sha256': bodyHash(''),
      accept: 'application/json',
    },
    accessKeyId: 'AKEXAMPLE',
    accessKeySecret: 'SKEXAMPLE',
  });
  expect(authorization).toBe(
    'ACS3-HMAC-SHA256 Credential=AKEXAMPLE,SignedHeaders=host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version,Signature=18da6e69841cbc0e088bf66e007d909cfa8503a9918b4552c9eabcee8dff0fcf',
  );
});
