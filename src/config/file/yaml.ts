import { loadAll as parseYaml, YAMLException } from 'js-yaml';
import type { Settings } from '../../core/spec/spec.ts';
import { present } from '../../core/text/present.ts';
import type { Environment } from '../options/secret-references.ts';
import type { Problem } from '../problems.ts';
import type { Registry } from '../registry/registry.ts';
import { settingsIn } from '../settings/settings.ts';
import { unusableText } from './unusable-text.ts';

/** Returns the settings in the text of certfleet.yaml, or all its problems. */
export async function settingsOf(
  text: string,
  env: Environment,
  registry: Registry,
  folder?: string,
): Promise<{ readonly settings: Settings | undefined; readonly problems: readonly Problem[] }> {
  let documents: readonly unknown[];
  try {
    documents = parseYaml(text);
  } catch (cause) {
    if (!(cause instanceof YAMLException)) throw cause;
    return { settings: undefined, problems: [yamlProblem(cause)] };
  }
  if (documents.length <= 1) {
    const value = documents[0] ?? {};
    const problems = unusableText(value);
    return problems.length > 0 ? { settings: undefined, problems } : settingsIn(value, { env, registry, folder });
  }
  const message = 'there are several YAML documents; write only one';
  return { settings: undefined, problems: [{ path: [], message }] };
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
