/**
 * The variables of certfleet's own environment that every hook gets: who runs it, where programs and temporary files
 * are, language, time zone, and the way to the network, since a hook often calls an API (decision 0020).
 */
const forEveryHook: ReadonlySet<string> = new Set([
  ...['PATH', 'HOME', 'USER', 'LOGNAME', 'SHELL', 'LANG', 'LANGUAGE', 'TZ', 'TMPDIR', 'XDG_RUNTIME_DIR'],
  ...['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'NO_PROXY', 'http_proxy', 'https_proxy', 'all_proxy', 'no_proxy'],
]);

export const isForEveryHook = (name: string): boolean => forEveryHook.has(name) || /^LC_[A-Z]+$/.test(name);

/** Whether a variable may contain a secret of certfleet: the name of each adapter's option begins with CERTFLEET_. */
export const isOwnVariable = (name: string): boolean => name.startsWith('CERTFLEET_');
