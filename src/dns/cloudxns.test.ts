import { expect, it } from 'vitest';
import { checkOptions } from '../config/options/options.ts';
import type { World } from '../ports/world.ts';
import cloudxns from './cloudxns.ts';
import { optionsFrom } from './test-world.ts';

const answer =
  /the service CloudXNS closed in 2021: move the zone to its successor DNSPod, and use the provider dnspod/;

it.each([
  ['certbot’s file', { file: 'dns_cloudxns_api_key = 1\ndns_cloudxns_secret_key = 2' }],
  ['the environment of lego', { env: { CLOUDXNS_API_KEY: '1', CLOUDXNS_SECRET_KEY: '2' } }],
  ['nothing', { env: {} }],
])('names its successor, given %s', async (_what, from) => {
  await expect(optionsFrom(cloudxns, from)).rejects.toMatchObject({
    code: 'config/invalid',
    message: expect.stringMatching(answer),
  });
});

it('is a problem of the configuration, without any call', () => {
  const settings = { type: 'cloudxns', credentials: '/etc/letsencrypt/cloudxns.ini' };
  const problems = checkOptions(cloudxns, settings as never, {}, { base: ['solvers', 'dns', 'options'] });
  expect(problems).toMatchObject([{ message: expect.stringMatching(answer) }]);
  expect(() => cloudxns.connect({ name: 'dns', world: {} as World, options: {} })).toThrow(answer);
});
