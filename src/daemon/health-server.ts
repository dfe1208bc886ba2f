import { createHash, timingSafeEqual } from 'node:crypto';
import type { Composed } from '../compose.ts';
import type { Environment } from '../config/options/secret-references.ts';
import { listenOf } from '../config/settings/defaults.ts';
import { reasonOf } from '../core/errors/errors.ts';
import type { Secret } from '../core/errors/secret.ts';
import type { ListenSettings, Settings } from '../core/spec/spec.ts';
import { present } from '../core/text/present.ts';
import type { Vitals } from '../engine/steady/vitals.ts';
import {
  type GuardedServerOptions,
  type Listening,
  type ListenPlace,
  listenGuarded,
  pathIn,
  type ServerAnswer,
} from '../lib/http/guarded-server.ts';
import type { World } from '../ports/world.ts';
import { bind, isSocket } from './bind.ts';
import type { Health } from './health.ts';
import type { Metrics } from './metrics.ts';

export interface HealthServerOptions {
  readonly world: Pick<World, 'clock' | 'files' | 'streams' | 'log'>;
  readonly composed: Pick<Composed, 'readSecret'>;
  /** As they are declared now. */
  readonly settings: () => Pick<Settings, 'listen'>;
  readonly health: () => Health;
  readonly vitals: Vitals;
  /** The name of this node. */
  readonly node: string;
  /** Is told why it cannot listen where the settings say, or that it does again. */
  readonly listens?: (failure: string | undefined) => void;
}

/**
 * Returns where a responder answers: where the variable says. `listen` in the configuration is for the `certfleet run`
 * that takes care of the certificates, beside which a responder may run.
 */
export const placeOfResponder = (env: Environment): Pick<Settings, 'listen'> => present({ listen: listenOf(env) });

/** Returns where else a node answers: where the variable says, for the health check of an image, if `listen` says otherwise. */
export function placeBeside(given: {
  readonly env: Environment;
  readonly settings: () => Pick<Settings, 'listen'>;
}): Pick<Settings, 'listen'> {
  const beside = placeOfResponder(given.env);
  return beside.listen?.address === given.settings().listen?.address ? {} : beside;
}

/** How often it looks whether the settings have changed. */
const everyMs = 5_000;
/** A token that was read is read again after this time, because its file may have changed. */
const tokenMs = 5_000;

const limits = { headerBytes: 8_192, headersMs: 5_000, requestMs: 10_000, keepAliveMs: 75_000, connections: 64 };

/**
 * Answers `/healthz`, `/readyz` and `/metrics` where `listen` says, until the signal aborts. Fails with
 * `config/cannot-listen`, or if the token cannot be read at the beginning; later, the place of before stays in use.
 *
 * @param begun called once it listens, or need not
 */
export async function serveHealth(
  options: HealthServerOptions,
  signal: AbortSignal,
  begun: () => void = () => {},
): Promise<void> {
  const { world } = options;
  const { clock, log } = world;
  let metrics: Promise<Metrics> | undefined;
  let used = options.settings().listen;
  let server = await (used && (await prepare(used)))?.();
  let complaint = '';
  begun();

  /** Reads what listening at a place needs. Returns a function that listens there. */
  async function prepare(at: ListenSettings): Promise<() => Promise<Listening>> {
    const token = at.token === undefined ? undefined : rereading(at.token);
    await token?.();
    const isLocal = isSocket(at.address);
    const guarded: GuardedServerOptions = {
      limits,
      warn: (error) => log.warn(`\`listen\` at ${at.address}: ${reasonOf(error)}`),
      answer: (request) =>
        answer(pathIn(request.url ?? ''), { authorization: request.headers.authorization, isLocal, token }),
    };
    const listen = (place: ListenPlace) => listenGuarded(guarded, place);
    return () => bind({ listen, option: 'listen' }, at.address, world, signal);
  }

  /** Returns a function that opens the token, and reads it now and then. */
  function rereading(reference: string): () => Promise<Secret> {
    let last: { readonly atMs: number; readonly secret: Promise<Secret> } | undefined;
    return () => {
      const atMs = clock.monotonicMs();
      if (!last || atMs - last.atMs >= tokenMs)
        last = { atMs, secret: options.composed.readSecret('listen.token', reference) };
      return last.secret;
    };
  }

  async function answer(path: string, from: Client): Promise<ServerAnswer> {
    if (path === '/healthz') return ofHealth(options.health(), 'isAlive');
    if (path === '/readyz') return ofHealth(options.health(), 'isReady');
    if (path !== '/metrics') return { status: 404, body: 'not found\n' };
    try {
      const mayName = await rightsOf(from);
      if (mayName === 'refused') return refused;
      metrics ??= import('./metrics.ts').then(({ createMetrics }) => createMetrics({ ...options, clock }));
      const { text, contentType } = await metrics;
      return { status: 200, body: await text(mayName === 'all'), type: contentType };
    } catch (error) {
      log.warn(`/metrics: ${reasonOf(error)}`);
      return { status: 503, body: 'not available\n' };
    }
  }

  /** Listens where the settings say now. If it cannot, it tries again a little later. */
  async function rebind(next: ListenSettings | undefined): Promise<void> {
    const isSamePlace = next?.address === used?.address;
    try {
      const open = next && (await prepare(next));
      if (isSamePlace) {
        // The place must be free before it can be taken again.
        await server?.close();
        server = undefined;
      }
      const opened = await open?.();
      await server?.close();
      [server, used, complaint] = [opened, next, ''];
      options.listens?.(undefined);
    } catch (error) {
      const before = complaint;
      complaint = `${reasonOf(error)}; ${server ? 'the place of before stays in use' : 'nothing listens'}`;
      if (complaint !== before) log.warn(complaint);
      options.listens?.(complaint);
    }
  }

  const isServed = (next: ListenSettings | undefined): boolean =>
    next?.address === used?.address && next?.token === used?.token && (server !== undefined || next === undefined);

  while (!signal.aborted) {
    await clock.sleep(everyMs, signal).catch(() => undefined);
    const { listen: next } = options.settings();
    if (signal.aborted) break;
    if (!isServed(next)) await rebind(next);
    else if (complaint !== '') {
      // The settings are again those of the place that stayed in use.
      complaint = '';
      options.listens?.(undefined);
    }
  }
  await server?.close();
}

/** Who asks. */
interface Client {
  readonly authorization: string | undefined;
  /** Over the Unix socket, whose folder says who may. */
  readonly isLocal: boolean;
  readonly token: (() => Promise<Secret>) | undefined;
}

/** Names of certificates are for those who have the token, or may open the socket. */
async function rightsOf({ authorization, isLocal, token }: Client): Promise<'all' | 'counts' | 'refused'> {
  if (authorization !== undefined && !isLocal) {
    const [, given] = /^Bearer +(\S+)$/i.exec(authorization) ?? [];
    return given !== undefined && token && isSame(given, (await token()).reveal()) ? 'all' : 'refused';
  }
  return isLocal ? 'all' : 'counts';
}

/** Takes the same time wherever the texts differ. */
const isSame = (one: string, other: string): boolean => timingSafeEqual(digest(one), digest(other));
const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

const refused: ServerAnswer = { status: 401, body: 'wrong token\n', headers: { 'www-authenticate': 'Bearer' } };

const ofHealth = (health: Health, what: 'isAlive' | 'isReady'): ServerAnswer => {
  const body = health.problems.length === 0 ? 'ok' : health.problems.join('\n');
  // `certfleet health` knows by the header that no other server answers.
  return { status: health[what] ? 200 : 503, body: `${body}\n`, headers: { server: 'certfleet' } };
};
