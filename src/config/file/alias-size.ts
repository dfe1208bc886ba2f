import type { Problem } from '../problems.ts';

/** What a file may stand for with its aliases, and how deep: more than any settings need, and walked in a second. */
const mostBytes = 16 * 1024 * 1024;
const mostLevels = 200;
/** What a value costs besides its text. */
const valueBytes = 4;
/** A file without aliases stays below this many bytes for each of its own. */
const mostPerByte = 8;

interface Measured {
  readonly bytes: number;
  readonly levels: number;
}

const endless: Measured = { bytes: Number.POSITIVE_INFINITY, levels: Number.POSITIVE_INFINITY };

/**
 * Returns the problem of a file in which a few aliases make a value huge, endless or very deep: an alias may be in many
 * places, and inside a value that has an alias itself.
 *
 * @param configuration the value of the file
 */
export function aliasProblem(configuration: unknown, textBytes: number): Problem | undefined {
  const most = Math.max(mostBytes, mostPerByte * textBytes);
  const isTooMuch = ({ bytes, levels }: Measured) => bytes > most || levels > mostLevels;
  const seen = new Map<object, Measured>();
  const open = new Set<object>();

  function measure(value: unknown): Measured {
    if (typeof value === 'string') return { bytes: valueBytes + value.length, levels: 0 };
    if (typeof value !== 'object' || value === null) return { bytes: valueBytes, levels: 0 };
    const known = seen.get(value);
    if (known) return known;
    if (open.has(value) || open.size > mostLevels) return endless;
    open.add(value);
    let [bytes, levels] = [valueBytes, 0];
    for (const [key, inner] of Object.entries(value)) {
      const found = measure(inner);
      bytes += key.length + found.bytes;
      levels = Math.max(levels, found.levels + 1);
    }
    open.delete(value);
    const measured = { bytes, levels };
    seen.set(value, measured);
    return measured;
  }

  if (!isTooMuch(measure(configuration))) return undefined;
  const message = 'the YAML aliases (*name) stand for too much; write out what they stand for';
  const key = Object.entries(configuration as object).find(([, value]) => isTooMuch(measure(value)))?.[0];
  return { path: key === undefined ? [] : [key], onKey: true, message };
}
