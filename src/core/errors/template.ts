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

/** The words of one error, in one language. */
export interface ErrorWords {
  readonly message: string;
  readonly hint: string;
}

type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false;

/** Each text as it is, or what is wrong with it. */
type Checked<E extends Readonly<Record<string, ErrorWords>>, O extends Readonly<Record<keyof E, ErrorWords>>> = {
  readonly [C in keyof O]: C extends keyof E
    ? {
        readonly [T in keyof ErrorWords]: Same<Placeholders<E[C][T]>, Placeholders<O[C][T]>> extends true
          ? O[C][T]
          : { readonly placeholders: Placeholders<E[C][T]> };
      }
    : 'there is no such code';
};

/**
 * Returns a part of the table in another language. The compiler checks that it has every code of the English part, and no
 * other, and that each text has the same placeholders.
 */
export const translation = <
  const E extends Readonly<Record<string, ErrorWords>>,
  const O extends Readonly<Record<keyof E, ErrorWords>>,
>(
  _english: E,
  own: O & Checked<E, O>,
): Readonly<Record<keyof E, ErrorWords>> => own as O;
