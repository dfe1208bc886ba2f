/** Returns a function that calls `read` once for each key, and afterwards returns the same promise. */
export function onceForEach<Ask, T>(
  keyOf: (ask: Ask) => string,
  read: (ask: Ask) => Promise<T>,
): (ask: Ask) => Promise<T> {
  const found = new Map<string, Promise<T>>();
  return (ask) => {
    const key = keyOf(ask);
    const one = found.get(key) ?? read(ask);
    found.set(key, one);
    return one;
  };
}
