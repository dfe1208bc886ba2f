/** A line `KEY=VALUE`, also with `export`, quotes or a comment; undefined if it is another. */
export function pairIn(line: string): readonly [key: string, value: string] | undefined {
  const pair = /^(?:export\s+)?([^\s=]+)\s*=\s*(.*)$/.exec(line.trim());
  return pair ? [pair[1]!, unquoted(pair[2]!)] : undefined;
}

/** A quoted value as it is; otherwise up to a comment. Of several quoted words, as a command has them, none is opened. */
function unquoted(value: string): string {
  const quoted = /^(["'])((?:(?!\1\s+["']).)*)\1\s*(?:\s#.*)?$/.exec(value);
  return quoted ? quoted[2]! : value.replace(/\s+#.*$/, '').trim();
}
