// The parameters of a call to a cloud's API, as the fakes of test/support declare and read them.

/** The type of one parameter: a list of texts is what it may be. The name of a required one ends in `!`. */
export type Schema =
  | 'text'
  | 'integer'
  | 'boolean'
  | readonly string[]
  | { readonly list: Schema; readonly most: number }
  | { readonly fields: Schemas };
export type Schemas = Readonly<Record<string, Schema>>;

export type Value = string | number | boolean | readonly Value[] | Values;

/** The parameters of one call, or the fields of a part of one. */
export interface Values {
  has(name: string): boolean;
  text(name: string): string | undefined;
  /** For a required parameter. */
  needed(name: string): string;
  /** Undefined if absent; refuses what is out of range. */
  integer(name: string, from: number, to: number): number | undefined;
  flag(name: string): boolean | undefined;
  texts(name: string): readonly string[];
  integers(name: string): readonly number[];
  items(name: string): readonly Values[];
  part(name: string): Values | undefined;
}

/** @param refuse makes the refusal of a number that is out of range */
export function valuesOf(found: ReadonlyMap<string, Value>, refuse: (name: string) => Error): Values {
  const get = <T>(name: string) => found.get(name) as T | undefined;
  return {
    has: (name) => found.has(name),
    text: (name) => get<string>(name),
    needed: (name) => get<string>(name)!,
    integer(name, from, to) {
      const value = get<number>(name);
      if (value !== undefined && (value < from || value > to)) throw refuse(name);
      return value;
    },
    flag: (name) => get<boolean>(name),
    integers: (name) => get<readonly number[]>(name) ?? [],
    texts: (name) => get<readonly string[]>(name) ?? [],
    items: (name) => get<readonly Values[]>(name) ?? [],
    part: (name) => get<Values>(name),
  };
}
