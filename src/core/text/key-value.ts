/** Parses a line `KEY=VALUE`, which may have `export`, quotes or a comment. Returns undefined for any other line. */
export function pairIn(line: string): readonly [key: string, value: string] | undefined {
  const pair = /^(?:export\s+)?([^\s=]+)\s*=\s*(.*)$/.exec(line.trim());
  return pair ? [pair[1]!, unquoted(pair[2]!)] : undefined;
}

/**
 * Returns a quoted value without its quotes, or any other value up to a comment. Several quoted words, as in a command,
 * stay quoted.
 */
function unquoted(value: string): string {
  const quoted = /^(["'])((?:(?!\1\s+["']).)*)\1\s*(?:\s#.*)?$/.exec(value);
  return quoted ? quoted[2]! : value.replace(/\s+#.*$/, '').trim();
}
