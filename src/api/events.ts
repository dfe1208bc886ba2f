import { createRoute, z } from '@hono/zod-openapi';
import { isInScope, type Who } from '../core/access/role.ts';
import { type Api, type ApiParts, needs, usual } from './parts.ts';

/** Proxies close connections on which nothing comes, usually after a minute. */
const quietMs = 25_000;
/** Then the reader comes back, and is asked again who it is. */
const longestMs = 300_000;

const encoder = new TextEncoder();
const event = (name: string, id: string, data: object): string =>
  `event: ${name}\nid: ${id}\ndata: ${JSON.stringify(data)}\n\n`;

/** What changes, as it happens. */
export function addEvents(app: Api, parts: ApiParts): void {
  app.openapi(
    createRoute({
      ...{ tags: ['Events'], method: 'get', path: '/events', summary: 'Follow what changes' },
      description:
        'Server-sent events. `changed` names certificates that have changed. `reload` says that not everything since the number that was given is known, so read all that you show again. Every few minutes the stream ends; come back with `Last-Event-ID`, as browsers do by themselves.',
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
      const over = new AbortController();
      const { signal } = c.req.raw;
      if (signal.aborted) over.abort();
      signal.addEventListener('abort', () => over.abort(), { once: true });
      const stream = streamOf(textsOf(parts, { who: c.get('who'), since }, over.signal), over);
      return c.body(stream, 200, { 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' }) as never;
    },
  );
}

function streamOf(texts: AsyncGenerator<string>, over: AbortController): ReadableStream<Uint8Array> {
  return new ReadableStream({
    async pull(controller) {
      const { value, done } = await texts.next();
      if (done) controller.close();
      else controller.enqueue(encoder.encode(value));
    },
    cancel: () => over.abort(),
  });
}

async function* textsOf(
  { view, clock, life }: ApiParts,
  { who, since }: { readonly who: Who; readonly since: string | undefined },
  signal: AbortSignal,
): AsyncGenerator<string, void> {
  const endMs = clock.monotonicMs() + longestMs;
  yield 'retry: 3000\n\n';
  const { sequence } = view;
  const changes = view.follow(since === undefined ? sequence : numberIn(since, life), signal);
  if (!changes) {
    yield event('reload', `${life}.${sequence}`, {});
    return;
  }
  const all = changes[Symbol.asyncIterator]();
  let next = all.next();
  while (!signal.aborted && clock.monotonicMs() < endMs) {
    const quiet = new AbortController();
    const sleep = clock.sleep(quietMs, AbortSignal.any([signal, quiet.signal])).catch(() => undefined);
    const found = await Promise.race([next, sleep]);
    quiet.abort();
    if (signal.aborted) return;
    if (!found) {
      yield ': still here\n\n';
      continue;
    }
    if (found.done) return;
    const { id, names } = found.value;
    const seen = names.filter((name) => isInScope(who, name));
    if (seen.length > 0) yield event('changed', `${life}.${id}`, { names: seen });
    next = all.next();
  }
}

/** Returns the number of a change, or NaN if another process has counted it. */
const numberIn = (text: string, life: string): number =>
  text.startsWith(`${life}.`) && /^\d{1,15}$/.test(text.slice(life.length + 1))
    ? Number(text.slice(life.length + 1))
    : Number.NaN;
