import type { PagesSettings } from '../spec/spec.ts';

/** Returns where the pages at an address of `pages.listen` are opened, with a slash at the end. */
export function urlOf(address: string, { certificate, behindProxy, hosts }: PagesSettings): string {
  const [host] = hosts;
  if (behindProxy) return `https://${host}/`;
  const port = /\d+$/.exec(address)?.[0] ?? '';
  if (certificate !== undefined && host !== undefined) return `https://${host}:${port}/`;
  const bound = address.slice(0, address.length - port.length).replace(/:$/, '') || 'localhost';
  return `${certificate === undefined ? 'http' : 'https'}://${bound}:${port}/`;
}

/** Returns the page at which a link makes the first user; undefined if the pages are at sockets alone. */
export function firstUrlOf(pages: PagesSettings, secret: string): string | undefined {
  const address = pages.listen.find((one) => !one.startsWith('unix:'));
  return address && `${urlOf(address, pages)}first/${secret}`;
}
