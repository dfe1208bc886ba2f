/** Items in the order of a number and then of their names. */
export interface Ordered<T> {
  /** Takes note that an item is there in place of another one; undefined if there is or was none. */
  replace(before: T | undefined, after: T | undefined): void;
  /**
   * Returns the items behind a place, or all, in order.
   *
   * @param all all items, read if nothing was sorted before
   */
  from(all: Iterable<T>, after: readonly [number, string] | undefined, isDescending: boolean): Iterable<T>;
  placeOf(item: T): readonly [number, string];
}

/** Where an item without a number stands: JSON has no infinity. */
const last = Number.MAX_SAFE_INTEGER;

/**
 * @param mostChanges more changes than this are sorted in at the next read, and ten times as many make it sort everything
 *   anew: until then, a change costs the same among however many items
 */
export function createOrdered<T extends { readonly name: string }>(
  numberOf: (item: T) => number,
  mostChanges = 500,
): Ordered<T> {
  let sorted: readonly T[] | undefined;
  /** Items of `sorted` that are gone. */
  const gone = new Set<T>();
  /** Items that have come since, in order. */
  const come: T[] = [];
  const keyOf = (item: T): number => {
    const number = numberOf(item);
    return Number.isNaN(number) ? last : number;
  };
  const placeOf = (item: T): readonly [number, string] => [keyOf(item), item.name];
  const compare = (item: T, number: number, name: string): number =>
    keyOf(item) - number || (item.name < name ? -1 : item.name > name ? 1 : 0);
  const compareItems = (a: T, b: T): number => compare(a, keyOf(b), b.name);

  /** Returns the index of the first item that is not before a place. */
  function indexOf(items: readonly T[], number: number, name: string): number {
    let [low, high] = [0, items.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compare(items[middle]!, number, name) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  function sortedNow(all: Iterable<T>): readonly T[] {
    if (sorted && gone.size + come.length <= mostChanges) return sorted;
    sorted = sorted ? [...merged(sorted, undefined, false)] : [...all].sort(compareItems);
    gone.clear();
    come.length = 0;
    return sorted;
  }

  /** Returns the items that are there now, behind a place. */
  function* merged(
    items: readonly T[],
    after: readonly [number, string] | undefined,
    isDescending: boolean,
  ): Iterable<T> {
    const step = isDescending ? -1 : 1;
    const beginOf = (list: readonly T[]): number => {
      if (!after) return isDescending ? list.length - 1 : 0;
      const at = indexOf(list, ...after);
      if (isDescending) return at - 1;
      return list[at] && compare(list[at], ...after) === 0 ? at + 1 : at;
    };
    let [at, atCome] = [beginOf(items), beginOf(come)];
    for (;;) {
      while (items[at] && gone.has(items[at]!)) at += step;
      const [old, recent] = [items[at], come[atCome]];
      if (!old && !recent) return;
      if (!recent || (old && compareItems(old, recent) * step < 0)) {
        yield old!; // one of them is there
        at += step;
      } else {
        yield recent;
        atCome += step;
      }
    }
  }

  return {
    replace(before, after) {
      if (!sorted) return;
      if (before) {
        const at = indexOf(come, ...placeOf(before));
        if (come[at] === before) come.splice(at, 1);
        else gone.add(before);
      }
      if (after) come.splice(indexOf(come, ...placeOf(after)), 0, after);
      if (gone.size + come.length <= mostChanges * 10) return;
      sorted = undefined;
      gone.clear();
      come.length = 0;
    },
    from: (all, after, isDescending) => merged(sortedNow(all), after, isDescending),
    placeOf,
  };
}
