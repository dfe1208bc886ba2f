import { createRoute, z } from '@hono/zod-openapi';
import { isInScope, type Who } from '../core/access/role.ts';
import {
  type EventReader,
  eventText,
  numberOfChange,
  retryLine,
  streamOf,
  textsFor,
} from '../core/text/event-stream.ts';
import { type Api, type ApiParts, needs, usual } from './parts.ts';

/** Then the reader comes back, and is asked again who it is. */
const longestMs = 300_000;

/** What changes, as it happens. */
export function addEvents(app: Api, parts: ApiParts): void {
  app.openapi(
    createRoute({
      ...{ tags: ['Events'], method: 'get', path: '/events', summary: 'Follow what changes' },
      description:
        'Server-sent events. `changed` names certificates that have changed. `reload` says that not everything since the number that was given is known, so read all that you show again. Every few minutes the stream ends; come back with `Last-Event-ID`, as browsers do by themselves. It also ends within seconds after the token is removed or the login ends.',
      ...needs('look', 'certificates'),
      request: {
        query: z.object({
          since: z.string().max(100).optional().openapi({ description: '`sequence` of a list or of the overview' }),
        }),
      },
      responses: {
        200: { description: 'The events', content: { 'text/event-stream': { schema: z.string() } } },
        ...usual,
      },
    }),
    (c) => {
      const since = c.req.header('last-event-id') ?? c.req.valid('query').since;
      const { who, isStill } = c.var;
      const asked = { who, since, isStill, longestMs, clock: parts.clock };
      const stream = streamOf((over) => textsOf(parts, asked, over), c.req.raw.signal);
      return c.body(stream, 200, { 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' }) as never;
    },
  );
}

async function* textsOf(
  { view, life }: ApiParts,
  { who, since, ...reader }: EventReader & { readonly who: Who; readonly since: string | undefined },
  signal: AbortSignal,
): AsyncGenerator<string, void> {
  yield retryLine;
  const changes = view.follow(numberOfChange(since, life, view.sequence), signal);
  yield* textsFor(reader, changes, ({ id, names }) => {
    if (!names) return eventText('reload', '{}', `${life}.${id}`);
    const visible = names.filter((name) => isInScope(who, name));
    return visible.length > 0 ? eventText('changed', JSON.stringify({ names: visible }), `${life}.${id}`) : undefined;
  });
}
