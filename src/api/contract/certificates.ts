import { z } from '@hono/zod-openapi';
import { servedStates } from '../../core/plan/served.ts';
import { lineageStates } from '../../core/plan/status.ts';
import { stored, time } from './shared.ts';

/** Certificates, and what is done with them. */

export const state = z.enum(lineageStates).openapi('State', {
  description:
    'valid, due (past its renewal time), expired, missing (none issued yet), failing, working, interrupted (the next run continues), pending (not yet on every target), paused (by a person, until it is resumed), revoked, undeclared (never renewed), test (of --staging), corrupt (a document is damaged)',
});

export const certificate = z
  .object({
    name: z.string(),
    identifiers: z.array(z.string()),
    issuer: z.string(),
    state,
    notAfter: time.optional(),
    renewAt: time.optional(),
    targets: z.array(z.string()).openapi({ description: 'What it is delivered to: targets and endpoints' }),
    delivered: z.number().openapi({ description: 'How many of the targets have the current version' }),
    served: z
      .object({
        state: z.enum(servedStates).openapi({
          description:
            'What the worst endpoint serves: current, unseen (no look yet), changing, stale (another certificate), foreign (another one that is valid for the name), silent, broken (no handshake); none without endpoints',
        }),
        endpoints: z.number(),
        current: z.number().openapi({ description: 'How many of them serve the current version' }),
        words: z.string().optional(),
      })
      .openapi({ description: 'What its endpoints really serve, by the last look at each' }),
    isPaused: z.literal(true).optional().openapi({ description: 'A person has paused it, whatever its state' }),
    failure: z.object({ code: z.string(), retryAt: time }).optional(),
    step: z
      .string()
      .optional()
      .openapi({ description: 'The step of the run under way, or of the one that was cut off' }),
    revision: z.string().openapi({ description: 'For If-Match; empty if there is no document yet' }),
  })
  .openapi('Certificate');

export const list = z
  .object({
    certificates: z.array(certificate),
    total: z
      .number()
      .optional()
      .openapi({ description: 'How many certificates there are in all; not for tokens with a scope' }),
    matching: z.number().openapi({ description: 'How many match the query, on all pages' }),
    next: z.string().optional().openapi({ description: 'For `after`; left out on the last page' }),
    sequence: z.string().openapi({ description: 'The last change that the page has, for `since` of `/events`' }),
  })
  .openapi('CertificateList');

export const run = z
  .looseObject({
    id: z.string(),
    trigger: z.string().openapi({ example: 'renew' }),
    node: z.string(),
    startedAt: time,
    endedAt: time,
    ms: z.number(),
    result: z.enum(['done', 'pending', 'failed', 'stopped']),
    did: z.array(z.string()),
    steps: z.array(z.object({ step: z.string(), ms: z.number() })),
    targets: z.array(z.looseObject({ target: z.string(), result: z.enum(['delivered', 'pending']), ...stored })),
    caSays: z.string().optional().openapi({ description: 'The CA’s own words, as plain text' }),
    count: z.number().optional().openapi({ description: 'How many runs in a row failed in the same way' }),
    ...stored,
  })
  .openapi('Run');

export const history = z.object({ runs: z.array(run) }).openapi('History');

export const detail = certificate
  .extend({
    declaredIn: z.enum(['file', 'store', 'command-line', 'nowhere']),
    file: z.string().optional().openapi({ description: 'The configuration file, if that or a drop-in declares it' }),
    window: z.object({ start: time, end: time }).optional().openapi({ description: 'The window of the CA (RFC 9773)' }),
    run: z
      .object({ step: z.string(), startedAt: time, holder: z.string().optional(), isCutOff: z.boolean() })
      .optional(),
    lastFailure: z.object({ ...stored, code: z.string(), count: z.number(), at: time, retryAt: time }).optional(),
    status: z
      .looseObject({ name: z.string() })
      .openapi({ description: 'The same as `certfleet show NAME --json`, without the settings' }),
    runs: z.array(run).openapi({ description: 'The last runs, the latest first' }),
  })
  .openapi('CertificateDetail');

export const begun = z.object({ name: z.string(), action: z.string() }).openapi('Begun');

export const listQuery = z.object({
  search: z
    .string()
    .max(253)
    .trim()
    .toLowerCase()
    .optional()
    .openapi({ description: 'Part of a name or of an identifier' }),
  state: state.optional(),
  issuer: z.string().max(200).optional(),
  sort: z.enum(['name', 'expiry', 'renewal']).default('name'),
  order: z.enum(['up', 'down']).default('up'),
  after: z.string().max(500).optional().openapi({ description: '`next` of the page before' }),
  limit: z.coerce.number().int().min(1).max(1_000).default(100),
});

export const revocation = z
  .strictObject({
    reason: z
      .enum(['unspecified', 'keyCompromise', 'affiliationChanged', 'superseded', 'cessationOfOperation'])
      .default('unspecified'),
  })
  .openapi('Revocation');

export const pause = z
  .strictObject({ reason: z.string().max(200).optional().openapi({ description: 'Why; shown with the certificate' }) })
  .openapi('Pause');

export const passwordAgain = z.strictObject({ password: z.string().max(1_000).optional() }).openapi('PasswordAgain');

const hops = z.array(z.looseObject({ state: z.enum(['well', 'cannot-tell', 'broken']) }));

export const path = z
  .object({
    paths: z.array(z.looseObject({ identifier: z.string(), challenge: z.string(), solver: z.string(), hops })),
    targets: z.array(z.looseObject({ target: z.string(), hops })),
  })
  .openapi('Path');
