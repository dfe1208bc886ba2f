/**
 * certfleet as a library: open a fleet with settings in a world, and call the functions that the command line calls.
 *
 * ```ts
 * const world = createWorld({ env: process.env, log });
 * const fleet = await openFleet(settings, { world, reporter, env: process.env });
 * const outcomes = await fleet.renew({ names: [], force: false }, new AbortController().signal);
 * ```
 */

export type { Blame, ErrorCode, Retry } from './core/error-table.ts';
export { CertfleetError, isFailure } from './core/errors.ts';
export type { Event, EventName } from './core/event.ts';
export type { Identifier } from './core/identifier.ts';
export type { Outcome } from './core/outcome.ts';
export { Secret } from './core/secret.ts';
export type {
  AdapterSettings,
  CertificateSpec,
  IssuerSettings,
  PreflightSettings,
  Settings,
  StoredSpec,
} from './core/spec.ts';
export { version } from './core/version.ts';
export type { Fleet, IssueRequest, LineageStatus, RenewRequest, SweepReport } from './fleet.ts';
export { openFleet } from './fleet.ts';
export { createWorld } from './lib/world.ts';
export type { Log } from './ports/log.ts';
export type { Reporter } from './ports/reporter.ts';
export type { World } from './ports/world.ts';
