import { z } from '@hono/zod-openapi';
import { state } from './certificates.ts';
import { time } from './shared.ts';

/** Certificates that the store declares. */

/** The schema of certfleet.yaml checks it, so that messages and fields are the same. */
export const declaredCertificate = z.looseObject({}).openapi('DeclaredCertificate', {
  description:
    'An entry of `certificates` in certfleet.yaml, except its name. It refers to issuers, solvers and deployers of the file, and may have no hooks and name no folders.',
  example: {
    identifiers: ['www.example.com', '*.example.com'],
    issuer: 'letsencrypt',
    solver: 'dns',
    deploy: ['proxy'],
  },
});

export const declaration = z
  .object({
    name: z.string(),
    certificate: z.looseObject({}).optional().openapi({ description: 'Left out if its document is damaged' }),
    revision: z.string().openapi({ description: 'For If-Match' }),
    by: z.string().optional().openapi({ description: 'Who declared it last' }),
    at: time.optional(),
    isInFile: z.boolean().openapi({ description: 'The configuration file declares it, too, and wins' }),
    refused: z.string().optional().openapi({
      description: 'Why it is not used; until it is corrected, the certificate keeps its settings of before',
    }),
  })
  .openapi('Declaration');

const names = z.array(z.string());

export const declarations = z
  .object({
    certificates: z.array(declaration),
    choices: z
      .object({ issuers: names, solvers: names, deployers: names })
      .optional()
      .openapi({ description: 'What declarations may name; left out for tokens with a scope' }),
  })
  .openapi('Declarations');

const hop = z.looseObject({
  at: z.string(),
  state: z.enum(['well', 'cannot-tell', 'broken']),
  finding: z.string(),
  advice: z.string().optional(),
  code: z.string().optional(),
});

export const checkRequest = z
  .strictObject({
    name: z.string().max(200).optional().openapi({ description: 'The name under which it is or will be declared' }),
    certificate: declaredCertificate,
  })
  .openapi('CheckRequest');

export const declarationCheck = z
  .object({
    wrong: z.record(z.string(), z.string()).openapi({ description: 'What is wrong with its settings, by field' }),
    ca: z.array(hop).openapi({ description: 'What the CA itself asks for; empty if nothing' }),
    names: z.array(
      z.object({
        identifier: z.string(),
        state: z.enum(['well', 'cannot-tell', 'broken', 'unseen']).openapi({
          description:
            'The worst of its hops; unseen if its settings are wrong, or if you had too many names looked at lately',
        }),
        challenge: z.string().optional(),
        solver: z.string().optional(),
        hops: z.array(hop).openapi({ description: 'Its CAA records, then the path of the proof' }),
        coveredBy: z
          .array(z.object({ name: z.string(), state, issuer: z.string(), notAfter: time.optional() }))
          .openapi({ description: 'Other certificates that cover it, at most five' }),
      }),
    ),
    outlook: z
      .object({
        issuer: z.string(),
        isKnown: z.boolean().openapi({ description: 'Whether anything is known of the CA’s limits' }),
        heldUntil: time.optional().openapi({ description: 'Until when the CA has asked to wait' }),
        refused: z
          .object({ quota: z.string(), until: time })
          .optional()
          .openapi({ description: 'The limit that allows the order only later' }),
        limits: z.array(
          z.object({
            ...{ limit: z.string(), of: z.string(), quota: z.string() },
            ...{ burst: z.number(), left: z.number(), nextAt: time.optional() },
          }),
        ),
      })
      .optional(),
  })
  .openapi('DeclarationCheck');

export const declared = z.object({ name: z.string(), revision: z.string() }).openapi('Declared');
