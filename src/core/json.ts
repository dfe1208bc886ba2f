/** A value that JSON keeps unchanged; receipts, notes and documents consist of these. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

export type JsonObject = { readonly [key: string]: Json };
