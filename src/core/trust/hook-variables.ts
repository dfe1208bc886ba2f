/**
 * The variables of certfleet's own environment that every hook gets: who runs it, where programs and temporary files
 * are, the language, the time zone, and the proxies, because a hook often calls an API (decision 0020).
 */
const forEveryHook: ReadonlySet<string> = new Set([
  ...['PATH', 'HOME', 'USER', 'LOGNAME', 'SHELL', 'LANG', 'LANGUAGE', 'TZ', 'TMPDIR', 'XDG_RUNTIME_DIR'],
  ...['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'NO_PROXY', 'http_proxy', 'https_proxy', 'all_proxy', 'no_proxy'],
]);

export const isForEveryHook = (name: string): boolean => forEveryHook.has(name) || /^LC_[A-Z]+$/.test(name);

/**
 * Reports whether a variable may contain one of certfleet's secrets: the names of all adapter options begin with
 * CERTFLEET_.
 */
export const isOwnVariable = (name: string): boolean => name.startsWith('CERTFLEET_');
