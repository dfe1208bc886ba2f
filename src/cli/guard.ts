import { CertfleetError } from '../core/errors/errors.ts';
import { harmless, remoteText } from '../core/errors/remote-text.ts';
import type { Fleet } from '../fleet.ts';

/**
 * The last guard before all outputs. Texts from elsewhere are made harmless where they enter, but documents written by
 * earlier versions may contain others, and an adapter may forget it.
 */
export const guarded = <T>(value: T): T => withTexts(value, harmless);

/** The same for names and values in the files of another client, which may have line breaks: each on one line. */
export const onOneLine = <T>(value: T): T => withTexts(value, remoteText);

function withTexts<T>(value: T, change: (text: string) => string): T {
  if (typeof value === 'string') return change(value) as T;
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((one) => withTexts(one, change)) as T;
  if (value instanceof CertfleetError) return guardedError(value) as T;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [change(key), withTexts(one, change)])) as T;
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
  adopt: async (found, options, signal) => onOneLine(await fleet.adopt(found, options, signal)),
  undoImport: async (root, options, signal) => onOneLine(await fleet.undoImport(root, options, signal)),
});
