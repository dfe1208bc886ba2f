import type { IncomingMessage, ServerResponse } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import type { Access } from '../access/access.ts';
import { hostsOf } from '../core/access/host.ts';
import { urlOf } from '../core/access/pages-url.ts';
import { reasonOf, stackOf } from '../core/errors/errors.ts';
import type { PagesSettings, Settings } from '../core/spec/spec.ts';
import { present } from '../core/text/present.ts';
import { bind, isSocket, socketPath } from '../daemon/bind.ts';
import {
  type LimitedListening,
  type ListenPlace,
  listenLimited,
  type TlsIdentity,
} from '../lib/http/guarded-server.ts';
import type { World } from '../ports/world.ts';
import { createWeb, type Mounted } from './app.ts';
import { arrivalOf, refusal } from './request.ts';

export type { Mounted };

/** A version of a certificate, for HTTPS. */
export interface Identity extends TlsIdentity {
  readonly id: string;
}

export interface WebServerOptions {
  readonly world: Pick<World, 'clock' | 'files' | 'streams' | 'log'>;
  readonly access: Access;
  readonly mounted: Mounted;
  /** As they are declared now. */
  readonly settings: () => Pick<Settings, 'pages'>;
  /** Returns the current version of a certificate, or undefined if it is not issued yet. */
  readonly identity: (certificate: string, signal: AbortSignal) => Promise<Identity | undefined>;
  /** Is told where the pages are, or why they are not. */
  readonly say: (level: 'info' | 'warn', message: string) => void;
  /** Is called the first time that it listens at an address that is not a socket. Never fails. */
  readonly reachable: (address: string) => Promise<void>;
}

/** How often it looks whether the settings, or the certificate, have changed. */
const everyMs = 5_000;

const limits = {
  ...{ headerBytes: 16_384, headersMs: 10_000, requestMs: 30_000, keepAliveMs: 75_000 },
  // Browsers open six for each person, and events hold one for each tab.
  ...{ idleMs: 120_000, connections: 2_000 },
};

interface Open {
  readonly server: LimitedListening;
  readonly isTls: boolean;
  readonly behindProxy: boolean;
}

/** Serves pages and API where `pages` says, until the signal aborts. An address that cannot be used is tried again. */
export async function serveWeb(options: WebServerOptions, signal: AbortSignal): Promise<void> {
  const { world, settings, say } = options;
  const { clock } = world;
  const web = createWeb({ ...options, failed: (error) => say('warn', `the pages: ${stackOf(error)}`) });
  const open = new Map<string, Open>();
  const complaints = new Map<string, string>();
  let isReachable = false;
  let identity: Identity | undefined;
  let last: { readonly settings: PagesSettings; readonly hosts: ReadonlySet<string> } | undefined;

  const hosts = (): ReadonlySet<string> => {
    const now = settings().pages;
    if (!now) return new Set();
    if (last?.settings !== now) last = { settings: now, hosts: hostsOf(now) };
    return last.hosts;
  };

  function complain(at: string, message: string | undefined): void {
    if (message !== undefined && complaints.get(at) !== message) say('warn', message);
    if (message === undefined) complaints.delete(at);
    else complaints.set(at, message);
  }

  /** Takes the current version of the certificate. */
  async function identify(certificate: string): Promise<void> {
    try {
      const found = await options.identity(certificate, signal);
      if (found && found.id !== identity?.id) for (const { server } of open.values()) server.identify(found);
      identity = found ?? identity;
      const missing = `\`pages\`: HTTPS begins once the certificate ${certificate} is issued; until then, nothing listens there`;
      complain('certificate', identity ? undefined : missing);
    } catch (error) {
      if (signal.aborted) return;
      complain('certificate', `\`pages\`: the certificate ${certificate} cannot be used: ${reasonOf(error)}`);
    }
  }

  function listener(address: string, isTls: boolean, { behindProxy }: PagesSettings) {
    const place = { isSocket: isSocket(address), isTls, behindProxy };
    const answer = getRequestListener(
      (request, { incoming }) => web.fetch(request, { arrival: arrivalOf(incoming as IncomingMessage, place) }),
      {
        overrideGlobalObjects: false,
        errorHandler: (error) => {
          // A client that has gone, or a target that is none.
          world.log.debug(`the pages: ${reasonOf(error)}`);
          return new Response('bad request\n', { status: 400 });
        },
      },
    );
    return (request: IncomingMessage, response: ServerResponse, isClosing: () => boolean) => {
      if (isClosing()) response.shouldKeepAlive = false;
      const refused = refusal(request, hosts());
      if (!refused) return void answer(request, response);
      response.shouldKeepAlive = false;
      const headers = { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' };
      response.writeHead(refused.status, headers).end(request.method === 'HEAD' ? undefined : refused.body);
    };
  }

  async function listen(address: string, pages: PagesSettings): Promise<void> {
    const isTls = pages.certificate !== undefined && !isSocket(address);
    if (isTls && !identity) return;
    const handle = listener(address, isTls, pages);
    const tls = isTls ? identity : undefined;
    const warn = (error: unknown) => world.log.debug(`\`pages\` at ${address}: ${reasonOf(error)}`);
    const start = (at: ListenPlace) => listenLimited({ handle, limits, warn, ...present({ tls }) }, at);
    try {
      const server = await bind({ listen: start, option: 'pages.listen', isPrivate: true }, address, world, signal);
      open.set(address, { server, isTls, behindProxy: pages.behindProxy });
      complain(address, undefined);
      const where = isSocket(address) ? `the socket ${socketPath(address)}` : urlOf(address, pages);
      say('info', `the pages are at ${where}`);
      if (isSocket(address) || isReachable) return;
      isReachable = true;
      await options.reachable(address);
    } catch (error) {
      complain(address, reasonOf(error));
    }
  }

  async function follow(pages: PagesSettings | undefined): Promise<void> {
    if (pages?.certificate !== undefined) await identify(pages.certificate);
    else identity = undefined;
    for (const [address, { server, isTls, behindProxy }] of open) {
      const isSame = isTls === (pages?.certificate !== undefined && !isSocket(address));
      if (pages?.listen.includes(address) && isSame && behindProxy === pages.behindProxy) continue;
      open.delete(address);
      await server.close();
    }
    for (const address of pages?.listen ?? []) if (!open.has(address)) await listen(address, pages!);
  }

  let certificate: string | undefined;
  while (!signal.aborted) {
    const { pages } = settings();
    // Another certificate has its own versions.
    if (pages?.certificate !== certificate) identity = undefined;
    certificate = pages?.certificate;
    await follow(pages);
    await clock.sleep(everyMs, signal).catch(() => undefined);
  }
  await Promise.all([...open.values()].map(({ server }) => server.close()));
}
