import { constructFromEvents, EVENT_ID, type Event, parseEvents, SCALAR_STYLE, YAMLException } from 'js-yaml';
import type { Problem } from '../problems.ts';

/** Returns the line of each problem, from 1: that of its key or value, or of the nearest parent that exists. */
export function linesOf(text: string, problems: readonly Problem[]): readonly (number | undefined)[] {
  const root = placesOf(text);
  return problems.map((problem) => problem.line ?? lineAt(root, problem));
}

function lineAt(root: Place | undefined, { path, onKey }: Problem): number | undefined {
  let place = root;
  let line = root?.line;
  for (const [index, part] of path.entries()) {
    const child = place?.children?.get(String(part));
    if (!child) break;
    const isLast = index === path.length - 1;
    line = (isLast && !onKey ? child.value.line : undefined) ?? child.line ?? child.value.line ?? line;
    place = child.value;
  }
  return line;
}

interface Place {
  /** Undefined if nothing is written there. */
  readonly line: number | undefined;
  /** The entries of a mapping by key, or those of a list by index. */
  readonly children?: ReadonlyMap<string, { readonly line: number | undefined; readonly value: Place }>;
}

/** Returns the places of everything in the first document, or undefined if it is not YAML. */
function placesOf(text: string): Place | undefined {
  let events: readonly Event[];
  try {
    events = parseEvents(text, {});
  } catch (error) {
    if (error instanceof YAMLException) return undefined;
    throw error;
  }
  const [document] = events;
  let next = 1;
  // Events come in the order of the text, so the lines are counted once.
  let [at, line] = [0, 1];
  const lineOf = (offset: number): number => {
    for (; at < offset; at++) if (text[at] === '\n') line++;
    return line;
  };

  const place = (): Place => {
    const event = events[next++]!;
    const start = startOf(event);
    const here = start === undefined ? undefined : lineOf(start);
    switch (event.type) {
      case EVENT_ID.MAPPING:
        return { line: here, children: new Map(each(() => pair())) };
      case EVENT_ID.SEQUENCE:
        return { line: here, children: new Map(each((index) => [String(index), item()])) };
      case EVENT_ID.SCALAR:
        if (event.valueEnd >= 0) lineOf(event.valueEnd);
        return { line: here };
      default:
        return { line: here };
    }
  };
  const each = <T>(read: (index: number) => T): readonly T[] => {
    const all: T[] = [];
    while (events[next]!.type !== EVENT_ID.POP) all.push(read(all.length));
    next++;
    return all;
  };
  const pair = () => {
    const event = events[next]!;
    const key = place();
    return [keyOf(event), { line: key.line, value: place() }] as const;
  };
  const item = () => {
    // An empty item has no position of its own, only its dash, which follows the end of the previous item.
    empty.lastIndex = at;
    const value = place();
    return { line: value.line ?? (empty.test(text) ? lineOf(empty.lastIndex) : undefined), value };
  };
  /** Returns a key as in the parsed value. The text may have `"a"` or `0x10`. */
  const keyOf = (event: Event): string => {
    if (event.type !== EVENT_ID.SCALAR) return '';
    const written = text.slice(event.valueStart, event.valueEnd);
    if (word.test(written)) return written;
    return String(constructFromEvents([document!, event, { type: EVENT_ID.POP }], { source: text })[0]);
  };
  return document && place();
}

/** Matches a word that YAML reads as the same text, quoted or not. */
const word = /^(?!(?:null|true|false)$)[a-z]\w*$/i;

const empty = /(?:\s|#[^\n]*\n|["'[\]{}?:])*-/y;

function startOf(event: Event): number | undefined {
  const starts =
    event.type === EVENT_ID.SEQUENCE || event.type === EVENT_ID.MAPPING
      ? [event.start]
      : event.type === EVENT_ID.SCALAR
        ? [isBlock(event.style) ? event.valueStart - 1 : event.valueStart, event.tagStart, event.anchorStart]
        : event.type === EVENT_ID.ALIAS
          ? [event.anchorStart]
          : [];
  return starts.find((start) => start >= 0);
}

/** Reports whether the text begins on the line after its `|` or `>`. */
const isBlock = (style: number): boolean => style === SCALAR_STYLE.LITERAL_BLOCK || style === SCALAR_STYLE.FOLDED_BLOCK;
