import type { IncomingMessage } from 'node:http';
import { hostIn } from '../core/access/host.ts';
import { canonicalAddress } from '../core/names/identifiers.ts';

/** How a request came. */
export interface Arrival {
  /** Over the Unix socket, from a program of this machine: no proxy has passed it on. */
  readonly isOwn: boolean;
  /** The browser speaks HTTPS, with this server or with the proxy. */
  readonly isSecure: boolean;
  /** The address of the client, or `socket`. */
  readonly from: string;
}

interface Place {
  readonly isSocket: boolean;
  readonly isTls: boolean;
  readonly behindProxy: boolean;
}

const dots = /^[^?#]*\/(?:\.|%2e){1,2}(?:[/?#]|$)/i;

/** Returns why a request is refused before anything looks at it: its status and a text. */
export function refusal(
  { url = '', headers, rawHeaders }: Pick<IncomingMessage, 'url' | 'headers' | 'rawHeaders'>,
  hosts: ReadonlySet<string>,
): { readonly status: number; readonly body: string } | undefined {
  const named = rawHeaders.filter((name, index) => index % 2 === 0 && name.toLowerCase() === 'host').length;
  // A target with a host of its own would be another way to name one, also in a redirect to it.
  // Clients leave out `.` and `..`; read as URL, `/.//host` would be another host.
  if (named !== 1 || !/^\/(?![/\\])[^\\]*$/.test(url) || dots.test(url)) return { status: 400, body: 'bad request\n' };
  const host = hostIn(headers.host ?? '');
  if (host !== undefined && hosts.has(host)) return undefined;
  return { status: 421, body: 'This host is not one of `pages.hosts` in the configuration.\n' };
}

const ofProxies = ['forwarded', 'via', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'x-real-ip'];

export function arrivalOf(
  { headers, socket }: Pick<IncomingMessage, 'headers' | 'socket'>,
  { isSocket, isTls, behindProxy }: Place,
): Arrival {
  const isPassedOn = ofProxies.some((name) => headers[name] !== undefined);
  const list = headers['x-forwarded-for'];
  // The proxy adds what it knows at the end; what stands before, a client may have written.
  const last =
    behindProxy && !isSocket
      ? String(list ?? '')
          .split(',')
          .at(-1)
          ?.trim()
      : undefined;
  // Some proxies add the port, which the client may choose anew for each try.
  const [, v6, v4] = /^(?:\[(.+)\](?::\d+)?|([\d.]+):\d+)$/.exec(last ?? '') ?? [];
  const from = canonicalAddress(v6 ?? v4 ?? last ?? '') ?? socket.remoteAddress ?? '';
  return {
    isOwn: isSocket && !isPassedOn,
    isSecure: isTls || (behindProxy && !isSocket),
    from: isSocket ? 'socket' : from,
  };
}

/**
 * Reports whether a request that changes something may come from a page of this server. Browsers say where a request
 * comes from; programs say nothing, and are known by their token or by the socket.
 */
export function isFromHere(headers: { get(name: string): string | undefined }): boolean {
  const site = headers.get('sec-fetch-site');
  if (site !== undefined) return site === 'same-origin';
  const origin = headers.get('origin');
  if (origin === undefined) return true;
  const [, rest = ''] = /^https?:\/\/(.+)$/.exec(origin) ?? [];
  return rest !== '' && rest.toLowerCase() === headers.get('host')?.toLowerCase();
}
