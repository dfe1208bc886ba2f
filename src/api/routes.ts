import { createRoute, OpenAPIHono, type z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { streamSSE } from 'hono/streaming';
import type { Audit } from '../access/audit.ts';
import type { Env } from '../access/who.ts';
import { isInScope } from '../core/access/role.ts';
import { asFailure } from '../core/errors/errors.ts';
import { version } from '../core/errors/version.ts';
import { say } from '../core/errors/wording.ts';
import { lineageNotFound } from '../core/names/not-found.ts';
import { present } from '../core/text/present.ts';
import { act, type FleetAction, type FleetActions } from '../fleet/actions.ts';
import type { CertificateView, FleetView } from '../fleet/view.ts';
import * as contract from './contract.ts';
import { problem, statusOf } from './problem.ts';

export interface ApiParts {
  readonly view: FleetView;
  readonly actions: FleetActions;
  readonly audit: Pick<Audit, 'record'>;
}

const json = <S extends z.ZodType>(schema: S, description: string) => ({
  description,
  content: { 'application/json': { schema } },
});
const wrong = (description: string) => ({
  description,
  content: { 'application/problem+json': { schema: contract.problemDocument } },
});
/** What every route may answer. */
const usual = { 401: wrong('No valid login or token'), 403: wrong('The role or the scope does not allow it') };
const missing = { 404: wrong('There is no such certificate') };
const tags = (name: string) => ({ tags: [name] });

/** The actions, with what each of them needs and does. */
const acts = {
  renew: { action: 'renew', summary: 'Renew it now, even if it is not due' },
  deploy: { action: 'redeploy', summary: 'Deliver its current version to every target again' },
  rollback: { action: 'rollback', summary: 'Go back to the version before' },
  revoke: { action: 'revoke', summary: 'Revoke its current version at the CA' },
} as const satisfies Readonly<Record<string, { readonly action: FleetAction; readonly summary: string }>>;

/** The API, without what is before its paths. */
export function createApi({ view, actions, audit }: ApiParts): OpenAPIHono<Env> {
  const app = new OpenAPIHono<Env>({
    defaultHook(result, c) {
      if (result.success) return undefined;
      const fields = Object.fromEntries(
        result.error.issues.map(({ path, message }) => [path.map(String).join('.'), message]),
      );
      return problem(c, { status: 400, title: 'The request is not as the description of the API says.', fields });
    },
  });
  app.onError((error, c) => {
    const failure = asFailure(error);
    const { message, hint } = say(failure, c.get('language'));
    return problem(c, {
      ...{ status: statusOf(failure), title: message, code: failure.code },
      ...present({ params: failure.params, hint: hint || undefined }),
    });
  });
  app.notFound((c) => problem(c, { status: 404, title: 'There is no such path.' }));

  const sees = (c: Context<Env>, name: string): boolean => isInScope(c.get('who'), name);
  const forbidden = (c: Context<Env>): Response =>
    problem(c, { status: 403, title: `The role ${c.get('who').role} does not allow this.` });

  app.openapi(
    createRoute({
      ...tags('Certificates'),
      ...{ method: 'get', path: '/certificates', summary: 'List certificates, a page at a time' },
      request: { query: contract.listQuery },
      responses: { 200: json(contract.list, 'One page'), 400: wrong('A parameter is wrong'), ...usual },
    }),
    (c) => {
      const { order, ...query } = c.req.valid('query');
      const { scope } = c.get('who');
      const isVisible = scope && ((name: string) => sees(c, name));
      const page = view.list({ ...query, isDescending: order === 'down', ...present({ isVisible }) });
      const { rows, total, sequence, next } = page;
      return c.json({ certificates: rows.map(copyOf), total, sequence, ...present({ next }) }, 200);
    },
  );
  app.openapi(
    createRoute({
      ...tags('Certificates'),
      ...{ method: 'get', path: '/certificates/{name}', summary: 'Show one certificate' },
      request: { params: contract.named },
      responses: { 200: json(contract.detail, 'The certificate; its revision is the ETag'), ...usual, ...missing },
    }),
    async (c) => {
      const found = await one(c, c.req.valid('param').name);
      const etag = `"${found.revision}"`;
      c.header('etag', etag);
      if (c.req.header('if-none-match') === etag && found.row.state !== 'working') return c.body(null, 304) as never;
      return c.json(detailOf(found), 200);
    },
  );
  app.openapi(
    createRoute({
      ...tags('Certificates'),
      ...{ method: 'get', path: '/certificates/{name}/history', summary: 'Show what its last runs did' },
      request: { params: contract.named },
      responses: { 200: json(contract.history, 'The runs, the latest first'), ...usual, ...missing },
    }),
    async (c) => c.json({ runs: (await one(c, c.req.valid('param').name)).runs.map(copyOf) } as never, 200),
  );

  for (const [path, { action, summary }] of Object.entries(acts)) {
    const body =
      action === 'revoke' ? { body: { content: { 'application/json': { schema: contract.revocation } } } } : {};
    app.openapi(
      createRoute({
        ...tags('Actions'),
        ...{ method: 'post', path: `/certificates/{name}/${path}`, summary },
        description:
          'Begins it and answers at once. `If-Match` with the revision that was seen lets nothing happen if the certificate has changed since, so a repeated request acts once.',
        request: { params: contract.named, ...body },
        responses: {
          ...{ 202: json(contract.begun, 'It has begun'), ...usual, ...missing },
          ...{ 409: wrong('A process works on it'), 412: wrong('It has changed since') },
        },
      }),
      async (c) => {
        const { name } = c.req.valid('param');
        const ifRevision = revisionIn(c.req.header('if-match'));
        const reason =
          action === 'revoke'
            ? (c.req.valid('json' as never) as z.infer<typeof contract.revocation>)?.reason
            : undefined;
        const asker = { who: c.get('who'), from: c.get('from') };
        await act({ actions, audit }, asker, { action, name, ifRevision, reason }, c.req.raw.signal);
        return c.json({ name, action: path }, 202);
      },
    );
  }

  app.openapi(
    createRoute({
      ...tags('Fleet'),
      ...{ method: 'get', path: '/overview', summary: 'Count the certificates, and list those that need a person' },
      responses: { 200: json(contract.overview, 'All at a glance'), ...usual },
    }),
    (c) => (c.get('who').scope ? (forbidden(c) as never) : c.json(copyOf(view.overview()) as never, 200)),
  );
  app.openapi(
    createRoute({
      ...tags('Fleet'),
      ...{ method: 'get', path: '/alarms', summary: 'List the open alarms' },
      responses: { 200: json(contract.alarms, 'The open alarms, the latest first'), ...usual },
    }),
    async (c) =>
      c.get('who').scope ? (forbidden(c) as never) : c.json(copyOf(await view.alarms(c.req.raw.signal)) as never, 200),
  );
  app.openapi(
    createRoute({
      ...tags('Fleet'),
      ...{ method: 'get', path: '/limits', summary: 'Show what is left of each CA’s rate limits' },
      responses: { 200: json(contract.limits, 'By CA'), ...usual },
    }),
    async (c) =>
      c.get('who').scope
        ? (forbidden(c) as never)
        : c.json({ cas: (await view.limits(c.req.raw.signal)).map(copyOf) } as never, 200),
  );

  app.get('/events', (c) => {
    const since = Number(c.req.header('last-event-id') ?? c.req.query('since') ?? view.sequence);
    return streamSSE(c, async (stream) => {
      const over = new AbortController();
      stream.onAbort(() => over.abort());
      const changes = Number.isSafeInteger(since) ? view.follow(since, over.signal) : undefined;
      if (!changes) return stream.writeSSE({ event: 'reload', id: String(view.sequence), data: '{}' });
      for await (const { id, names } of changes) {
        const visible = names.filter((name) => sees(c, name));
        if (visible.length > 0)
          await stream.writeSSE({ event: 'changed', id: String(id), data: JSON.stringify({ names: visible }) });
      }
    });
  });
  app.doc31('/openapi.json', description);
  return app;

  async function one(c: Context<Env>, name: string): Promise<CertificateView> {
    const found = sees(c, name) ? await view.certificate(name, c.req.raw.signal) : undefined;
    if (!found) throw lineageNotFound(name, []);
    return found;
  }
}

/** What stands at the head of the OpenAPI document. */
export const description = {
  openapi: '3.1.0',
  info: {
    title: 'certfleet',
    version,
    description:
      'What `certfleet run` shows and does. Errors are problem documents (RFC 9457) with a code that `certfleet explain` describes.',
  },
  servers: [{ url: '/api/v1' }],
};

function detailOf({ row, status: { spec: _settings, ...status }, failure, runs, ...rest }: CertificateView) {
  return copyOf({ ...row, ...rest, status, runs, ...present({ lastFailure: failure }) }) as never;
}

/** The types of the contract are not readonly. */
const copyOf = <T>(value: T): Mutable<T> => value as Mutable<T>;
type Mutable<T> = T extends readonly (infer I)[]
  ? Mutable<I>[]
  : T extends object
    ? { -readonly [K in keyof T]: Mutable<T[K]> }
    : T;

/** Returns the revision of `If-Match`; undefined if any will do. */
function revisionIn(header: string | undefined): string | undefined {
  if (header === undefined || header.trim() === '*') return undefined;
  return /^(?:W\/)?"([^"]*)"$/.exec(header.trim())?.[1] ?? header.trim();
}
