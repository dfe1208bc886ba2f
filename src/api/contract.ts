import { z } from '@hono/zod-openapi';
import { roles } from '../core/access/role.ts';
import { servedStates } from '../core/plan/served.ts';
import { lineageStates } from '../core/plan/status.ts';
import { connectionSections } from '../core/spec/connection.ts';

/** What requests and answers of the API look like. */

const time = z.string().openapi({ format: 'date-time', example: '2026-12-24T18:00:00.000Z' });

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

const stored = {
  code: z.string().optional(),
  params: z.record(z.string(), z.string()).optional(),
  message: z.string().optional(),
  hint: z.string().optional(),
};

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

export const begun = z.object({ name: z.string(), action: z.string() }).openapi('Begun');

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

export const listQuery = z.object({
  search: z.string().max(253).optional().openapi({ description: 'Part of a name or of an identifier' }),
  state: state.optional(),
  issuer: z.string().max(200).optional(),
  sort: z.enum(['name', 'expiry', 'renewal']).default('name'),
  order: z.enum(['up', 'down']).default('up'),
  after: z.string().max(500).optional().openapi({ description: '`next` of the page before' }),
  limit: z.coerce.number().int().min(1).max(1_000).default(100),
});

export const named = z.object({
  name: z
    .string()
    .min(1)
    .max(200)
    .openapi({ param: { name: 'name', in: 'path' } }),
});

export const revocation = z
  .object({
    reason: z
      .enum(['unspecified', 'keyCompromise', 'affiliationChanged', 'superseded', 'cessationOfOperation'])
      .default('unspecified'),
  })
  .openapi('Revocation');

export const pause = z
  .object({ reason: z.string().max(200).optional().openapi({ description: 'Why; shown with the certificate' }) })
  .openapi('Pause');

export const passwordAgain = z.object({ password: z.string().max(1_000).optional() }).openapi('PasswordAgain');

export const condition = z.object({
  'if-match': z.string().optional().openapi({
    description: 'The ETag or the revision of the certificate that was seen',
  }),
});

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

const hops = z.array(z.looseObject({ state: z.enum(['well', 'cannot-tell', 'broken']) }));

export const path = z
  .object({
    paths: z.array(z.looseObject({ identifier: z.string(), challenge: z.string(), solver: z.string(), hops })),
    targets: z.array(z.looseObject({ target: z.string(), hops })),
  })
  .openapi('Path');

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
  .object({
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
            takes: z.enum(['text', 'number', 'boolean', 'choice', 'list']),
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
  .object({
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

export const declared = z.object({ name: z.string(), revision: z.string() }).openapi('Declared');
