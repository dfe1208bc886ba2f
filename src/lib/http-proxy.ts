/** The environment variables that choose a proxy, as curl and most programs read them. */
export type ProxyEnvironment = Readonly<Record<string, string | undefined>>;

/**
 * Returns the proxy for a URL, or undefined for a direct connection. HTTPS_PROXY is for https, HTTP_PROXY for http and,
 * as in undici, for https if HTTPS_PROXY is not set. NO_PROXY excludes hosts: `*`, `example.com` and everything below
 * it, `.example.com`, `*.example.com`, an IP address, each with or without `:port`. Lower-case variables win over
 * upper-case ones. CIDR blocks are not supported.
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
    const [, name = entry, wantedPort] = /^(\[[^\]]+\]|[^:]+):(\d+)$/.exec(entry) ?? [];
    if (wantedPort !== undefined && wantedPort !== port) return false;
    const excluded = bare(name).replace(/^\*?\./, '');
    return host === excluded || host.endsWith(`.${excluded}`);
  });
}
