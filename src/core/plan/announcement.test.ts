import { expect, it } from 'vitest';
import { announcement, type Later } from './announcement.ts';

const orders = '300 new orders of this account in 3 hours';
const domain = '50 certificates for example.com in 7 days';
const later = (certificate: string, minutes: number, quota = orders): Later => ({
  certificate,
  until: new Date(Date.UTC(2026, 10, 29, 14, minutes)).toISOString(),
  quota,
});
const one = later('a', 5);

it.each([
  ['one certificate', 1, { due: 1, later: [] }, 'there is 1 certificate to work on'],
  ['several', 7, { due: 3, later: [] }, 'there are 7 certificates to work on'],
  [
    'one that waits',
    1,
    { due: 1, later: [one] },
    `there is 1 certificate to work on: 0 now, 1 by ${one.until}, as the CA’s rate limits allow
a: ${one.until} (${orders})`,
  ],
  [
    'few that wait',
    9,
    { due: 4, later: [later('b', 7, domain), one] },
    `there are 9 certificates to work on: 2 now, 2 by 2026-11-29T14:07:00.000Z, as the CA’s rate limits allow
b: 2026-11-29T14:07:00.000Z (${domain})
a: 2026-11-29T14:05:00.000Z (${orders})
Those that wait are ordered by \`certfleet renew\`.`,
  ],
  [
    'many that wait, for few limits',
    1000,
    {
      due: 1000,
      later: [later('x', 1, domain), ...Array.from({ length: 700 }, (_, i) => later(`n${i}`, i))],
    },
    `there are 1000 certificates to work on: 299 now, 701 by 2026-11-30T01:39:00.000Z, as the CA’s rate limits allow
${orders}: 700 from 2026-11-29T14:00:00.000Z to 2026-11-30T01:39:00.000Z
${domain}: 1 at 2026-11-29T14:01:00.000Z
Those that wait are ordered by \`certfleet renew\`.`,
  ],
  [
    'many that wait, for many limits',
    30,
    { due: 30, later: Array.from({ length: 12 }, (_, i) => later(`n${i}`, i, `quota ${i % 7}`)) },
    `there are 30 certificates to work on: 18 now, 12 by 2026-11-29T14:11:00.000Z, as the CA’s rate limits allow
quota 0: 2 from 2026-11-29T14:00:00.000Z to 2026-11-29T14:07:00.000Z
quota 1: 2 from 2026-11-29T14:01:00.000Z to 2026-11-29T14:08:00.000Z
quota 2: 2 from 2026-11-29T14:02:00.000Z to 2026-11-29T14:09:00.000Z
quota 3: 2 from 2026-11-29T14:03:00.000Z to 2026-11-29T14:10:00.000Z
quota 4: 2 from 2026-11-29T14:04:00.000Z to 2026-11-29T14:11:00.000Z
2 for 2 other limits
Those that wait are ordered by \`certfleet renew\`.`,
  ],
])('announces %s', (_what, certificates, given, message) => {
  expect(announcement(certificates, given).message).toBe(message);
});

it('has the time of each for programs', () => {
  expect(announcement(3, { due: 2, later: [one] }).data).toEqual({
    certificates: 3,
    waiting: [{ certificate: 'a', at: one.until, quota: orders }],
    allBy: one.until,
  });
});
