import { createSingleFlight, type SingleFlight } from '../../core/async/single-flight.ts';
import { identifierKey } from '../../core/names/identifier.ts';
import type { Outcome } from '../../core/plan/outcome.ts';
import type { StoredSpec } from '../../core/spec/spec.ts';

/** What a pass remembers about the hooks around its orders. */
export interface HooksOfPass {
  /** A journalled post-hook has not run yet. */
  owes: boolean;
  /** The journalled pairs whose pre-hook has run, by `hooksKey`. */
  readonly entered: Set<string>;
  /** The pre-hooks that have run. Pairs with different post-hooks may share one. */
  readonly ran: Set<string>;
  /** Makes certificates with the same hooks wait for one pre-hook. */
  readonly entering: SingleFlight<void>;
  /** The names of the renewed certificates, by certificate. `failed` has those that failed. */
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

/** Records an outcome for the post-hooks. */
export function noteOutcome(hooks: HooksOfPass, spec: StoredSpec, { result }: Outcome): void {
  if (result === 'issued' || result === 'renewed') noteRenewed(hooks, spec);
  else if (result === 'failed') hooks.failed.set(spec.name, spec.identifiers.map(identifierKey));
}

/** Records a new certificate for the post-hooks. As in certbot, it counts as renewed even if a deploy hook fails. */
export const noteRenewed = ({ renewed }: HooksOfPass, { name, identifiers }: StoredSpec): void =>
  void renewed.set(name, identifiers.map(identifierKey));

/** The maximum length of a list in an environment variable: on Linux, one variable may have 128 KiB. */
const longestList = 16_000;

/** Returns certbot's variables for post-hooks. */
export const postHookVariables = ({ renewed, failed }: HooksOfPass): Readonly<Record<string, string>> => ({
  RENEWED_DOMAINS: listOf(renewed),
  FAILED_DOMAINS: listOf(failed),
});

function listOf(names: ReadonlyMap<string, readonly string[]>): string {
  const all = [...names.values()].flat().join(' ');
  return all.length <= longestList ? all : all.slice(0, all.lastIndexOf(' ', longestList));
}
