import { createRoute, z } from '@hono/zod-openapi';
import { isInScope, type Who } from '../core/access/role.ts';
import { orQuiet } from '../core/async/or-quiet.ts';
import {
  endedBy,
  endWith,
  eventText,
  numberOfChange,
  quietMs,
  retryLine,
  stillHere,
  streamOf,
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
      const over = endedBy(c.req.raw.signal);
      void endWith(c.get('isStill'), parts.clock, over);
      const stream = streamOf(textsOf(parts, { who: c.get('who'), since }, over.signal), over);
      return c.body(stream, 200, { 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' }) as never;
    },
  );
}

async function* textsOf(
  { view, clock, life }: ApiParts,
  { who, since }: { readonly who: Who; readonly since: string | undefined },
  signal: AbortSignal,
): AsyncGenerator<string, void> {
  const endMs = clock.monotonicMs() + longestMs;
  yield retryLine;
  const { sequence } = view;
  const changes = view.follow(since === undefined ? sequence : numberOfChange(since, life), signal);
  if (!changes) {
    yield eventText('reload', '{}', `${life}.${sequence}`);
    return;
  }
  for await (const changed of orQuiet(changes, quietMs, clock, signal)) {
    const names = changed?.names.filter((name) => isInScope(who, name)) ?? [];
    if (!changed) yield stillHere;
    else if (names.length > 0) yield eventText('changed', JSON.stringify({ names }), `${life}.${changed.id}`);
    if (clock.monotonicMs() >= endMs) return;
  }
}
