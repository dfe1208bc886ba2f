import { hasWords, type Language, type StoredError, say } from '../errors/wording.ts';
import { present } from '../text/present.ts';
import type { RunEntry } from './run-entry.ts';

/** Returns a run whose failures have messages in a language. What went well has the message that it had. */
export const saidRun = (run: RunEntry, language: Language): RunEntry => ({
  ...run,
  ...reasonIn(run, language),
  targets: run.targets.map((one) => ({ ...one, ...reasonIn(one, language) })),
});

/** Returns the message of a failure, if more than its code is known; of anything else, what it has. */
export const reasonIn = (one: Omit<StoredError, 'hint'>, language: Language): { readonly message?: string } =>
  present({ message: one.code !== undefined && hasWords(one) ? say(one, language).message : one.message });
