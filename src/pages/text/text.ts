import type { en } from './en.ts';

/** The words of the pages in a language. A language that lacks one does not compile. */
export type Text = Widened<typeof en>;

/** The same keys with any text in place of the English one. */
type Widened<T> = {
  readonly [key in keyof T]: T[key] extends string
    ? string
    : T[key] extends (...args: infer A) => string
      ? (...args: A) => string
      : Widened<T[key]>;
};
