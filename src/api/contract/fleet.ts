import { z } from '@hono/zod-openapi';
import { certificate } from './certificates.ts';
import { time } from './shared.ts';

/** The fleet as a whole. */

const day = z.object({ date: z.string(), renewals: z.number(), expiries: z.number() });

export const overview = z
  .object({
    total: z.number(),
    byState: z.record(z.string(), z.number()),
    troubled: z.array(certificate),
    running: z.array(certificate),
    days: z.array(day).openapi({ description: 'By day in UTC, from today on' }),
    nodes: z.array(z.looseObject({ node: z.string(), version: z.string() })),
    node: z.string().openapi({ description: 'The node that answers' }),
    issuers: z.array(z.string()),
    sequence: z.string().openapi({ description: 'The last change that it has, for `since` of `/events`' }),
  })
  .openapi('Overview');

export const alarms = z
  .object({
    open: z.array(
      z.looseObject({ key: z.string(), kind: z.string(), message: z.string(), hint: z.string(), since: time }),
    ),
    more: z.number(),
  })
  .openapi('Alarms');

export const limits = z
  .object({
    cas: z.array(
      z.looseObject({
        issuers: z.array(z.string()),
        directory: z.string(),
        isKnown: z.boolean(),
        buckets: z.array(z.looseObject({})),
      }),
    ),
  })
  .openapi('Limits');

export const nodes = z
  .object({
    nodes: z.array(z.looseObject({ node: z.string(), version: z.string() })),
    node: z.string().openapi({ description: 'The node that answers' }),
  })
  .openapi('Nodes');

export const planQuery = z.object({
  until: z.string().max(20).default('90d').openapi({ description: 'How far to look ahead, from 1h to 731d' }),
});

export const plan = z
  .object({
    from: time,
    until: time,
    certificates: z.array(
      z.object({
        certificate: z.string(),
        issuer: z.string(),
        notAfter: time.optional(),
        steps: z.array(
          z.object({
            at: time.optional(),
            action: z.enum(['issue', 'renew', 'resume', 'none']),
            why: z.string(),
            reason: z.string().openapi({ description: 'In words' }),
          }),
        ),
      }),
    ),
    more: z.number().openapi({ description: 'How many certificates are left out' }),
    days: z.array(z.object({ date: z.string(), orders: z.number() })).openapi({ description: 'By day in UTC' }),
  })
  .openapi('Plan');
