import { z } from '@hono/zod-openapi';

/** What requests and answers of several parts have. */

export const time = z.string().openapi({ format: 'date-time', example: '2026-12-24T18:00:00.000Z' });

export const stored = {
  code: z.string().optional(),
  params: z.record(z.string(), z.string()).optional(),
  message: z.string().optional(),
  hint: z.string().optional(),
};

export const problemDocument = z
  .object({
    type: z.string().openapi({ example: 'urn:certfleet:error:lineage/not-found' }),
    title: z.string(),
    status: z.number(),
    code: z.string(),
    params: z.record(z.string(), z.string()).optional(),
    hint: z.string().optional(),
    fields: z.record(z.string(), z.string()).optional().openapi({ description: 'What is wrong with each field' }),
  })
  .openapi('Problem', { description: 'RFC 9457' });

export const named = z.object({
  name: z
    .string()
    .min(1)
    .max(200)
    .openapi({ param: { name: 'name', in: 'path' } }),
});

export const condition = z.object({
  'if-match': z.string().optional().openapi({
    description: 'The ETag or the revision of the certificate that was seen',
  }),
});
