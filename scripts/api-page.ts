import type { apiDocument } from '../src/api/routes.ts';
import { code, table } from './markdown.ts';

type Document = ReturnType<typeof apiDocument>;

interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly string[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly allOf?: readonly Schema[];
  readonly default?: unknown;
  readonly description?: string;
  readonly format?: string;
}
interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
  readonly schema: Schema;
}
type Content = Readonly<Record<string, { readonly schema: Schema }>>;
interface Operation {
  readonly tags: readonly string[];
  readonly summary: string;
  readonly description?: string;
  readonly 'x-role': string;
  readonly 'x-about': string;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: Content };
  readonly responses: Readonly<Record<string, { readonly description: string; readonly content?: Content }>>;
}

/** The examples use these, and a test replaces them. */
export const exampleSocket = '/run/certfleet/pages.sock';
export const exampleName = 'www.example.com';

const at = (path: string): string => `http://localhost/api/v1${path.replace('{name}', exampleName)}`;
const curl = (path: string, ...options: readonly string[]): string =>
  ['curl --silent --show-error --fail-with-body', `--unix-socket ${exampleSocket}`, ...options, `'${at(path)}'`].join(
    ' \\\n  ',
  );
const sent = (data: object): string => `--json '${JSON.stringify(data)}'`;

/** What is more than the path of a route. */
const examples: Readonly<Record<string, string>> = {
  'GET /certificates': curl('/certificates?state=valid&sort=expiry&limit=10'),
  'POST /certificates/{name}/renew': `etag=$(${curl('/certificates/{name}', '--output /dev/null', "--write-out '%header{etag}'")})
${curl('/certificates/{name}/renew', '--request POST', '--header "If-Match: $etag"')}`,
  'POST /certificates/{name}/revoke': curl('/certificates/{name}/revoke', sent({ reason: 'superseded' })),
  'PUT /declared/certificates/{name}': curl(
    '/declared/certificates/{name}',
    '--request PUT',
    sent({ identifiers: [exampleName], solver: 'dns' }),
  ),
  'POST /declared/certificates/check': curl(
    '/declared/certificates/check',
    sent({ certificate: { identifiers: [exampleName], solver: 'dns' } }),
  ),
  'GET /adapters/{section}': curl('/adapters/solvers'),
  'GET /declared/{section}/{name}': curl('/declared/issuers/internal'),
  'PUT /declared/{section}/{name}': curl(
    '/declared/issuers/internal',
    '--request PUT',
    sent({ directory: 'https://ca.example.internal/acme/directory', agreeToTerms: true }),
  ),
  'DELETE /declared/{section}/{name}': curl('/declared/issuers/internal', '--request DELETE'),
  'POST /declared/{section}/{name}/test': curl('/declared/issuers/internal/test', '--request POST'),
  'GET /plan': curl('/plan?until=30d'),
  'GET /audit': curl('/audit?limit=20'),
  'POST /users': curl(
    '/users',
    sent({ name: 'ann', password: 'a few words that fit together badly', role: 'operator' }),
  ),
  'DELETE /users/{name}': curl('/users/ann', '--request DELETE'),
  'POST /tokens': curl('/tokens', sent({ name: 'ci', role: 'operator', scope: ['www.*'] })),
  'DELETE /tokens/{name}': curl('/tokens/ci', '--request DELETE'),
  'GET /events': `${curl('/events', '--no-buffer', '--max-time 5')} || test $? = 28  # 28: the five seconds are over`,
};

function exampleOf(method: string, path: string): string {
  return examples[`${method} ${path}`] ?? curl(path, ...(method === 'GET' ? [] : [`--request ${method}`]));
}

/** docs/reference/api.md. */
export function apiPage({ paths = {}, components }: Document): string {
  const schemas = (components?.schemas ?? {}) as Readonly<Record<string, Schema>>;
  const operations = Object.entries(paths).flatMap(([path, item]) =>
    Object.entries(item as Readonly<Record<string, Operation>>).map(([method, operation]) => ({
      ...{ path, method: method.toUpperCase(), operation },
    })),
  );
  const byTag = new Map<string, typeof operations>();
  for (const one of operations) {
    const [tag = ''] = one.operation.tags;
    byTag.set(tag, [...(byTag.get(tag) ?? []), one]);
  }
  const sections = [...byTag].flatMap(([tag, all]) => [
    `## ${tag}\n`,
    ...all.map(({ method, path, operation }) => section(method, path, operation, schemas)),
  ]);
  const shapes = Object.entries(schemas).flatMap(([name, schema]) => {
    const rows = rowsOf(schema, schemas);
    return rows.length === 0
      ? [`### ${name}\n\n${[schema.description ?? '', valuesOf(schema)].filter(Boolean).join('. ')}\n`]
      : [`### ${name}\n\n${table(['field', 'value', 'meaning'], rows)}\n`];
  });
  return `${[introduction, ...sections, '## Shapes\n', ...shapes].join('\n').trimEnd()}\n`;
}

