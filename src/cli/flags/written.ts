import { type Places, type Problem, pathText, shown } from '../../config/problems.ts';
import type { Declared } from '../../config/settings/building.ts';
import { fail } from '../../core/errors/errors.ts';
import type { Settings } from '../../core/spec/spec.ts';
import type { Session } from '../context.ts';
import { registryOf } from '../registry.ts';

type Path = readonly PropertyKey[];
type Group = Record<PropertyKey, unknown>;

const nothing: Declared = { issuers: {}, balancers: {}, solvers: {}, deployers: {} };

/**
 * The configuration that the flags of a command give. A file could give the same, so it is checked the same way. It
 * records which flag wrote each value, so that messages name the flag.
 */
export class Written {
  readonly #whole: Group = {};
  readonly #flags = new Map<string, string>();

  /** Puts a value at a path. Undefined removes what is there. */
  set(path: Path, value: unknown, flag?: string): void {
    const key = path.at(-1)!;
    let group = this.#whole;
    for (const [index, part] of path.slice(0, -1).entries()) {
      group[part] ??= typeof path[index + 1] === 'number' ? [] : {};
      group = group[part] as Group;
    }
    if (value === undefined) delete group[key];
    else group[key] = value;
    if (flag !== undefined) this.name(path, flag);
  }

  /** Makes messages call the value at this path by the flag. */
  name(path: Path, flag: string): void {
    this.#flags.set(pathText(path), shown(flag));
  }

  /** Returns the flag that wrote the value at a path, or the value that contains it. */
  #flagAt(path: Path): string | undefined {
    const flag = this.#flags.get(pathText(path));
    return flag ?? (path.length === 0 ? undefined : this.#flagAt(path.slice(0, -1)));
  }

  readonly #places: Places = { at: (path) => this.#flagAt(path) ?? pathText(path), within: () => '' };

  /**
   * Resolves with the settings, checked like those of a file. Fails with the first problem: with the problem's own
   * error, or with `usage/value`.
   *
   * @param declared what certificates may name besides, already checked
   */
  async settings(
    session: Session,
    declared: Partial<Declared> = {},
    overlooks: (problem: Problem) => boolean = () => false,
  ): Promise<Settings> {
    // Imported here, because other commands need neither this module nor the schema.
    const { settingsIn } = await import('../../config/settings/settings.ts');
    const { settings, problems } = await settingsIn(this.#whole, {
      ...{ env: session.context.env, registry: await registryOf(session), now: await session.now() },
      ...{ places: this.#places, declared: { ...nothing, ...declared } },
      // `proveCredentials` reports this, and names the environment variable as well.
      overlooks: (problem) => overlooks(problem) || (problem.missing === true && isOfProvider(problem.path)),
    });
    if (settings) return settings;
    throw problems[0]?.error ?? fail('usage/value', { problem: problems.map((one) => this.#textOf(one)).join('; ') });
  }

  /** Describes the problem, with its flag unless the sentence names it. */
  #textOf({ path, message }: Problem): string {
    const flag = this.#flagAt(path);
    return flag === undefined || message.includes(flag) ? message : `${flag}: ${message}`;
  }
}

const isOfProvider = ([section, , key]: Path): boolean => section === 'solvers' && key === 'options';
