import { keys, type Problem } from '../problems.ts';

/**
 * Returns the problems that schemas do not see: a NUL character, which no path, name or command can contain, and the
 * key `__proto__`, which they skip.
 */
export function unusableText(configuration: unknown): readonly Problem[] {
  const problems: Problem[] = [];
  // With aliases of YAML, a value may be in several places, or inside itself.
  const seen = new Set<object>();
  const places: { readonly value: unknown; readonly path: readonly PropertyKey[] }[] = [
    { value: configuration, path: [] },
  ];
  for (const { value, path } of places) {
    if (typeof value === 'string' && value.includes('\0'))
      problems.push({ path, message: `${keys.at(path)}: expected text without a NUL character` });
    if (typeof value !== 'object' || value === null || seen.has(value)) continue;
    seen.add(value);
    for (const [key, inner] of Object.entries(value)) {
      const at = [...path, Array.isArray(value) ? Number(key) : key];
      if (key === '__proto__')
        problems.push({ path: at, onKey: true, message: `unknown key "__proto__"${keys.within(path)}` });
      else places.push({ value: inner, path: at });
    }
  }
  return problems;
}
