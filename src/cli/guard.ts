import { CertfleetError } from '../core/errors.ts';
import { harmless } from '../core/remote-text.ts';
import type { Fleet } from '../fleet.ts';

/**
 * The last guard before all outputs. Texts from elsewhere are made harmless where they enter, but documents written by
 * earlier versions may contain others, and an adapter may forget it.
 */
export function guarded<T>(value: T): T {
  if (typeof value === 'string') return harmless(value) as T;
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(guarded) as T;
  if (value instanceof CertfleetError) return guardedError(value) as T;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [harmless(key), guarded(one)])) as T;
}

function guardedError(error: CertfleetError): CertfleetError {
  const { code, cause, retryAt, problem, stack } = error;
  const [message, hint] = [harmless(error.message), harmless(error.hint)];
  if (message === error.message && hint === error.hint) return error;
  const options = { cause, problem, ...(retryAt === undefined ? {} : { retryAt }) };
  return Object.assign(new CertfleetError(code, message, hint, options), { stack });
}

/** A fleet whose results can be printed. */
export const guardedFleet = (fleet: Fleet): Fleet => ({
  ...fleet,
  issue: async (request, signal) => guarded(await fleet.issue(request, signal)),
  renew: async (request, signal) => guarded(await fleet.renew(request, signal)),
  dryRun: async (request, signal) => guarded(await fleet.dryRun(request, signal)),
  status: async (names, signal) => guarded(await fleet.status(names, signal)),
  doctor: async (names, signal) => guarded(await fleet.doctor(names, signal)),
  delete: async (request, signal) => guarded(await fleet.delete(request, signal)),
  rollback: async (name, signal) => guarded(await fleet.rollback(name, signal)),
  revoke: async (request, signal) => guarded(await fleet.revoke(request, signal)),
  sweep: async (signal) => guarded(await fleet.sweep(signal)),
});
