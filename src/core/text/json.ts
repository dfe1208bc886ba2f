/** A value that JSON keeps unchanged; receipts, notes and documents consist of these. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

export type JsonObject = { readonly [key: string]: Json };

/** An object of which nothing is known, such as one in a response. */
export type Fields = Readonly<Record<string, unknown>>;

/** Reports whether a value is an object with fields: neither a list nor null. */
export const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Parses JSON from outside. Throws a SyntaxError for text that is {@link isDeepJson too deep} or not JSON. */
export function parseJson(text: string): unknown {
  if (isDeepJson(text)) throw new SyntaxError('the JSON is nested too deeply');
  return JSON.parse(text);
}

/**
 * Reports whether JSON is nested more deeply than any valid document or response: code that walks through it would
 * overflow the stack.
 */
export function isDeepJson(text: string): boolean {
  let [depth, isText] = [0, false];
  for (let at = 0; at < text.length; at += 1) {
    const sign = text.charCodeAt(at);
    if (isText && sign === 0x5c) at += 1;
    else if (sign === 0x22) isText = !isText;
    else if (!isText && (sign === 0x7b || sign === 0x5b)) depth += 1;
    else if (!isText && (sign === 0x7d || sign === 0x5d)) depth -= 1;
    if (depth > deepest) return true;
  }
  return false;
}

/** The same for a value. */
export function isDeep(value: unknown): boolean {
  let level: readonly unknown[] = [value];
  for (let depth = 0; depth <= deepest; depth += 1) {
    level = level.flatMap((one) => (typeof one === 'object' && one !== null ? Object.values(one) : []));
    if (level.length === 0) return false;
  }
  return true;
}

/** Settings nest six levels deep, and API responses hardly more. Settings in certfleet.yaml may be the user's own. */
const deepest = 64;
