import { CertfleetError, fail } from '../../core/errors/errors.ts';
import type { Settings } from '../../core/spec/spec.ts';
import { didYouMean } from '../../core/text/nearest.ts';
import type { Environment } from '../options/secret-references.ts';
import type { Places, Problem } from '../problems.ts';
import type { Registry } from '../registry/registry.ts';

/** The settings that certificates refer to by name. */
export type Declared = Pick<Settings, 'issuers' | 'balancers' | 'solvers' | 'deployers'>;

/** A configuration while its settings are made, with what was found so far. */
export interface Building {
  readonly env: Environment;
  readonly registry: Registry;
  /** The folder of the configuration, to which paths of modules may be relative. */
  readonly folder: string | undefined;
  readonly places: Places;
  readonly declared: Declared;
  readonly now: Date | undefined;
  readonly problems: Problem[];
  /** The variables that hooks should get, and those that hold secrets. No variable may be both. */
  readonly hookVariables: { readonly path: Path; readonly name: string }[];
  readonly secretVariables: { readonly path: Path; readonly name: string }[];
}

export type Path = readonly PropertyKey[];

/** Returns the problem of a name that is not declared. */
export function unknownReference(
  path: Path,
  where: string,
  kind: string,
  name: string,
  known: readonly string[],
): Problem {
  const error = fail('config/unknown-reference', { where, kind, name, nearest: didYouMean(name, known) });
  return { path, message: error.message, error };
}

/** Turns a failure into a problem that says how to fix it. Throws anything else. */
export async function collect(problems: Problem[], path: Path, check: () => unknown): Promise<void> {
  try {
    await check();
  } catch (error) {
    if (!(error instanceof CertfleetError)) throw error;
    collectError(problems, path, error);
  }
}

/** Adds the problem of a failure. */
export const collectError = (problems: Problem[], path: Path, error: CertfleetError): void =>
  void problems.push({ path, message: `${error.message}. ${error.hint}`, error });
