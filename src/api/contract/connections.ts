import { z } from '@hono/zod-openapi';
import { connectionSections } from '../../core/spec/connection.ts';
import { named, stored, time } from './shared.ts';

/** What certificates are connected with, as the store declares it. */

const section = z.enum(connectionSections);

const ofSection = { section: section.openapi({ param: { name: 'section', in: 'path' } }) };

export const sectioned = z.object(ofSection);

export const connectionNamed = z.object({ ...ofSection, ...named.shape });

export const connection = z
  .object({
    section,
    name: z.string(),
    type: z.string(),
    provider: z.string().optional().openapi({ description: 'Of a solver over DNS' }),
    declaredIn: z.enum(['file', 'store']),
    options: z.looseObject({}).openapi({
      description:
        'By the names of the fields of its type, without secrets; for viewers, only the directory of a well-known CA',
    }),
    secrets: z.array(z.string()).openapi({ description: 'The names of the secrets that are set; for viewers, none' }),
    certificates: z.array(z.string()).openapi({ description: 'At most 20 of the certificates that use it' }),
    certificateCount: z.number(),
    usedBy: z.array(z.object({ section, name: z.string() })).openapi({ description: 'The connections that use it' }),
    canTest: z.boolean(),
    leadsKeys: z.boolean().openapi({
      description: 'Private keys go where it says, so only administrators may change it, if the file lets them',
    }),
    revision: z.string().optional().openapi({ description: 'For If-Match' }),
    by: z.string().optional().openapi({ description: 'Who declared it last' }),
    at: time.optional(),
    refused: z.string().optional().openapi({ description: 'Why it is not used' }),
  })
  .openapi('Connection');

export const connections = z
  .object({
    connections: z.array(connection),
    takesSecrets: z
      .boolean()
      .openapi({ description: 'Whether the store has a key, without which it takes no secrets' }),
    changesTargets: z.boolean().openapi({ description: 'Whether administrators may declare deployers here' }),
  })
  .openapi('Connections');

export const connectionTypes = z
  .object({
    types: z.array(
      z.object({
        section,
        type: z.string(),
        provider: z.string().optional(),
        title: z.string(),
        homepage: z.string().optional(),
        fields: z.array(
          z.object({
            name: z.string().openapi({ example: 'options.token' }),
            title: z.string(),
            description: z.string().optional(),
            example: z.string().optional(),
            takes: z.enum(['text', 'number', 'boolean', 'choice', 'list', 'map', 'json']),
            choices: z.array(z.string()).optional().openapi({ description: 'Of a text, the usual ones' }),
            default: z.string().optional(),
            isRequired: z.boolean(),
            isSecret: z.boolean(),
            isEndpoint: z.boolean().openapi({ description: 'It says where secrets are sent' }),
          }),
        ),
      }),
    ),
  })
  .openapi('ConnectionTypes');

export const connectionSettings = z.looseObject({}).openapi('ConnectionSettings', {
  description:
    'An entry of its section in certfleet.yaml; options may also have the names of the fields of their type. It may not run programs, name files or modules, or refer to files or variables.',
  example: { type: 'dns01', provider: 'cloudflare', options: { token: 'the token' } },
});

export const connectionTest = z
  .strictObject({
    zone: z.string().max(253).optional().openapi({
      description: 'A zone in which a solver over DNS may write a record; for a balancer, a host to ask for',
    }),
  })
  .openapi('ConnectionTest');

export const connectionTested = z
  .object({
    ok: z.boolean(),
    steps: z.array(z.object({ step: z.string(), finding: z.string(), ms: z.number() })).openapi({
      description: 'What went well, in order',
    }),
    failure: z.object(stored).optional(),
    left: z.string().optional().openapi({ description: 'Why what was made for it could not be removed' }),
  })
  .openapi('ConnectionTested');
