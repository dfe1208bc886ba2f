import { BlockList, isIP } from 'node:net';

/** The environment variables that choose a proxy, as curl and most programs read them. */
export type ProxyEnvironment = Readonly<Record<string, string | undefined>>;

/**
 * Returns the proxy for a URL, or undefined for a direct connection. HTTPS_PROXY is for https, HTTP_PROXY for http and,
 * as in undici, for https if HTTPS_PROXY is not set. NO_PROXY excludes hosts: `*`, `example.com` and everything below
 * it, `.example.com`, `*.example.com`, an IP address, each with or without `:port`, and the addresses of a CIDR block
 * (`10.0.0.0/8`, `fd00::/8`). Names are not resolved for that. Lower-case variables take precedence over upper-case
 * ones.
 */
export function proxyFor(url: URL, env: ProxyEnvironment): string | undefined {
  const read = (name: string) => (env[name] ?? env[name.toUpperCase()])?.trim() || undefined;
  const http = read('http_proxy');
  const proxy = url.protocol === 'https:' ? (read('https_proxy') ?? http) : http;
  return proxy !== undefined && !isExcluded(url, read('no_proxy') ?? '') ? withScheme(proxy) : undefined;
}

const withScheme = (proxy: string): string => (/^[a-z][a-z0-9+.-]*:\/\//i.test(proxy) ? proxy : `http://${proxy}`);

const bare = (host: string): string => host.replace(/^\[|\]$/g, '').toLowerCase();

function isExcluded(url: URL, list: string): boolean {
  const host = bare(url.hostname);
  const port = url.port || (url.protocol === 'https:' ? '443' : '80');
  return list.split(/[,\s]+/).some((entry) => {
    if (entry === '') return false;
    if (entry === '*') return true;
    // `[::1]:443`, `name:443`; an IPv6 address without brackets has no port.
    const [, name = entry, wantedPort] = /^(\[[^\]]+\](?:\/\d+)?|[^:]+):(\d+)$/.exec(entry) ?? [];
    if (wantedPort !== undefined && wantedPort !== port) return false;
    if (name.includes('/')) return isInBlock(host, bare(name));
    const excluded = bare(name).replace(/^\*?\./, '');
    return host === excluded || host.endsWith(`.${excluded}`);
  });
}

/** Reports whether a host is an address in a CIDR block. Returns false for an invalid block. */
function isInBlock(host: string, block: string): boolean {
  const [, network = '', digits = ''] = /^\[?([^\]/]+)\]?\/(\d{1,3})$/.exec(block) ?? [];
  const [family, of, bits] = [isIP(network), isIP(host), Number(digits)];
  if (family === 0 || of === 0 || bits > (family === 4 ? 32 : 128)) return false;
  // BlockList treats every IPv4 address as an IPv6 address, too.
  if (family === 6 && of === 4) return false;
  const addresses = new BlockList();
  addresses.addSubnet(network, bits, `ipv${family as 4 | 6}`);
  return addresses.check(host, `ipv${of as 4 | 6}`);
}
