import { sameJson } from '../core/spec/same-spec.ts';
import type { Settings } from '../core/spec/spec.ts';

/** The settings that a process takes when it begins and keeps until it ends, by their keys in the configuration. */
const fixed: Readonly<Record<string, (settings: Settings) => unknown>> = {
  store: ({ store }) => store,
  storeKey: ({ storeKeys }) => storeKeys,
  node: ({ node }) => node,
  shutdownBudget: ({ shutdownBudgetMs }) => shutdownBudgetMs,
  leaseTtl: ({ leaseTtlMs }) => leaseTtlMs,
  deployTimeout: ({ deployTimeoutMs }) => deployTimeoutMs,
  deployDeadline: ({ deployDeadlineMs }) => deployDeadlineMs,
};

/** Returns the keys of such settings that differ from those with which the process began. */
export const fixedChanges = (first: Settings, next: Settings): readonly string[] =>
  Object.entries(fixed).flatMap(([key, of]) => (sameJson(of(first), of(next)) ? [] : [key]));
