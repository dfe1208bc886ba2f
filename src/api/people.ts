import { createRoute } from '@hono/zod-openapi';
import { fail } from '../core/errors/errors.ts';
import { present } from '../core/text/present.ts';
import * as contract from './contract/people.ts';
import { named } from './contract/shared.ts';
import { type Api, type ApiParts, body, byOf, copyOf, json, missing, needs, usual, wrong } from './parts.ts';

const tags = { tags: ['People'] };
const dayMs = 86_400_000;
const [usualDays, mostDays] = [7, 400];

/** Users, API tokens and the audit log. */
export function addPeople(app: Api, { access: { users, tokens, audit }, clock }: ApiParts): void {
  app.openapi(
    createRoute({
      ...{ ...tags, method: 'get', path: '/users', summary: 'List the users' },
      ...needs('users', 'fleet'),
      responses: { 200: json(contract.users, 'The users'), ...usual },
    }),
    async (c) => c.json({ users: (await users.list(c.req.raw.signal)).map(copyOf) }, 200),
  );
  app.openapi(
    createRoute({
      ...{ ...tags, method: 'post', path: '/users', summary: 'Make a user' },
      ...needs('users', 'fleet'),
      request: body(contract.newUser),
      responses: {
        ...{ 201: json(contract.madeUser, 'The user'), ...usual },
        ...{ 409: wrong('There is one of that name'), 422: wrong('The name or the password will not do') },
      },
    }),
    async (c) => {
      const user = c.req.valid('json');
      await users.add(user, byOf(c), c.req.raw.signal);
      return c.json({ name: user.name.trim().toLowerCase(), role: user.role }, 201);
    },
  );
  app.openapi(
    createRoute({
      ...{ ...tags, method: 'delete', path: '/users/{name}', summary: 'Remove a user, and end the logins' },
      ...needs('users', 'fleet'),
      request: { params: named },
      responses: {
        ...{ 204: { description: 'Removed' }, ...usual, ...missing },
        409: wrong('The last administrator stays'),
      },
    }),
    async (c) => {
      await users.remove(c.req.valid('param').name, byOf(c), c.req.raw.signal);
      return c.body(null, 204);
    },
  );
  app.openapi(
    createRoute({
      ...{ ...tags, method: 'get', path: '/tokens', summary: 'List the API tokens, without their secrets' },
      ...needs('tokens', 'fleet'),
      responses: { 200: json(contract.tokens, 'The tokens'), ...usual },
    }),
    async (c) => c.json({ tokens: (await tokens.list(c.req.raw.signal)).map(copyOf) } as never, 200),
  );
  app.openapi(
    createRoute({
      ...{ ...tags, method: 'post', path: '/tokens', summary: 'Make an API token, which is shown once' },
      ...needs('tokens', 'fleet'),
      request: body(contract.newToken),
      responses: {
        ...{ 201: json(contract.madeToken, 'The token'), ...usual },
        ...{ 409: wrong('There is one of that name'), 422: wrong('The name or the scope will not do') },
      },
    }),
    async (c) => {
      const { name, role, scope, expiresAt } = c.req.valid('json');
      const token = await tokens.add({ name, role, ...present({ scope, expiresAt }) }, byOf(c), c.req.raw.signal);
      return c.json({ name, role, ...present({ scope, expiresAt }), token }, 201);
    },
  );
  app.openapi(
    createRoute({
      ...{ ...tags, method: 'delete', path: '/tokens/{name}', summary: 'Remove an API token' },
      ...needs('tokens', 'fleet'),
      request: { params: named },
      responses: { 204: { description: 'Removed' }, ...usual, ...missing },
    }),
    async (c) => {
      await tokens.remove(c.req.valid('param').name, byOf(c), c.req.raw.signal);
      return c.body(null, 204);
    },
  );
  app.openapi(
    createRoute({
      ...{ ...tags, method: 'get', path: '/audit', summary: 'Show who did what, the latest first' },
      ...needs('audit', 'fleet'),
      request: { query: contract.auditQuery },
      responses: { 200: json(contract.audit, 'The entries'), ...usual },
    }),
    async (c) => {
      const { since: typed, limit } = c.req.valid('query');
      const now = clock.now().getTime();
      const since = typed === undefined ? now - usualDays * dayMs : Date.parse(typed);
      if (!(since >= now - mostDays * dayMs))
        throw fail('usage/invalid-value', { typed: `since=${typed}`, form: `a time of the last ${mostDays} days` });
      const entries = await audit.read(new Date(since), c.req.raw.signal);
      return c.json({ entries: entries.toReversed().slice(0, limit).map(copyOf) } as never, 200);
    },
  );
}
