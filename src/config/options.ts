import { createHash } from 'node:crypto';
import type { z } from 'zod';
import { CertfleetError, fail, reasonOf } from '../core/errors.ts';
import { Secret } from '../core/secret.ts';
import type { AdapterSettings } from '../core/spec.ts';
import type { Files } from '../ports/files.ts';
import { type OptionField, optionFields } from './fields.ts';
import { type Problem, pathText, problemsOf, unknownKey, withoutEchoes } from './problems.ts';
import { environmentName } from './registry.ts';

/** The part of an adapter's definition that its options need. */
export interface WithOptions<Shape extends z.ZodObject = z.ZodObject> {
  readonly id: string;
  readonly options: Shape;
}

export type Environment = Readonly<Record<string, string | undefined>>;

export interface ResolveContext {
  readonly env: Environment;
  readonly files: Pick<Files, 'read' | 'stat'>;
  /** Variables are `<envPrefix>_<OPTION>`; by default `CERTFLEET_<ADAPTER>`. */
  readonly envPrefix?: string;
  /** The configured name (`edge`), for messages; by default the adapter's id. */
  readonly name?: string;
  /** Called with each variable that `env:NAME` names, so that no hook gets it. */
  readonly onSecretVariable?: (name: string) => void;
  /** Called if other users can read a secret file. */
  readonly warn?: (message: string) => void;
}

export interface ResolvedOptions<Options> {
  readonly options: Options;
  /**
   * Hex SHA-256 over the secret values. The lineage contains it, so that a changed credential ends the back-off. It is
   * only as hard to guess as the secrets, so the store has mode 0600.
   */
  readonly credentials: string;
}

/**
 * Makes an adapter's options from its settings: adds missing options from the environment, reads secrets from `file:…`
 * and `env:…`, and parses everything with the adapter's own schema.
 *
 * Fails with `config/credential-missing`, `config/secret-unreadable`, `config/invalid`.
 */
export async function resolveOptions<Shape extends z.ZodObject>(
  definition: WithOptions<Shape>,
  settings: AdapterSettings,
  context: ResolveContext,
): Promise<ResolvedOptions<z.infer<Shape>>> {
  const name = context.name ?? definition.id;
  const what = name === definition.id ? name : `${name} (${definition.id})`;
  const fields = optionFields(definition.options);
  const input: Record<string, unknown> = {};
  const hash = createHash('sha256');
  const missing: string[] = [];
  for (const field of fields) {
    const variable = variableOf(definition, field.name, context.envPrefix);
    const given = settings[field.name] ?? nonEmpty(context.env[variable]);
    if (given === undefined) {
      if (field.required) missing.push(`the ${field.secret ? 'credential' : 'option'} "${field.name}" (${variable})`);
    } else if (field.secret) {
      const value = await openSecret(given, { what, option: field.name, ...context });
      hash.update(JSON.stringify([field.name, value]));
      input[field.name] = new Secret(value);
    } else input[field.name] = fromText(field, given);
  }
  const known = fields.map((field) => field.name);
  const unknown = Object.keys(settings).find((key) => key !== 'type' && !known.includes(key));
  if (unknown !== undefined)
    throw fail('config/invalid', { file: what, problem: unknownKey(unknown, [], known).message });
  if (missing.length > 0)
    throw fail('config/credential-missing', { what, credential: missing.join(', ').replace(/, ([^,]+)$/, ' and $1') });
  const parsed = definition.options.safeParse(input);
  if (!parsed.success)
    throw fail('config/invalid', {
      file: what,
      problem: problemsOf(parsed.error, definition.options, input)
        .map(({ message }) => message)
        .join('; '),
    });
  return { options: parsed.data as z.infer<Shape>, credentials: hash.digest('hex') };
}

/**
 * Checks an adapter's options as written, without reading secrets. A missing secret is not a problem here, because the
 * environment may have it when it is used.
 */
export function checkOptions(
  definition: WithOptions,
  settings: AdapterSettings,
  env: Environment,
  base: readonly PropertyKey[],
): readonly Problem[] {
  const fields = optionFields(definition.options);
  const known = fields.map((field) => field.name);
  const problems: Problem[] = Object.keys(settings)
    .filter((key) => key !== 'type' && !known.includes(key))
    .map((key) => unknownKey(key, base, known));
  const input: Record<string, unknown> = {};
  for (const field of fields) {
    const given = settings[field.name] ?? nonEmpty(env[environmentName(definition.id, field.name)]);
    if (field.secret) {
      if (given !== undefined && typeof given !== 'string')
        problems.push({
          path: [...base, field.name],
          message: `${field.name} must be text: put it in quotes, or use file:/path`,
        });
      if (typeof given === 'string' && /^file:(?!\/)/.test(given)) {
        const path = [...base, field.name];
        problems.push({ path, message: `${pathText(path)}: write an absolute path: file:/path` });
      }
      if (given !== undefined || field.required) input[field.name] = new Secret('');
    } else if (given !== undefined) input[field.name] = fromText(field, given);
  }
  const parsed = definition.options.safeParse(input);
  if (parsed.success) return problems;
  return withoutEchoes([...problems, ...problemsOf(parsed.error, definition.options, input, base)]);
}

