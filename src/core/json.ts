/** A value that survives JSON unchanged: what receipts, notes and documents are made of. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

export type JsonObject = { readonly [key: string]: Json };
