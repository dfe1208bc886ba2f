import type { CertfleetError } from '../core/errors/errors.ts';
import type { Outcome } from '../core/plan/outcome.ts';

/** What a person can let a process that keeps running do to a certificate. */
export type FleetAction = 'renew' | 'redeploy' | 'rollback' | 'revoke' | 'pause' | 'resume';

export interface ActionRequest {
  readonly action: FleetAction;
  readonly name: string;
  /** The revision of the document that the person saw; undefined to act whatever it says now. */
  readonly ifRevision: string | undefined;
  /** Of `revoke`; one of RFC 5280 that ACME allows. */
  readonly reason?: 'unspecified' | 'keyCompromise' | 'superseded' | 'cessationOfOperation' | undefined;
}

/**
 * Begins actions in this process, beside its loop. Each goes on after the request that began it; what became of it stands
 * in the certificate and its history.
 */
export interface FleetActions {
  /**
   * Begins an action, and resolves once it has begun. Fails with `lineage/not-found`, `lineage/changed` if the document
   * is no longer the one that the person saw, or `lineage/in-use` if a process works on it.
   */
  begin(request: ActionRequest, signal: AbortSignal): Promise<void>;
  /** Returns how an action on a certificate ended last in this process, for those who wait for it. */
  ended(name: string): { readonly at: string; readonly outcome?: Outcome; readonly error?: CertfleetError } | undefined;
}
