import { CertfleetError } from '../core/errors/errors.ts';
import { harmless, remoteText } from '../core/errors/remote-text.ts';
import type { Fleet } from '../fleet.ts';

/**
 * The last guard before all outputs. Foreign text is escaped where it enters, but another program may have written a
 * document, and an adapter may forget to escape.
 */
export const guarded = <T>(value: T): T => withTexts(value, harmless);

/** Does the same for names and values in the files of another client, and removes their line breaks. */
export const onOneLine = <T>(value: T): T => withTexts(value, remoteText);

function withTexts<T>(value: T, change: (text: string) => string): T {
  // The usual case. A run may have thousands of outcomes.
  if (isFine(value, change)) return value;
  if (typeof value === 'string') return change(value) as T;
  if (Array.isArray(value)) return value.map((one) => withTexts(one, change)) as T;
  if (value instanceof CertfleetError) return guardedError(value) as T;
  return Object.fromEntries(
    Object.entries(value as object).map(([key, one]) => [change(key), withTexts(one, change)]),
  ) as T;
}

function isFine(value: unknown, change: (text: string) => string): boolean {
  if (typeof value === 'string') return change(value) === value;
  if (typeof value !== 'object' || value === null) return true;
  if (Array.isArray(value)) return value.every((one) => isFine(one, change));
  if (value instanceof CertfleetError) return guardedError(value) === value;
  for (const key in value)
    if (change(key) !== key || !isFine((value as Record<string, unknown>)[key], change)) return false;
  return true;
}

function guardedError(error: CertfleetError): CertfleetError {
  const { code, retryAt, problem, stack } = error;
  const [message, hint] = [harmless(error.message), harmless(error.hint)];
  const params = error.params && withTexts(error.params, harmless);
  const cause = error.cause instanceof CertfleetError ? guardedError(error.cause) : error.cause;
  if (message === error.message && hint === error.hint && params === error.params && cause === error.cause)
    return error;
  const options = { cause, problem, retryAt, params };
  return Object.assign(new CertfleetError(code, message, hint, options), { stack });
}

/** Returns a fleet whose results can be printed. */
export const guardedFleet = (fleet: Fleet): Fleet => ({
  ...fleet,
  issue: async (request, signal) => guarded(await fleet.issue(request, signal)),
  renew: async (request, signal) => guarded(await fleet.renew(request, signal)),
  dryRun: async (request, signal) => guarded(await fleet.dryRun(request, signal)),
  status: async (names, signal) => guarded(await fleet.status(names, signal)),
  nodes: async (certificates, signal) => guarded(await fleet.nodes(certificates, signal)),
  doctor: async (names, signal) => guarded(await fleet.doctor(names, signal)),
  delete: async (request, signal) => guarded(await fleet.delete(request, signal)),
  rollback: async (name, signal) => guarded(await fleet.rollback(name, signal)),
  revoke: async (request, signal) => guarded(await fleet.revoke(request, signal)),
  sweep: async (signal) => guarded(await fleet.sweep(signal)),
  adopt: async (found, options, signal) => onOneLine(await fleet.adopt(found, options, signal)),
  undoImport: async (root, options, signal) => onOneLine(await fleet.undoImport(root, options, signal)),
});
