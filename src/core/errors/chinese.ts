import { errorTable } from './error-table.ts';

/** The table of errors in Chinese. */
export const chinese: {
  readonly [code in keyof typeof errorTable]: { readonly message: string; readonly hint: string };
} = errorTable;

export const phraseInChinese = (text: string): string => text;
