/** Items in the order of a number and then of their names. Changes are sorted in at the next read. */
export interface Ordered<T> {
  /** Takes note that an item is there in place of another one; undefined if there is or was none. */
  replace(before: T | undefined, after: T | undefined): void;
  /**
   * Returns the items behind a place, or all, in order.
   *
   * @param all all items, read if nothing was sorted before or too much has changed
   */
  from(all: Iterable<T>, after: readonly [number, string] | undefined, isDescending: boolean): Iterable<T>;
  placeOf(item: T): readonly [number, string];
}

/** Above this number of changes, sorting everything again is cheaper. */
const mostChanges = 500;
/** Where an item without a number stands: JSON has no infinity. */
const last = Number.MAX_SAFE_INTEGER;

export function createOrdered<T extends { readonly name: string }>(numberOf: (item: T) => number): Ordered<T> {
  let sorted: T[] | undefined;
  let changes: { readonly before: T | undefined; readonly after: T | undefined }[] = [];
  const keyOf = (item: T): number => {
    const number = numberOf(item);
    return Number.isNaN(number) ? last : number;
  };
  const placeOf = (item: T): readonly [number, string] => [keyOf(item), item.name];
  const compare = (item: T, [number, name]: readonly [number, string]): number => compareTo(item, number, name);
  const compareTo = (item: T, number: number, name: string): number =>
    keyOf(item) - number || (item.name < name ? -1 : item.name > name ? 1 : 0);

  /** Returns the index of the first item that is not before a place. */
  function indexOf(items: readonly T[], place: readonly [number, string]): number {
    let [low, high] = [0, items.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compare(items[middle]!, place) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  function sortedNow(all: Iterable<T>): readonly T[] {
    if (!sorted) sorted = [...all].sort((a, b) => compareTo(a, keyOf(b), b.name));
    for (const { before, after } of changes) {
      if (before) {
        const at = indexOf(sorted, placeOf(before));
        if (sorted[at]?.name === before.name) sorted.splice(at, 1);
      }
      if (after) sorted.splice(indexOf(sorted, placeOf(after)), 0, after);
    }
    changes = [];
    return sorted;
  }

  return {
    replace(before, after) {
      if (!sorted) return;
      changes.push({ before, after });
      if (changes.length <= mostChanges) return;
      sorted = undefined;
      changes = [];
    },
    *from(all, after, isDescending) {
      const items = sortedNow(all);
      if (!isDescending) {
        let at = after ? indexOf(items, after) : 0;
        if (after && at < items.length && compare(items[at]!, after) === 0) at++;
        for (; at < items.length; at++) yield items[at]!;
      } else for (let at = (after ? indexOf(items, after) : items.length) - 1; at >= 0; at--) yield items[at]!;
    },
    placeOf,
  };
}
