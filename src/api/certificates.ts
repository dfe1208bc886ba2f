import { createRoute, type z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { Env } from '../access/who.ts';
import { isInScope } from '../core/access/role.ts';
import { fail } from '../core/errors/errors.ts';
import { lineageNotFound } from '../core/names/not-found.ts';
import { present } from '../core/text/present.ts';
import { act, type FleetAction } from '../fleet/web/actions.ts';
import type { CertificateView } from '../fleet/web/view.ts';
import * as contract from './contract/certificates.ts';
import { condition, named } from './contract/shared.ts';
import { type Api, type ApiParts, askerOf, copyOf, json, missing, needs, refuseUnseen, usual, wrong } from './parts.ts';

const tags = { tags: ['Certificates'] };

const sumOf = (counts: readonly number[]): number => counts.reduce((sum, count) => sum + count, 0);

/** The list, and what is known of one certificate. */
export function addCertificates(app: Api, { view, draw, life }: ApiParts): void {
  app.openapi(
    createRoute({
      ...{ ...tags, method: 'get', path: '/certificates', summary: 'List certificates, a page at a time' },
      ...needs('look', 'certificates'),
      request: { query: contract.listQuery },
      responses: { 200: json(contract.list, 'One page'), ...usual },
    }),
    (c) => {
      const { order, ...query } = c.req.valid('query');
      const who = c.get('who');
      const isVisible = who.scope && ((name: string) => isInScope(who, name));
      const page = view.list({ ...query, isDescending: order === 'down', ...present({ isVisible }) });
      const { rows, sequence, next } = page;
      // How many there are is not for those who see some.
      const total = isVisible ? undefined : page.total;
      const { search, state, issuer } = query;
      const isFiltered = search || state || issuer || isVisible;
      const counts = isFiltered ? view.count({ search, issuer, ...present({ isVisible }) }) : undefined;
      const matching = counts ? (state ? counts[state] : sumOf(Object.values(counts))) : page.total;
      const answer = {
        certificates: rows.map(copyOf),
        matching,
        sequence: `${life}.${sequence}`,
        ...present({ total, next }),
      };
      return c.json(answer, 200);
    },
  );
  app.openapi(
    createRoute({
      ...{ ...tags, method: 'get', path: '/certificates/{name}', summary: 'Show one certificate' },
      description: 'Its ETag serves as `If-None-Match` here and as `If-Match` of the actions.',
      ...needs('look', 'certificates'),
      request: { params: named },
      responses: {
        ...{ 200: json(contract.detail, 'The certificate'), 304: { description: 'It has not changed' } },
        ...{ ...usual, ...missing },
      },
    }),
    async (c) => {
      const found = await one(c, c.req.valid('param').name);
      const etag = etagOf(found);
      c.header('etag', etag);
      if (isAmong(c.req.header('if-none-match'), etag)) return c.body(null, 304) as never;
      return c.json(detailOf(found), 200);
    },
  );
  app.openapi(
    createRoute({
      ...{ ...tags, method: 'get', path: '/certificates/{name}/history', summary: 'Show what its last runs did' },
      ...needs('look', 'certificates'),
      request: { params: named },
      responses: { 200: json(contract.history, 'The runs, the latest first'), ...usual, ...missing },
    }),
    async (c) => c.json({ runs: (await one(c, c.req.valid('param').name)).runs.map(copyOf) } as never, 200),
  );
  app.openapi(
    createRoute({
      ...{ ...tags, method: 'get', path: '/certificates/{name}/path' },
      summary: 'Draw the path of the CA’s request, and ask the targets',
      description:
        'The same as `certfleet doctor NAME --json`. It looks at everything anew, which may take seconds; four are drawn at once, and others wait.',
      ...needs('look', 'certificates'),
      request: { params: named },
      responses: { 200: json(contract.path, 'The paths, hop by hop'), ...usual, ...missing },
    }),
    async (c) => {
      const { name } = c.req.valid('param');
      await one(c, name);
      return c.json(copyOf(await draw(name, c.req.raw.signal)) as never, 200);
    },
  );

  async function one(c: Context<Env>, name: string): Promise<CertificateView> {
    refuseUnseen(c, name);
    const found = await view.certificate(name, c.req.raw.signal);
    if (!found) throw lineageNotFound(name, []);
    return found;
  }
}

/** The actions, with what each of them needs and does. */
export const acts = {
  renew: { action: 'renew', right: 'renew', summary: 'Renew it now, even if it is not due' },
  deploy: { action: 'redeploy', right: 'renew', summary: 'Deliver its current version to every target again' },
  rollback: { action: 'rollback', right: 'rollback', summary: 'Go back to the version before' },
  revoke: { action: 'revoke', right: 'revoke', summary: 'Revoke its current version at the CA' },
  pause: { action: 'pause', right: 'renew', summary: 'Leave it alone until it is resumed' },
  resume: { action: 'resume', right: 'renew', summary: 'End its pause' },
} as const satisfies Readonly<Record<string, { readonly action: FleetAction; readonly [more: string]: string }>>;

export function addActions(app: Api, { actions, access: { audit } }: ApiParts): void {
  for (const [path, { action, right, summary }] of Object.entries(acts)) {
    const schema = action === 'revoke' ? contract.revocation : action === 'pause' ? contract.pause : undefined;
    const body = schema ? { body: { content: { 'application/json': { schema } } } } : {};
    const isAtOnce = action === 'pause' || action === 'resume';
    app.openapi(
      createRoute({
        ...{ tags: ['Actions'], method: 'post', path: `/certificates/{name}/${path}`, summary },
        description: `${isAtOnce ? atOnce : begins} With \`If-Match\`, nothing happens if the certificate has changed since, so a repeated request acts once.`,
        ...needs(right, 'certificates'),
        request: { params: named, headers: condition, ...body },
        responses: {
          ...(isAtOnce ? { 200: json(contract.begun, 'It is done') } : { 202: json(contract.begun, 'It has begun') }),
          ...{ ...usual, ...missing },
          ...{ 409: wrong('A process works on it'), 412: wrong('It has changed since') },
        },
      }),
      async (c) => {
        const { name } = c.req.valid('param');
        const ifRevision = revisionIn(c.req.header('if-match'));
        const given = schema && c.req.valid('json' as never);
        const request = {
          ...{ action, name, ifRevision },
          reason: action === 'revoke' ? revocationIn(given) : undefined,
          why: action === 'pause' ? pauseIn(given) : undefined,
        };
        await act({ actions, audit }, askerOf(c), request, c.req.raw.signal);
        return c.json({ name, action: path }, isAtOnce ? 200 : 202) as never;
      },
    );
  }
}

const begins = 'Begins it and answers at once; the certificate and its history show what becomes of it.';
const atOnce =
  'While it is paused, it is neither ordered, renewed nor delivered by itself; the other actions of this API still act on it.';

/** Without a body, there is nothing that was validated. */
const revocationIn = (body: unknown) => (body as Partial<z.infer<typeof contract.revocation>> | undefined)?.reason;
const pauseIn = (body: unknown) => (body as Partial<z.infer<typeof contract.pause>> | undefined)?.reason;

function detailOf({ row, status: { spec: _settings, ...status }, failure, runs, ...rest }: CertificateView) {
  return copyOf({ ...row, ...rest, status, runs, ...present({ lastFailure: failure }) }) as never;
}

/** Its state may change with time alone, and its history after its document. */
const etagOf = ({ revision, row: { state, step }, runs: [last] }: CertificateView): string =>
  `"${[revision, state, step ?? '', last ? Date.parse(last.endedAt).toString(36) : ''].join('~')}"`;

const isAmong = (header = '', etag: string): boolean =>
  header.split(',').some((one) => ['*', etag, `W/${etag}`].includes(one.trim()));

/** Returns the revision of `If-Match`, which is an ETag or the revision itself; undefined if any will do. */
function revisionIn(header: string | undefined): string | undefined {
  const text = header?.trim();
  if (text === undefined || text === '*') return undefined;
  const [, etag] = /^(?:W\/)?"([^"]*)"$/.exec(text) ?? [];
  if (etag === undefined && !/^[\w.-]*$/.test(text))
    throw fail('usage/invalid-value', {
      typed: `If-Match: ${text}`,
      form: 'one ETag or the revision of a certificate',
    });
  return (etag ?? text).split('~')[0];
}
