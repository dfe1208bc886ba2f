/**
 * Returns the host name or wildcard, among those of a listener's rules, whose rules take a host: its own name, else the
 * longest `*.example.com`, else the longest `www.example.*`. A balancer lets `*` stand for any number of labels.
 */
export function hostPatternFor(host: string, patterns: readonly string[]): string | undefined {
  const matching = patterns.filter((pattern) => takesHost(pattern, host));
  const longest = (some: readonly string[]) => [...some].sort((a, b) => b.length - a.length)[0];
  return (
    matching.find((pattern) => pattern === host) ??
    longest(matching.filter((pattern) => pattern.startsWith('*.'))) ??
    longest(matching)
  );
}

export const takesHost = (pattern: string, host: string): boolean =>
  pattern === host ||
  (pattern.startsWith('*.') && host.endsWith(pattern.slice(1))) ||
  (pattern.endsWith('.*') && host.startsWith(pattern.slice(0, -1)));
