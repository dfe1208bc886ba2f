/**
 * Returns an object with the same members, to spread into a wrapper. Spreading the object itself would lose a class's
 * methods.
 */
export function spreadable<T extends object>(inner: T): T {
  const members: Record<string, unknown> = {};
  for (let from: object | null = inner; from && from !== Object.prototype; from = Object.getPrototypeOf(from))
    for (const name of Object.getOwnPropertyNames(from)) {
      if (name === 'constructor' || Object.hasOwn(members, name)) continue;
      const value = (inner as Record<string, unknown>)[name];
      members[name] = typeof value === 'function' ? value.bind(inner) : value;
    }
  return members as T;
}
