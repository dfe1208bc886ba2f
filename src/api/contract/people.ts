import { z } from '@hono/zod-openapi';
import { roles } from '../../core/access/role.ts';
import { time } from './shared.ts';

/** Users, tokens and the audit log. */

const role = z.enum(roles).openapi('Role', { description: 'Each with the rights of those before it' });

export const users = z
  .object({ users: z.array(z.object({ name: z.string(), role, createdAt: time, passwordAt: time })) })
  .openapi('Users');

export const newUser = z
  .strictObject({ name: z.string().max(200), password: z.string().max(1_000), role })
  .openapi('NewUser');

export const madeUser = z.object({ name: z.string(), role }).openapi('MadeUser');

const scope = z.array(z.string().max(200)).min(1).max(1_000).openapi({
  description: 'The certificates that it is for, by name or as the beginning of names, like shop-*; all, if left out',
});

export const tokens = z
  .object({
    tokens: z.array(
      z.object({
        ...{ name: z.string(), role, scope: scope.optional(), createdAt: time, createdBy: z.string() },
        expiresAt: time.optional(),
      }),
    ),
  })
  .openapi('Tokens');

export const newToken = z
  .strictObject({
    ...{ name: z.string().max(200), role: role.default('viewer'), scope: scope.optional() },
    expiresAt: z.iso.datetime({ offset: true }).optional().openapi({ example: '2027-01-01T00:00:00Z' }),
  })
  .openapi('NewToken');

export const madeToken = z
  .object({
    ...{ name: z.string(), role, scope: scope.optional(), expiresAt: time.optional() },
    token: z.string().openapi({ description: 'It is not shown again' }),
  })
  .openapi('MadeToken');

export const auditQuery = z.object({
  since: z.iso
    .datetime({ offset: true })
    .optional()
    .openapi({ description: 'At most 400 days ago; a week ago, if left out' }),
  limit: z.coerce.number().int().min(1).max(10_000).default(1_000),
});

export const audit = z
  .object({
    entries: z.array(
      z.object({
        ...{ at: time, who: z.string(), via: z.enum(['login', 'token', 'socket', 'command', 'link']) },
        from: z.string().optional().openapi({ description: 'The address of the client' }),
        what: z.string().openapi({ example: 'certificate.renew' }),
        object: z.string().openapi({ description: 'What it was done to' }),
        detail: z.string().optional(),
        result: z.string().openapi({ description: 'done, refused, or the code of the failure' }),
      }),
    ),
  })
  .openapi('AuditLog');
