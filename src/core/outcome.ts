import type { CertfleetError } from './errors.ts';

/** How one pass ended for one certificate. */
export type Outcome = {
  readonly certificate: string;
  /** When certfleet acts next of its own accord in a `renew`: RFC 3339. */
  readonly next?: string;
} & (
  | { readonly result: 'issued' | 'renewed' | 'deployed'; readonly notAfter: string; readonly message: string }
  | {
      readonly result: 'unchanged';
      readonly notAfter?: string;
      readonly message: string;
      /** It failed before, and the time of its next try has not come. */
      readonly failing?: boolean;
    }
  | { readonly result: 'pending'; readonly notAfter: string; readonly message: string; readonly error: CertfleetError }
  | { readonly result: 'failed'; readonly message: string; readonly error: CertfleetError }
);
