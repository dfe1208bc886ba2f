import { optionsFromEnvironment } from '../../config/options/options.ts';
import { adapterEntry, challengesOf, providerOf, type Registry, throughOf } from '../../config/registry/registry.ts';
import type { ChallengeType } from '../../core/ca/challenge-type.ts';
import { fail } from '../../core/errors/errors.ts';
import type { AdapterSettings, NamedAdapter, Settings } from '../../core/spec/spec.ts';
import { present } from '../../core/text/present.ts';
import type { Session } from '../context.ts';
import type { Kept } from './kept.ts';
import type { Written } from './written.ts';

/** The configuration that solver flags are written to, and the solvers that they can name. */
export interface Choosing {
  readonly written: Written;
  readonly session: Session;
  readonly settings: Settings;
  readonly registry: Registry;
  readonly kept?: Kept | undefined;
}

/** Names a declared solver, which must support one of these challenges. */
export async function writeDeclared(
  name: string,
  choosing: Choosing,
  [flag, ...wanted]: readonly [flag?: string, ...wanted: ChallengeType[]] = [],
): Promise<string> {
  const solver = choosing.settings.solvers[name]!;
  const answers = challengesOf(choosing.registry, solver.settings);
  if (flag !== undefined && !answers.some((type) => wanted.includes(type)))
    throw fail('usage/not-applicable', {
      typed: `${flag} ${name}`,
      reason: `the solver "${name}" answers ${answers.join(' and ')}, not ${wanted[0]}`,
      advice: 'Name another solver, or leave it out.',
    });
  return writeSolver(solver, undefined, choosing);
}

/**
 * Writes a solver with the options that come from the environment. A declared solver without such options stays as it
 * is.
 */
export async function writeSolver(
  { name, settings }: NamedAdapter,
  flag: string | undefined,
  { written, session, registry }: Choosing,
): Promise<string> {
  const provider = providerOf(registry, settings);
  const isPlain = throughOf(registry, settings) === undefined;
  const entry = isPlain
    ? adapterEntry(registry, 'solver', settings.type)
    : adapterEntry(registry, 'dns', provider ?? '');
  const { type: _type, ...given } = entry ? optionsFromEnvironment(await entry.load(), session.context.env) : settings;
  if (flag === undefined && (!entry || Object.keys(given).length === 0)) return name;
  const whole =
    provider === undefined
      ? { ...given, ...settings }
      : { ...settings, options: { ...given, ...(settings['options'] as object) } };
  written.set(['solvers', name], whole, flag);
  return name;
}

/**
 * Writes a solver that flags describe: the typed options, above those of the stored solver of this name and type, which
 * no flag may give. An undefined option is removed.
 */
export function writeRefined(
  { name, settings }: NamedAdapter,
  typed: Readonly<Record<string, unknown>>,
  choosing: Choosing,
  flag: string,
): Promise<string> {
  const solvers = choosing.kept?.solvers ?? {};
  const stored = Object.hasOwn(solvers, name) ? solvers[name]?.settings : undefined;
  const base = stored?.type === settings.type ? { ...settings, ...stored } : settings;
  return writeSolver({ name, settings: present({ ...base, ...typed }) as AdapterSettings }, flag, choosing);
}
