/** An event that has not happened yet. */
export interface Event {
  readonly atMs: number;
  readonly order: number;
  /** Undefined once it was cancelled. */
  run: (() => void) | undefined;
}

/** Events by time, those of one time in the order in which they were added: a binary heap. */
export class Heap {
  readonly #events: Event[] = [];
  #added = 0;

  add(atMs: number, run: () => void): Event {
    const event: Event = { atMs, order: this.#added, run };
    this.#added += 1;
    let at = this.#events.length;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = this.#events[parent] as Event;
      if (isBefore(above, event)) break;
      this.#events[at] = above;
      at = parent;
    }
    this.#events[at] = event;
    return event;
  }

  /** Removes and returns the next event, if it comes before a time. */
  takeBefore(endMs: number): Event | undefined {
    const events = this.#events;
    const [first] = events;
    if (!first || first.atMs >= endMs) return undefined;
    const last = events.pop() as Event;
    if (events.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= events.length) break;
      if (child + 1 < events.length && isBefore(events[child + 1] as Event, events[child] as Event)) child += 1;
      if (isBefore(last, events[child] as Event)) break;
      events[at] = events[child] as Event;
      at = child;
    }
    events[at] = last;
    return first;
  }
}

const isBefore = (a: Event, b: Event): boolean => a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
