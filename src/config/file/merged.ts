import { type Fields, isFields } from '../../core/text/json.ts';
import { type Problem, pathText, shown } from '../problems.ts';
import { innermost } from '../registry/option-fields.ts';
import { configuration } from '../settings/schema.ts';

/** Where something stands: which of several texts, and the path in it. */
export interface PlaceOfPart {
  readonly part: number;
  readonly path: readonly PropertyKey[];
}

/** A problem in one of several texts. Its path is that in the text. */
export interface PartProblem extends Problem, PlaceOfPart {
  /** Where the same thing is declared first. */
  readonly first?: PlaceOfPart;
}

export interface Merged {
  readonly value: unknown;
  /** What is declared twice. */
  readonly problems: readonly PartProblem[];
  /** Returns where in the texts something of the whole stands. */
  placeOf(path: readonly PropertyKey[]): PlaceOfPart;
}

/** Returns how several texts may share a key: by adding names to a group, or entries to a list, or not at all. */
function sharing(key: string): 'group' | 'list' | undefined {
  const { shape } = configuration;
  const type = Object.hasOwn(shape, key) ? innermost(shape[key as keyof typeof shape]).def.type : undefined;
  return type === 'record' ? 'group' : type === 'array' ? 'list' : undefined;
}

/**
 * Merges the values of several texts: names of the same group are added, and so are certificates; any other setting may
 * be in only one of them. What has the wrong type is left to the schema.
 */
export function merge(values: readonly unknown[]): Merged {
  const odd = values.length === 1 ? 0 : values.findIndex((value) => !isFields(value));
  if (odd >= 0) return { value: values[odd], problems: [], placeOf: (path) => ({ part: odd, path }) };
  const problems: PartProblem[] = [];
  const groups = new Map<string, Record<string, unknown>>();
  const lists = new Map<string, unknown[]>();
  const others = new Map<string, unknown>();
  /** Where each key and each name of a group is, by its path as text, and each entry of a list. */
  const places = new Map<string, PlaceOfPart>();
  const entries = new Map<string, PlaceOfPart[]>();
  const certificates = new Map<unknown, PlaceOfPart>();

  /** Takes note of where something is. Reports whether it is the first of its name. */
  function declare(path: readonly string[], part: number): boolean {
    const id = JSON.stringify(path);
    const first = places.get(id);
    if (!first) places.set(id, { part, path });
    else problems.push({ part, path, first, onKey: true, message: `${shown(pathText(path))} is declared twice` });
    return !first;
  }
  function addToGroup(key: string, names: Fields, part: number): void {
    const group = groups.get(key) ?? {};
    groups.set(key, group);
    for (const [name, value] of Object.entries(names)) if (declare([key, name], part)) group[name] = value;
  }
  function addToList(key: string, added: readonly unknown[], part: number): void {
    const [list, where] = [lists.get(key) ?? [], entries.get(key) ?? []];
    lists.set(key, list);
    entries.set(key, where);
    for (const [index, value] of added.entries()) {
      const path = [key, index, 'name'];
      const name = isFields(value) ? value['name'] : undefined;
      const first = certificates.get(name);
      // Within one text, this is found with its other problems.
      if (first && first.part !== part) {
        const message = `the certificate name "${shown(String(name))}" is used twice; every certificate needs its own`;
        problems.push({ part, path, first, message });
        continue;
      }
      if (typeof name === 'string') certificates.set(name, { part, path });
      list.push(value);
      where.push({ part, path: [key, index] });
    }
  }

  for (const [part, value] of values.entries())
    for (const [key, one] of Object.entries(value as Fields)) {
      const how = sharing(key);
      if (how === 'group' && isFields(one)) addToGroup(key, one, part);
      else if (how === 'list' && Array.isArray(one)) addToList(key, one, part);
      else if (declare([key], part)) others.set(key, one);
    }

  return {
    // What has the wrong type hides the rest of its group, so that it is found.
    value: Object.fromEntries([...groups, ...lists, ...others]),
    problems,
    placeOf(path) {
      const [key = '', name] = path.map(String);
      const inList = others.has(key) ? undefined : entries.get(key)?.[Number(name)];
      const found = inList ?? places.get(JSON.stringify([key, name]));
      if (found) return { part: found.part, path: [...found.path, ...path.slice(2)] };
      return { part: places.get(JSON.stringify([key]))?.part ?? 0, path };
    },
  };
}
