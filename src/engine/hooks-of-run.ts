import { identifierKey } from '../core/identifier.ts';
import type { Outcome } from '../core/outcome.ts';
import { createSingleFlight, type SingleFlight } from '../core/single-flight.ts';
import type { CertificateSpec } from '../core/spec.ts';

/** What a run remembers of hooks around its orders. */
export interface HooksOfRun {
  /** A post-hook is journalled that has not run yet. */
  owes: boolean;
  /** The pairs whose pre-hook has run, by `hooksKey`. */
  readonly entered: Set<string>;
  /** Certificates with the same hooks wait for one pre-hook. */
  readonly entering: SingleFlight<void>;
  /** The names of the certificates that were renewed, and of those that failed, by certificate. */
  readonly renewed: Map<string, readonly string[]>;
  readonly failed: Map<string, readonly string[]>;
}

export const newHooksOfRun = (): HooksOfRun => ({
  owes: false,
  entered: new Set(),
  entering: createSingleFlight(),
  renewed: new Map(),
  failed: new Map(),
});

/** The next run begins anew. */
export function forgetRun(hooks: HooksOfRun): void {
  hooks.owes = false;
  for (const memory of [hooks.entered, hooks.renewed, hooks.failed]) memory.clear();
}

/** Remembers an outcome for the post-hooks. */
export function noteOutcome({ renewed, failed }: HooksOfRun, { name, identifiers }: CertificateSpec, outcome: Outcome) {
  const { result } = outcome;
  const names = identifiers.map(identifierKey);
  if (result === 'issued' || result === 'renewed') renewed.set(name, names);
  else if (result === 'failed') failed.set(name, names);
}

/** How long a list in an environment variable may be: all of them and the arguments share 128 KiB on Linux. */
const longestList = 16_000;

/** certbot's variables for post-hooks. */
export const postHookVariables = ({ renewed, failed }: HooksOfRun): Readonly<Record<string, string>> => ({
  RENEWED_DOMAINS: listOf(renewed),
  FAILED_DOMAINS: listOf(failed),
});

function listOf(names: ReadonlyMap<string, readonly string[]>): string {
  const all = [...names.values()].flat().join(' ');
  return all.length <= longestList ? all : all.slice(0, all.lastIndexOf(' ', longestList));
}
