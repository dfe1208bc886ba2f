import { canonicalName } from '../names/dns-name.ts';
import { canonicalAddress } from '../names/identifiers.ts';
import { isEverywhere, parseListenAddress } from '../names/listen-address.ts';
import type { PagesSettings } from '../spec/spec.ts';

/** Returns the host in a `Host` header or an origin, in its canonical form, without its port. */
export function hostIn(text: string): string | undefined {
  const [, v6, name] = /^(?:\[([0-9A-Fa-f:.]{2,45})\]|([A-Za-z0-9.-]{1,254}))(?::\d{1,5})?$/.exec(text) ?? [];
  return v6 === undefined ? name && canonicalName(name) : canonicalAddress(v6);
}

/**
 * Returns the hosts for which requests are answered. A page of a foreign name that leads to this machine (DNS rebinding)
 * asks for its own name.
 */
export function hostsOf({ hosts, listen }: Pick<PagesSettings, 'hosts' | 'listen'>): ReadonlySet<string> {
  const places = listen.flatMap((address) => parseListenAddress(address) ?? []).filter((at) => !isEverywhere(at));
  return new Set([
    ...hosts,
    ...places.map(({ host }) => canonicalAddress(host) ?? host),
    'localhost',
    '127.0.0.1',
    '::1',
  ]);
}
