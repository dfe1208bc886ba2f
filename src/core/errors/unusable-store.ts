import { type CertfleetError, isFailure } from './errors.ts';

/** Reports whether an error means that the store as a whole cannot be used now, and not just one document. */
export const isUnusableStore = (error: unknown): error is CertfleetError =>
  isFailure(
    error,
    'store/unusable',
    'store/unreachable',
    'store/login-refused',
    'store/tls-refused',
    'store/right-missing',
    'store/read-only',
    'store/too-new',
  );
