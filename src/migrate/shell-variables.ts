/**
 * Returns the variables that a shell file sets: `NAME=value`, with single or double quotes, and `${NAME}` of earlier
 * ones. Ignores everything else in the file. acme.sh writes some values as base64.
 */
export function shellVariables(text: string, before: ReadonlyMap<string, string> = new Map()): Map<string, string> {
  const found = new Map(before);
  for (const line of text.split('\n')) {
    const [, name, rest = ''] = /^\s*(?:export\s+)?([A-Za-z_]\w*)=(.*)$/.exec(line) ?? [];
    if (name === undefined) continue;
    const single = /^'([^']*)'/.exec(rest);
    const written = single ? single[1]! : (/^"((?:[^"\\]|\\.)*)"/.exec(rest)?.[1] ?? rest.replace(/\s.*$/, ''));
    const whole = single ? written : written.replaceAll(/\$\{(\w+)\}|\$(\w+)/g, (_, a, b) => found.get(a ?? b) ?? '');
    found.set(name, decoded(whole));
  }
  return found;
}

function decoded(value: string): string {
  const [, base64] = /^__ACME_BASE64__START_(.*)__ACME_BASE64__END_$/.exec(value) ?? [];
  return base64 === undefined ? value : Buffer.from(base64, 'base64').toString('utf8');
}
