// Files of other clients may be incomplete, or of other origin, so each value is checked before it is used.

/** Parses JSON. Throws a plain Error that does not repeat the text. */
export function jsonIn(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? '');
  } catch {
    throw new Error('the file is not JSON; was it half written?');
  }
}

/** Returns the value at a path of names in JSON, or undefined if there is none. */
export const valueAt = (value: unknown, ...path: readonly string[]): unknown =>
  path.reduce<unknown>(
    (at, name) =>
      typeof at === 'object' && at !== null && Object.hasOwn(at, name)
        ? (at as Record<string, unknown>)[name]
        : undefined,
    value,
  );

/** Returns undefined for an empty text, and for anything that is not a text. */
export function textAt(value: unknown, ...path: readonly string[]): string | undefined {
  const found = valueAt(value, ...path);
  return typeof found === 'string' && found !== '' ? found : undefined;
}

/** Returns an empty list if there is no list. */
export function listAt(value: unknown, ...path: readonly string[]): readonly unknown[] {
  const found = valueAt(value, ...path);
  return Array.isArray(found) ? found : [];
}

export const textsAt = (value: unknown, ...path: readonly string[]): readonly string[] =>
  listAt(value, ...path).filter((one) => typeof one === 'string');

/** Returns the URL of an account, or undefined if it is invalid. */
export function urlAt(value: unknown, ...path: readonly string[]): string | undefined {
  const text = textAt(value, ...path);
  return text !== undefined && /^https?:/.test(text) && URL.canParse(text) ? text : undefined;
}
