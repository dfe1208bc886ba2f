/** Makes the fields that may be undefined optional; the others stay as they are. */
export type Present<T> = { readonly [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  readonly [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
};

/**
 * Returns the object without its undefined fields, so that optional fields need no condition each: `{ type,
 * ...present({ listen, port }) }`. Empty strings, 0, false and null stay.
 */
export function present<const T extends object>(fields: T): Present<T> {
  const some: Partial<T> = {};
  for (const key in fields) if (fields[key] !== undefined) some[key] = fields[key];
  return some as unknown as Present<T>;
}
