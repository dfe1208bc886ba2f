import { createRoute, type z } from '@hono/zod-openapi';
import { isInScope } from '../core/access/role.ts';
import { fail } from '../core/errors/errors.ts';
import { present } from '../core/text/present.ts';
import type { DeclarationView } from '../fleet/web/declarations.ts';
import * as contract from './contract/declarations.ts';
import { named } from './contract/shared.ts';
import { type Api, type ApiParts, askerOf, body, copyOf, json, needs, revisionOf, usual, wrong } from './parts.ts';
import { problemOf } from './problem.ts';

const missing = { 404: wrong('The store declares no certificate of that name, or the token is not for it') };
const tags = { tags: ['Declarations'] };
const conditions =
  '`If-Match` with the revision that was seen lets nothing happen if the declaration has changed since; `If-None-Match: *` lets nothing happen if there is one.';

/** What the store declares. */
export function addDeclared(app: Api, { declarations, checks }: ApiParts): void {
  app.openapi(
    createRoute({
      ...{ ...tags, method: 'get', path: '/declared/certificates' },
      summary: 'List the certificates that the store declares, and what declarations may name',
      ...needs('look', 'certificates'),
      responses: { 200: json(contract.declarations, 'The declarations'), ...usual },
    }),
    async (c) => {
      const stored = await declarations.list(c.req.raw.signal);
      const certificates = stored.filter(({ name }) => isInScope(c.get('who'), name)).map(shown);
      const { issuers, solvers, deployers } = declarations.choices();
      const all = { issuers: [...issuers], solvers: [...solvers], deployers: [...deployers] };
      return c.json({ certificates, ...present({ choices: c.get('who').scope ? undefined : all }) }, 200);
    },
  );
  app.openapi(
    createRoute({
      ...{ ...tags, method: 'get', path: '/declared/certificates/{name}', summary: 'Show one declaration' },
      ...needs('look', 'certificates'),
      request: { params: named },
      responses: { 200: json(contract.declaration, 'The declaration; its revision is the ETag'), ...usual, ...missing },
    }),
    async (c) => {
      const { name } = c.req.valid('param');
      const found = isInScope(c.get('who'), name) ? await declarations.get(name, c.req.raw.signal) : undefined;
      if (!found) throw fail('config/not-declared', { name });
      c.header('etag', `"${found.revision}"`);
      return c.json(shown(found), 200);
    },
  );
  app.openapi(
    createRoute({
      ...{ ...tags, method: 'post', path: '/declared/certificates/check' },
      summary: 'Look at what the order of a certificate would meet, without ordering it',
      ...needs('declare', 'fleet'),
      description:
        'It asks what the preflight of an order asks: the DNS, the DNS provider or the load balancer, the directory of the CA, and the path of the challenge. It takes 10 s at most, and looks at 40 names at once, then at one more each second.',
      request: body(contract.checkRequest),
      responses: { 200: json(contract.declarationCheck, 'What was found'), ...usual },
    }),
    async (c) => {
      const { name, certificate } = c.req.valid('json');
      const found = await checks.check(askerOf(c), { name, certificate }, c.req.raw.signal);
      return c.json(copyOf(found) as never, 200);
    },
  );
  app.openapi(
    createRoute({
      ...{ ...tags, method: 'put', path: '/declared/certificates/{name}', summary: 'Declare a certificate' },
      ...needs('declare', 'fleet'),
      description: `It is ordered within seconds. ${conditions}`,
      request: { params: named, ...body(contract.declaredCertificate) },
      responses: {
        200: json(contract.declared, 'It is declared; its revision is the ETag'),
        ...usual,
        409: wrong('The configuration file declares it'),
        412: wrong('It has changed since'),
        422: wrong('Something is wrong with it: `fields` says what'),
      },
    }),
    async (c) => {
      const { name } = c.req.valid('param');
      const certificate = c.req.valid('json');
      const done = await declarations.declare(
        askerOf(c),
        { name, certificate, ifRevision: revisionOf(c) },
        c.req.raw.signal,
      );
      if ('wrong' in done)
        return problemOf(c, fail('config/declaration-refused', { name }), { fields: done.wrong }) as never;
      c.header('etag', `"${done.revision}"`);
      return c.json({ name, revision: done.revision }, 200);
    },
  );
  app.openapi(
    createRoute({
      ...{ ...tags, method: 'delete', path: '/declared/certificates/{name}', summary: 'Remove a declaration' },
      ...needs('declare', 'fleet'),
      description: `The certificate stays, and is not renewed any longer. ${conditions}`,
      request: { params: named },
      responses: {
        ...{ 204: { description: 'Removed' }, ...usual, ...missing },
        ...{ 409: wrong('The configuration file declares it'), 412: wrong('It has changed since') },
      },
    }),
    async (c) => {
      const { name } = c.req.valid('param');
      await declarations.remove(askerOf(c), { name, ifRevision: revisionOf(c) }, c.req.raw.signal);
      return c.body(null, 204);
    },
  );
}

const shown = ({ certificate, ...rest }: DeclarationView): z.infer<typeof contract.declaration> => ({
  ...rest,
  ...present({ certificate: certificate && { ...certificate } }),
});