/** The variables that an adapter's secrets name with `env:NAME`, by option. */
export function secretVariables(
  definition: WithOptions,
  settings: AdapterSettings,
  env: Environment,
): readonly { readonly option: string; readonly variable: string }[] {
  return optionFields(definition.options).flatMap(({ name: option, secret }) => {
    const given = secret ? (settings[option] ?? env[environmentName(definition.id, option)]) : undefined;
    return typeof given === 'string' && given.startsWith('env:') ? [{ option, variable: given.slice(4) }] : [];
  });
}

/**
 * Returns the secrets that come from the environment, by variable. They must be stored, because cron does not have
 * them. To resolve options later, pass `{ ...kept, ...env }`.
 *
 * @param settings the configured settings; only `env:NAME` references in them count
 */
export function captureFromEnvironment(
  definition: WithOptions,
  env: Environment,
  settings?: AdapterSettings,
): Readonly<Record<string, string>> {
  const captured: Record<string, string> = {};
  for (const field of optionFields(definition.options)) {
    if (!field.secret) continue;
    const given = settings?.[field.name];
    const variable =
      typeof given === 'string' && given.startsWith('env:')
        ? given.slice(4)
        : environmentName(definition.id, field.name);
    const value =
      given === undefined || (typeof given === 'string' && given.startsWith('env:'))
        ? nonEmpty(env[variable])
        : undefined;
    if (value !== undefined) captured[variable] = value;
  }
  return captured;
}

/**
 * Returns the options, without secrets, that come from the environment, because a stored spec must be complete.
 */
export function optionsFromEnvironment(definition: WithOptions, env: Environment): AdapterSettings {
  const found: Record<string, string> = {};
  for (const field of optionFields(definition.options)) {
    const value = field.secret ? undefined : nonEmpty(env[environmentName(definition.id, field.name)]);
    if (value !== undefined) found[field.name] = value;
  }
  return { type: definition.id, ...found };
}

const variableOf = (definition: WithOptions, option: string, prefix: string | undefined): string =>
  prefix === undefined
    ? environmentName(definition.id, option)
    : environmentName(prefix.replace(/^CERTFLEET_/, ''), option);

const nonEmpty = (value: string | undefined): string | undefined => (value === '' ? undefined : value);

/**
 * Converts text from a flag or the environment to the schema's type; returns invalid text and other values as they are.
 */
function fromText(field: OptionField, value: unknown): unknown {
  if (typeof value !== 'string') return value;
  const text = value.trim();
  if (field.takes === 'number') return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : value;
  if (field.takes === 'boolean') return text === 'true' ? true : text === 'false' ? false : value;
  if (field.takes === 'array')
    return text
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== '');
  return value;
}

interface SecretPlace extends ResolveContext {
  readonly what: string;
  readonly option: string;
}

/** Reads `file:…` or `env:…`, or returns the text itself. */
async function openSecret(given: unknown, place: SecretPlace): Promise<string> {
  if (typeof given !== 'string')
    throw fail('config/invalid', {
      file: place.what,
      problem: `${place.option} must be text: put it in quotes, or use file:/path`,
    });
  // A variable may refer to a file: CERTFLEET_RFC2136_SECRET=file:/run/secrets/tsig.
  if (given.startsWith('env:')) {
    const variable = given.slice(4);
    place.onSecretVariable?.(variable);
    const value = nonEmpty(place.env[variable]);
    if (value === undefined)
      throw fail('config/credential-missing', { what: place.what, credential: `the environment variable ${variable}` });
    return value.startsWith('file:') ? readSecret(value.slice(5), place) : value;
  }
  if (given.startsWith('file:')) return readSecret(given.slice(5), place);
  if (given.trim() === '')
    throw fail('config/credential-missing', { what: place.what, credential: `a value for "${place.option}"` });
  return given;
}

async function readSecret(file: string, { files, warn, what, option }: SecretPlace): Promise<string> {
  try {
    const bytes = await files.read(file, { named: true });
    if (bytes === undefined) throw fail('config/secret-unreadable', { file, reason: 'no such file' });
    const stat = await files.stat(file);
    if (warn && stat?.kind === 'file' && (stat.mode & 0o007) !== 0)
      warn(`the secret file ${file} of ${what} can be read by every user: chmod 600 ${file}`);
    const value = new TextDecoder().decode(bytes).trim();
    if (value === '')
      throw fail('config/credential-missing', {
        what,
        credential: `a value for "${option}": the file ${file} is empty`,
      });
    return value;
  } catch (cause) {
    if (cause instanceof CertfleetError) throw cause;
    throw fail('config/secret-unreadable', { file, reason: reasonOf(cause) }, { cause });
  }
}
