import { createSingleFlight, type SingleFlight } from '../../core/async/single-flight.ts';
import { identifierKey } from '../../core/names/identifier.ts';
import type { Outcome } from '../../core/plan/outcome.ts';
import type { StoredSpec } from '../../core/spec/spec.ts';

/** What a pass remembers of the hooks around its orders. */
export interface HooksOfPass {
  /** A post-hook is journalled that has not run yet. */
  owes: boolean;
  /** The pairs that are journalled and whose pre-hook has run, by `hooksKey`. */
  readonly entered: Set<string>;
  /** The pre-hooks that have run; pairs with different post-hooks may share one. */
  readonly ran: Set<string>;
  /** Certificates with the same hooks wait for one pre-hook. */
  readonly entering: SingleFlight<void>;
  /** The names of the certificates that were renewed, and of those that failed, by certificate. */
  readonly renewed: Map<string, readonly string[]>;
  readonly failed: Map<string, readonly string[]>;
}

export const newHooksOfPass = (): HooksOfPass => ({
  owes: false,
  entered: new Set(),
  ran: new Set(),
  entering: createSingleFlight(),
  renewed: new Map(),
  failed: new Map(),
});

/** Remembers an outcome for the post-hooks. */
export function noteOutcome(hooks: HooksOfPass, spec: StoredSpec, { result }: Outcome): void {
  if (result === 'issued' || result === 'renewed') noteRenewed(hooks, spec);
  else if (result === 'failed') hooks.failed.set(spec.name, spec.identifiers.map(identifierKey));
}

/** Remembers a new certificate for the post-hooks; for certbot, too, it is renewed though a deploy hook fails. */
export const noteRenewed = ({ renewed }: HooksOfPass, { name, identifiers }: StoredSpec): void =>
  void renewed.set(name, identifiers.map(identifierKey));

/** How long a list in an environment variable may be: all of them and the arguments share 128 KiB on Linux. */
const longestList = 16_000;

/** certbot's variables for post-hooks. */
export const postHookVariables = ({ renewed, failed }: HooksOfPass): Readonly<Record<string, string>> => ({
  RENEWED_DOMAINS: listOf(renewed),
  FAILED_DOMAINS: listOf(failed),
});

function listOf(names: ReadonlyMap<string, readonly string[]>): string {
  const all = [...names.values()].flat().join(' ');
  return all.length <= longestList ? all : all.slice(0, all.lastIndexOf(' ', longestList));
}
