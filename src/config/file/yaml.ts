import { loadAll as parseYaml, YAMLException } from 'js-yaml';
import type { Settings } from '../../core/spec/spec.ts';
import { present } from '../../core/text/present.ts';
import type { Environment } from '../options/secret-references.ts';
import { keys, type Places, type Problem } from '../problems.ts';
import type { Registry } from '../registry/registry.ts';
import { settingsIn } from '../settings/settings.ts';
import { aliasProblem } from './alias-size.ts';
import { type Merged, merge, type PartProblem } from './merged.ts';
import { unusableText } from './unusable-text.ts';

/** Returns the settings in the texts of a configuration, or all their problems. */
export async function settingsOf(
  texts: readonly string[],
  env: Environment,
  registry: Registry,
  folder?: string,
): Promise<{
  readonly settings: Settings | undefined;
  readonly problems: readonly PartProblem[];
  /** Returns where in the texts something of the whole stands. */
  readonly placeOf: Merged['placeOf'];
}> {
  const values: unknown[] = [];
  const unusable = texts.flatMap((text, part) => {
    const parsed = parse(text);
    if ('problem' in parsed) return [{ ...parsed.problem, part }];
    values.push(parsed.value);
    const huge = aliasProblem(parsed.value, text.length);
    if (huge) return [{ ...huge, part }];
    return unusableText(parsed.value).map((problem) => ({ ...problem, part }));
  });
  const placeOf: Merged['placeOf'] = (path) => ({ part: 0, path });
  if (unusable.length > 0) return { settings: undefined, problems: unusable, placeOf };
  const merged = merge(values);
  const inPart = (path: readonly PropertyKey[]) => merged.placeOf(path).path;
  const places: Places = { at: (path) => keys.at(inPart(path)), within: (path) => keys.within(inPart(path)) };
  const { settings, problems } = await settingsIn(merged.value, { env, registry, folder, places });
  const inParts = problems.map((problem) => ({ ...problem, ...merged.placeOf(problem.path) }));
  const all = [...merged.problems, ...inParts];
  return { settings: all.length === 0 ? settings : undefined, problems: all, placeOf: merged.placeOf };
}

function parse(text: string): { readonly value: unknown } | { readonly problem: Problem } {
  try {
    const documents: readonly unknown[] = parseYaml(text);
    if (documents.length <= 1) return { value: documents[0] ?? {} };
    return { problem: { path: [], message: 'there are several YAML documents; write only one' } };
  } catch (cause) {
    if (!(cause instanceof YAMLException)) throw cause;
    return { problem: yamlProblem(cause) };
  }
}

function yamlProblem(cause: YAMLException): Problem {
  const { line, position, buffer = '' } = cause.mark ?? {};
  // In YAML, an unquoted asterisk begins the name of an alias, so this is most likely an unquoted wildcard.
  const alias = /^\*[^\s,[\]{}]*/.exec(buffer.slice(Math.max(0, (position ?? 0) - 1)))?.[0];
  const reason =
    alias === undefined ? cause.reason : `${alias} without quotes is a YAML alias; put it in quotes: "${alias}"`;
  const message = `this is not valid YAML: ${reason}`;
  return { path: [], message, ...present({ line: typeof line === 'number' ? line + 1 : undefined }) };
}
