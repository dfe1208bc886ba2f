import { createRoute, z } from '@hono/zod-openapi';
import { keyHeaders } from '../fleet/web/keys.ts';
import * as contract from './contract/certificates.ts';
import { named } from './contract/shared.ts';
import { type Api, type ApiParts, askerOf, missing, needs, usual, wrong } from './parts.ts';

/** The download of a private key. */
export function addKeys(app: Api, { keys }: Pick<ApiParts, 'keys'>): void {
  app.openapi(
    createRoute({
      ...{ tags: ['Actions'], method: 'post', path: '/certificates/{name}/key' },
      summary: 'Download the current version with its private key',
      description:
        'Only with `keyDownload: true` in `pages` of the configuration file, and not with a token that has a scope. A login needs its password in the body; a token and the socket need none. The audit log and the certificate have it before it is sent.',
      ...needs('download-key', 'fleet'),
      request: {
        params: named,
        body: { content: { 'application/json': { schema: contract.passwordAgain } } },
      },
      responses: {
        200: {
          description: 'The private key and the certificates, the leaf first, as one PEM file',
          content: { 'application/x-pem-file': { schema: z.string() } },
        },
        ...{ ...usual, ...missing },
        ...{
          409: wrong('A process works on it, or there is no certificate yet'),
          429: wrong('Too many wrong passwords'),
        },
      },
    }),
    async (c) => {
      const { name } = c.req.valid('param');
      const { password } = (c.req.valid('json' as never) ?? {}) as { readonly password?: string };
      const file = await keys.download({ name, password }, askerOf(c), c.req.raw.signal);
      return c.body(file.pem.reveal(), 200, keyHeaders(file.name)) as never;
    },
  );
}
