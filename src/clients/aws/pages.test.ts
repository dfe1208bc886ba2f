import { expect, it } from 'vitest';
import { parseXml } from '../http/xml.ts';
import { type Acm, createAcm } from './acm.ts';
import type { AwsJson, AwsQuery } from './aws.ts';
import { createElb } from './elb.ts';

const { signal } = new AbortController();

/** APIs of AWS that name another page after each one. */
const endless = (marker: (calls: number) => string) => {
  let calls = 0;
  const elb: AwsQuery = {
    call: async (_action, _params, read) => {
      calls += 1;
      return read(parseXml(`<Result><Rules></Rules><NextMarker>${marker(calls)}</NextMarker></Result>`));
    },
  };
  const acm: AwsJson = {
    call: async (_action, _params, read) => {
      calls += 1;
      return read({ CertificateSummaryList: [], NextToken: marker(calls) });
    },
  };
  return { elb, acm, calls: () => calls };
};

it.each([
  ['always leads to another page', (calls: number) => `m${calls}`, 200],
  ['leads to the same page again', () => 'again', 2],
])('a list that %s ends with an error', async (_what, marker, most) => {
  for (const read of [
    ({ elb }: ReturnType<typeof endless>) => createElb(elb).rules('arn', signal),
    ({ acm }: ReturnType<typeof endless>): ReturnType<Acm['imported']> => createAcm(acm).imported(signal),
  ]) {
    const api = endless(marker);
    await expect(read(api)).rejects.toMatchObject({ code: 'balancer/failed' });
    expect(api.calls()).toBe(most);
  }
});