function section(
  method: string,
  path: string,
  operation: Operation,
  schemas: Readonly<Record<string, Schema>>,
): string {
  const { summary, description, parameters = [], requestBody, responses } = operation;
  const rows = parameters
    .filter((one) => one.in !== 'path')
    .map(({ name, in: place, schema }) => [
      code(name),
      place,
      `${typeOf(schema)}${schema.default === undefined ? '' : `; default ${code(schema.default)}`}`,
      schema.description ?? '',
    ]);
  const asked = requestBody?.content['application/json']?.schema;
  const [status = '', answer] = Object.entries(responses).find(([one]) => one.startsWith('2')) ?? [];
  const shape = Object.values(answer?.content ?? {})[0]?.schema;
  const parts = [
    `### ${method} ${path}\n`,
    `${summary}.${description === undefined ? '' : ` ${description}`}\n`,
    `Role: ${operation['x-role']}${operation['x-about'] === 'fleet' ? '; not for tokens with a scope' : ''}.\n`,
    ...(rows.length === 0 ? [] : [`${table(['parameter', 'in', 'value', 'meaning'], rows)}\n`]),
    ...(asked ? [`Sends ${linked(asked, schemas)}.\n`] : []),
    `Answers ${status}${shape?.$ref ? ` with ${linked(shape, schemas)}` : ''}.\n`,
    `\`\`\`sh\n${exampleOf(method, path)}\n\`\`\`\n`,
  ];
  return parts.join('\n');
}

const nameOf = ({ $ref }: Schema): string | undefined => $ref?.split('/').at(-1);

function linked(schema: Schema, schemas: Readonly<Record<string, Schema>>): string {
  const name = nameOf(schema);
  return name !== undefined && schemas[name] ? `[${name}](#${name.toLowerCase()})` : typeOf(schema);
}

const valuesOf = ({ enum: values = [] }: Schema): string => values.map(code).join(', ');

function typeOf(schema: Schema): string {
  const name = nameOf(schema);
  if (name !== undefined) return `[${name}](#${name.toLowerCase()})`;
  if (schema.enum) return valuesOf(schema);
  if (schema.items) return `list of ${typeOf(schema.items)}`;
  if (schema.allOf?.[0]) return typeOf(schema.allOf[0]);
  return schema.format === 'date-time' ? 'time (RFC 3339)' : [schema.type ?? 'any'].flat().join(' or ');
}

function rowsOf(schema: Schema, schemas: Readonly<Record<string, Schema>>): readonly (readonly string[])[] {
  const inherited = (schema.allOf ?? []).flatMap((one) => rowsOf(schemas[nameOf(one) ?? ''] ?? one, schemas));
  const { properties = {}, required = [] } = schema;
  const own = Object.entries(properties).map(([name, field]) => [
    code(name),
    `${typeOf(field)}${required.includes(name) ? '' : '; may be left out'}`,
    field.description ?? '',
  ]);
  return [...inherited, ...own];
}

const introduction = `<!-- Made by \`npm run gen\`. Do not edit. -->

# API

\`certfleet run\` answers below \`/api/v1\` wherever \`pages.listen\` says. [openapi.json](openapi.json) describes the same for programs (OpenAPI 3.1); a running certfleet serves it at \`/api/v1/openapi.json\`.

Over the Unix socket of \`pages.listen\`, as in the examples below, every request is an administrator’s. \`certfleet api\` does the same without curl:

\`\`\`
certfleet api GET /certificates
certfleet api POST ${'/certificates/'}${exampleName}/renew
\`\`\`

Over TCP, send an API token, which \`certfleet token add\` makes: \`curl --header "Authorization: Bearer $TOKEN" https://certfleet.example.com/api/v1/certificates\`. A token with a scope sees only its certificates; others do not exist for it.

- **Pages.** A list has \`next\` while there is more. Send it as \`after\`.
- **If-Match.** Send the \`ETag\` of a certificate with an action. If the certificate has changed since, nothing happens, and the answer is 412: a repeated request acts once.
- **Errors** are problem documents (RFC 9457): \`code\` and \`params\` for programs, \`title\` and \`hint\` for people, in the language of \`Accept-Language\` (English or Chinese). [errors.md](errors.md) lists the codes.
- **Actions** begin at once and are answered with 202. What becomes of them is in the certificate and its history.
`;
