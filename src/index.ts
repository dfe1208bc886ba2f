/**
 * certfleet as a library: open a fleet with settings in a world, and call the functions that the command line calls.
 *
 * ```ts
 * const world = createWorld({ env: process.env, log });
 * const fleet = await openFleet(settings, { world, reporter, env: process.env });
 * const outcomes = await fleet.renew({ names: [], force: false }, new AbortController().signal);
 * ```
 */

export type { Blame, Retry } from './core/errors/error-entry.ts';
export type { ErrorCode } from './core/errors/error-table.ts';
export { CertfleetError, isFailure } from './core/errors/errors.ts';
export { Secret } from './core/errors/secret.ts';
export { version } from './core/errors/version.ts';
export type { Identifier } from './core/names/identifier.ts';
export type { Event, EventName } from './core/plan/event.ts';
export type { Outcome } from './core/plan/outcome.ts';
export type {
  AdapterSettings,
  CertificateSpec,
  IssuerSettings,
  PreflightSettings,
  Settings,
  StoredSpec,
} from './core/spec/spec.ts';
export type { Fleet, IssueRequest, LineageStatus, RenewRequest, SweepReport } from './fleet.ts';
export { openFleet } from './fleet.ts';
export { createWorld } from './lib/world.ts';
export type { Log } from './ports/log.ts';
export type { Reporter } from './ports/reporter.ts';
export type { World } from './ports/world.ts';
