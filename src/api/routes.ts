import { createRoute, z } from '@hono/zod-openapi';
import { fail } from '../core/errors/errors.ts';
import { version } from '../core/errors/version.ts';
import { addActions, addCertificates } from './certificates.ts';
import { addConnections } from './connections.ts';
import { addDeclared } from './declared.ts';
import { addEvents } from './events.ts';
import { addFleet } from './fleet.ts';
import { addKeys } from './keys.ts';
import { type Api, type ApiParts, emptyApi, json, needs, usual } from './parts.ts';
import { addPeople } from './people.ts';

export type { ApiParts };

/** What stands at the head of the OpenAPI document. */
const head = {
  openapi: '3.1.0',
  info: {
    title: 'certfleet',
    version,
    description:
      'What `certfleet run` shows and does. Errors are problem documents (RFC 9457) with a code that `certfleet explain` describes. `x-role` is the role that a route needs at least. A token with a scope sees only its own certificates, and is refused where `x-about` is `fleet`.',
  },
  servers: [{ url: '/api/v1' }],
  security: [{ token: [] }],
};

/** The API, without what is before its paths. */
export function createApi(parts: ApiParts): Api {
  const app = emptyApi(parts);
  app.openAPIRegistry.registerComponent('securitySchemes', 'token', { type: 'http', scheme: 'bearer' });
  addCertificates(app, parts);
  addActions(app, parts);
  addKeys(app, parts);
  addDeclared(app, parts);
  addConnections(app, parts);
  addFleet(app, parts);
  addPeople(app, parts);
  addEvents(app, parts);
  app.openapi(
    createRoute({
      ...{ tags: ['Description'], method: 'get', path: '/openapi.json', summary: 'Describe the API' },
      ...needs('look', 'certificates'),
      responses: { 200: json(z.looseObject({}), 'This document'), ...usual },
    }),
    (c) => c.json(app.getOpenAPI31Document(head) as never, 200),
  );
  app.all('*', (c) => {
    throw fail('usage/no-path', { path: `${c.req.method} ${c.req.path}` });
  });
  return app;
}

/** Returns the OpenAPI document. */
export const apiDocument = () => createApi({ access: {} } as ApiParts).getOpenAPI31Document(head);
