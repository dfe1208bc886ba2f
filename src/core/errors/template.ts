/** The names of a text's `{placeholders}`. */
export type Placeholders<S extends string> = S extends `${string}{${infer P}}${infer Rest}`
  ? P | Placeholders<Rest>
  : never;

/** Fills a text's `{placeholders}`. One without a value stays as it is, unless `missing` replaces it. */
export const fill = (template: string, params: Readonly<Record<string, string>>, missing?: string): string =>
  template.replace(/\{(\w+)\}/g, (whole, name: string) => params[name] ?? missing ?? whole);

/** Returns the names of a text's `{placeholders}`. */
export const placeholdersIn = (template: string): readonly string[] =>
  [...template.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name);
