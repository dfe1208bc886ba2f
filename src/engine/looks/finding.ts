import type { CertfleetError } from '../../core/errors.ts';

/**
 * What the CA will look at, looked at first (house.md §5a). Three answers: pass, proven no, cannot tell. Only a proven
 * no stops an order; a look that fails because of where this process stands (no IPv6, hairpin NAT, split horizon)
 * is `cannot-tell`.
 */
export interface Finding {
  readonly verdict: 'pass' | 'no' | 'cannot-tell';
  readonly identifier: string;
  readonly finding: string;
  readonly advice: string;
  /** A refusal that protects the user's own service, or a solver that cannot answer at all: no date overrides it. */
  readonly refusal?: CertfleetError;
  /** Why the solver's own side could not be looked at: its server does not answer, or refuses the credentials. */
  readonly unusable?: CertfleetError;
}
