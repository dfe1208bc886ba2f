import type { CertfleetError } from '../../core/errors/errors.ts';

/**
 * The result of checking something that the CA will check ("Preflight" in docs/architecture.md): pass, a definite "no",
 * or cannot tell. Only a definite "no" stops an order. A check that fails because of this machine's location (no IPv6,
 * hairpin NAT, split horizon) is `cannot-tell`.
 */
export interface Finding {
  readonly verdict: 'pass' | 'no' | 'cannot-tell';
  readonly identifier: string;
  readonly finding: string;
  readonly advice: string;
  /** An error that no flag overrides: an order would disturb the user's own service, or the solver could not answer. */
  readonly refusal?: CertfleetError;
  /** Why the solver could not be checked: its server does not respond, or refuses the credentials. */
  readonly unusable?: CertfleetError;
}
