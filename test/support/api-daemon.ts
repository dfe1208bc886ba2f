import { type IncomingHttpHeaders, request } from 'node:http';
import { join } from 'node:path';
import type { Home } from './e2e.ts';
import { atEnd, freePort, until } from './service.ts';

/** An answer of the API. */
export interface Answered {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** Undefined if the body is no JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into it as programs do
  readonly json: any;
}

export interface Asked {
  readonly headers?: Readonly<Record<string, string>>;
  /** An object is sent as JSON. */
  readonly body?: object | string;
  /** Over TCP, with this token; over the Unix socket without one. */
  readonly token?: string;
}

export interface ApiDaemon {
  readonly socket: string;
  readonly port: number;
  ask(method: string, path: string, asked?: Asked): Promise<Answered>;
  /** Returns the token of a new API token. */
  makeToken(token: {
    readonly name: string;
    readonly role: string;
    readonly scope?: readonly string[];
  }): Promise<string>;
  /** All that it has said. */
  said(): string;
}

/** Where the API of a home listens: for its configuration. */
export async function apiPlaces(folder: string) {
  const port = await freePort();
  const socket = join(folder, 'pages.sock');
  return { port, socket, pages: { listen: [`127.0.0.1:${port}`, `unix:${socket}`] } };
}

/** A `certfleet run` for all tests of a file, which answers. */
export async function startApiDaemon(
  home: Pick<Home, 'certfleet'>,
  { port, socket }: { readonly port: number; readonly socket: string },
): Promise<ApiDaemon> {
  let output = '';
  let stop = () => {};
  const stopped = new Promise<void>((resolve) => {
    stop = resolve;
  });
  const ended = home.certfleet(['run', '--json'], {
    seen: (all) => (output = all),
    killWhen: stopped,
    killWith: 'SIGTERM',
  });
  atEnd(async () => {
    stop();
    await ended;
  });
  const ask: ApiDaemon['ask'] = (method, path, { headers = {}, body, token } = {}) => {
    const sent = typeof body === 'object' ? JSON.stringify(body) : body;
    const place = token === undefined ? { socketPath: socket } : { host: '127.0.0.1', port };
    return new Promise((resolve, reject) => {
      const asking = request(
        {
          ...{ ...place, method, path: path.startsWith('/api') ? path : `/api/v1${path}` },
          headers: {
            host: 'localhost',
            ...(token ? { authorization: `Bearer ${token}` } : {}),
            ...(sent === undefined ? {} : { 'content-length': String(Buffer.byteLength(sent)) }),
            ...(typeof body === 'object' ? { 'content-type': 'application/json' } : {}),
            ...headers,
          },
        },
        (response) => {
          let text = '';
          response.setEncoding('utf8');
          response.on('data', (part) => (text += part));
          response.on('end', () =>
            resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json: parsed(text) }),
          );
          response.on('error', reject);
        },
      );
      asking.on('error', reject);
      asking.end(sent);
    });
  };
  await until(() => output.includes(`the pages are at the socket ${socket}`) && output.includes(`:${port}/`), {
    what: 'the API listens',
    deadlineMs: 60_000,
  });
  return {
    ...{ socket, port, ask },
    async makeToken(token) {
      const made = await ask('POST', '/tokens', { body: token });
      if (made.status !== 201) throw new Error(made.text);
      return made.json.token as string;
    },
    said: () => output,
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export interface ServerEvent {
  readonly event: string;
  readonly id: string;
  readonly names: readonly string[];
}

/** Follows the events, until the test ends it. */
export function followEvents(
  { port, socket }: Pick<ApiDaemon, 'port' | 'socket'>,
  { token, lastEventId }: { readonly token?: string; readonly lastEventId?: string } = {},
): { readonly events: readonly ServerEvent[]; readonly opened: Promise<void>; end(): void } {
  const events: ServerEvent[] = [];
  const asking = request({
    ...(token === undefined ? { socketPath: socket } : { host: '127.0.0.1', port }),
    path: '/api/v1/events',
    headers: {
      host: 'localhost',
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }),
    },
  });
  const opened = new Promise<void>((resolve, reject) => {
    asking.on('response', (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('error', () => {});
      response.on('data', (part) => {
        text += part;
        resolve();
        const whole = text.split('\n\n');
        text = whole.pop() ?? '';
        for (const one of whole) {
          const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(one)?.[1];
          const event = field('event');
          if (event === undefined) continue;
          events.push({ event, id: field('id') ?? '', names: JSON.parse(field('data') ?? '{}').names ?? [] });
        }
      });
    });
    asking.on('error', reject);
  });
  opened.catch(() => {});
  asking.end();
  return { events, opened, end: () => void asking.destroy() };
}
