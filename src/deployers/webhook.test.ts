import { describe, expect, it } from 'vitest';
import webhook from './webhook.ts';

const problem = (options: Record<string, unknown>) =>
  webhook.options.safeParse({ url: 'https://deploy.example.com/in', ...options }).error?.issues[0]?.message;
const badUrl = 'expected an https:// or http:// URL without USER:PASSWORD@ and without a fragment';

describe('the options of the webhook deployer', () => {
  it.each([
    [{}, undefined],
    [{ url: 'http://10.0.0.1:8080/in?token=abc' }, undefined],
    [{ url: 'ftp://deploy.example.com' }, badUrl],
    [{ url: 'https://user:secret@deploy.example.com' }, badUrl],
    [{ url: 'https://deploy.example.com/#x' }, badUrl],
    [{ url: 'deploy.example.com' }, badUrl],
    [{ lookUrl: 'https://deploy.example.com/{name}' }, undefined],
    [{ headers: { 'X-Cluster': 'west 1' } }, undefined],
    [{ headers: { 'X Cluster': 'west' } }, 'expected names of headers'],
    [{ headers: { 'X-Cluster': 'a\r\nb' } }, 'expected a value of ASCII characters'],
    [{ headers: { 'X-Key': 'env:KEY' } }, 'a secret belongs in `secretHeaders`'],
    [{ expectStatus: [200, 202] }, undefined],
  ])('%j: %s', (options, expected) => {
    expect(problem(options)).toBe(expected);
  });

  it('takes no status of a failure as a success', () => {
    expect(problem({ expectStatus: [404] })).toBeDefined();
    expect(problem({ expectStatus: [] })).toBeDefined();
  });
});
