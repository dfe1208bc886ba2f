import { createRoute, type z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { Env } from '../access/who.ts';
import { fail } from '../core/errors/errors.ts';
import { say } from '../core/errors/wording.ts';
import { present } from '../core/text/present.ts';
import { type ConnectionView, seenBy } from '../fleet/web/connections.ts';
import * as contract from './contract/connections.ts';
import { declared } from './contract/declarations.ts';
import { type Api, type ApiParts, askerOf, body, copyOf, json, needs, revisionOf, usual, wrong } from './parts.ts';
import { problemOf } from './problem.ts';

const path = '/declared/{section}/{name}' as const;
const tags = { tags: ['Connections'] };
const missing = { 404: wrong('Neither the file nor the store declares it') };
const changing = {
  ...{ 409: wrong('The configuration file declares it, or something uses it'), 412: wrong('It has changed since') },
};
const conditions =
  '`If-Match` with the revision that was seen lets nothing happen if the declaration has changed since; `If-None-Match: *` lets nothing happen if there is one.';
const targets =
  'Deployers, and balancers that a deployer uses, are for administrators, and only with `pages.changeTargets`.';

/** Issuers, balancers, solvers, deployers and notifiers, and what the store declares of them. */
export function addConnections(app: Api, { connections }: ApiParts): void {
  app.openapi(
    createRoute({
      ...{ ...tags, method: 'get', path: '/connections' },
      summary: 'List issuers, balancers, solvers, deployers and notifiers of the file and the store',
      ...needs('look', 'fleet'),
      responses: { 200: json(contract.connections, 'The connections, by section and name'), ...usual },
    }),
    async (c) => {
      const { takesSecrets } = connections;
      const all = await connections.list(c.req.raw.signal);
      return c.json(
        { connections: all.map((one) => shownTo(c, one)), takesSecrets, changesTargets: connections.changesTargets() },
        200,
      );
    },
  );
  app.openapi(
    createRoute({
      ...{ ...tags, method: 'get', path: '/adapters/{section}' },
      summary: 'List the types that the store may declare, with their options',
      ...needs('look', 'fleet'),
      request: { params: contract.sectioned },
      responses: { 200: json(contract.connectionTypes, 'The types, by title'), ...usual },
    }),
    async (c) => c.json({ types: copyOf(await connections.types(c.req.valid('param').section)) }, 200),
  );
  app.openapi(
    createRoute({
      ...{ ...tags, method: 'get', path, summary: 'Show one connection' },
      ...needs('look', 'fleet'),
      request: { params: contract.connectionNamed },
      responses: { 200: json(contract.connection, 'The connection; its revision is the ETag'), ...usual, ...missing },
    }),
    async (c) => {
      const { section, name } = c.req.valid('param');
      const found = await connections.get(section, name, c.req.raw.signal);
      if (!found) throw fail('config/not-declared', { name });
      if (found.revision !== undefined) c.header('etag', `"${found.revision}"`);
      return c.json(shownTo(c, found), 200);
    },
  );
  app.openapi(
    createRoute({
      ...{ ...tags, method: 'put', path, summary: 'Declare a connection in the store' },
      description: `Certificates may name it at once. A secret that is left out, or empty, stays as it is, and null removes it; where secrets are sent to another place than before, all must be given again. ${targets} ${conditions}`,
      ...needs('connect', 'fleet'),
      request: { params: contract.connectionNamed, ...body(contract.connectionSettings) },
      responses: {
        200: json(declared, 'It is declared; its revision is the ETag'),
        ...{ ...usual, ...changing, 422: wrong('Something is wrong with it: `fields` says what') },
      },
    }),
    async (c) => {
      const { section, name } = c.req.valid('param');
      const request = { section, name, settings: c.req.valid('json'), ifRevision: revisionOf(c) };
      const done = await connections.declare(askerOf(c), request, c.req.raw.signal);
      if ('wrong' in done) return refused(c, name, done.wrong);
      c.header('etag', `"${done.revision}"`);
      return c.json({ name, revision: done.revision }, 200);
    },
  );
  app.openapi(
    createRoute({
      ...{ ...tags, method: 'delete', path, summary: 'Remove a connection from the store' },
      description: `Nothing may use it. ${targets} ${conditions}`,
      ...needs('connect', 'fleet'),
      request: { params: contract.connectionNamed },
      responses: { ...{ 204: { description: 'Removed' }, ...usual, ...missing }, ...changing },
    }),
    async (c) => {
      const { section, name } = c.req.valid('param');
      await connections.remove(askerOf(c), { section, name, ifRevision: revisionOf(c) }, c.req.raw.signal);
      return c.body(null, 204);
    },
  );
  app.openapi(
    createRoute({
      ...{ ...tags, method: 'post', path: `${path}/test`, summary: 'Try a connection' },
      description:
        'Writes a record in a zone, makes a rule at a balancer, sends a message to a notifier, or reads the directory of a CA, and leaves nothing. It answers once that is over, which may take minutes.',
      ...needs('connect', 'fleet'),
      request: {
        params: contract.connectionNamed,
        body: { content: { 'application/json': { schema: contract.connectionTest } } },
      },
      responses: {
        200: json(contract.connectionTested, 'How it went, also if it failed'),
        ...{ ...usual, ...missing, 422: wrong('What is needed for it is missing: `fields` says what') },
      },
    }),
    async (c) => {
      const { section, name } = c.req.valid('param');
      const { zone } = (c.req.valid('json') as z.infer<typeof contract.connectionTest> | undefined) ?? {};
      const done = await connections.test(askerOf(c), { section, name, zone }, c.req.raw.signal);
      if ('wrong' in done) return refused(c, name, done.wrong);
      const { ok, steps, failure, left } = done;
      const { code, params } = failure ?? {};
      const said = failure && { ...present({ code, params }), ...say(failure, c.get('language') ?? 'en') };
      return c.json({ ok, steps: copyOf(steps), ...present({ failure: said, left }) }, 200);
    },
  );
}

const refused = (c: Context<Env>, name: string, fields: Readonly<Record<string, string>>) =>
  problemOf(c, fail('config/declaration-refused', { name }), { fields }) as never;

const shownTo = (c: Context<Env>, view: ConnectionView): z.infer<typeof contract.connection> =>
  copyOf(seenBy(c.get('who'), view)) as never;
