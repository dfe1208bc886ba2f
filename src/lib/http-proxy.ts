/** What decides over which proxy a request goes; the names as curl and most programs read them. */
export type ProxyEnvironment = Readonly<Record<string, string | undefined>>;

/**
 * The proxy for a URL, or undefined for a direct connection. HTTPS_PROXY for https, HTTP_PROXY for http (also for
 * https where HTTPS_PROXY is missing, as undici has it), unless NO_PROXY names the host: `*`, `example.com` and
 * everything below it, `.example.com`, `*.example.com`, an IP address, each with `:port` or without. Lower-case names
 * win over upper-case ones. CIDR blocks are not understood.
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
    // `[::1]:443`, `name:443`; a bare IPv6 address has more than one colon and no port.
    const [, name = entry, wantedPort] = /^(\[[^\]]+\]|[^:]+):(\d+)$/.exec(entry) ?? [];
    if (wantedPort !== undefined && wantedPort !== port) return false;
    const excluded = bare(name).replace(/^\*?\./, '');
    return host === excluded || host.endsWith(`.${excluded}`);
  });
}
