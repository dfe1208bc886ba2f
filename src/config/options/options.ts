import { createHash } from 'node:crypto';
import type { z } from 'zod';
import { fail } from '../../core/errors/errors.ts';
import { Secret } from '../../core/errors/secret.ts';
import { isAsWritten, isReserved } from '../../core/spec/as-written.ts';
import type { AdapterSettings } from '../../core/spec/spec.ts';
import { CredentialsProblem, parseCredentials } from '../../core/text/credentials-text.ts';
import { present } from '../../core/text/present.ts';
import { keys, type Part, type Problem, problemsOf, unknownKey, withoutEchoes } from '../problems.ts';
import { innermost, type OptionField } from '../registry/option-fields.ts';
import { mistyped, optionsIn, whyLacking, writtenKeys } from './credentials-file.ts';
import { type GivenOptions, givenOptions, variableOf } from './option-sources.ts';
import { type Environment, openValue, type ResolveContext, readText } from './secret-references.ts';

/** The part of an adapter's definition that its options need. */
export interface WithOptions<Shape extends z.ZodObject = z.ZodObject> {
  readonly id: string;
  readonly options: Shape;
}

export interface ResolvedOptions<Options> {
  readonly options: Options;
  /**
   * The hex SHA-256 of the secret values. The lineage contains it, so that a changed credential ends the back-off. It
   * is only as hard to guess as the secrets, so the store has mode 0600.
   */
  readonly credentials: string;
}

/**
 * Resolves an adapter's options from its settings: adds missing options from a credentials file and the environment,
 * reads `file:…` and `env:…`, and parses everything with the adapter's own schema.
 *
 * Fails with `config/credential-missing`, `config/secret-unreadable`, `config/credentials-unusable`, `config/invalid`.
 */
export async function resolveOptions<Shape extends z.ZodObject>(
  definition: WithOptions<Shape>,
  settings: AdapterSettings,
  context: ResolveContext,
): Promise<ResolvedOptions<z.infer<Shape>>> {
  const name = context.name ?? definition.id;
  const what = name === definition.id ? name : `${name} (${definition.id})`;
  const { envPrefix, env } = context;
  const options = givenOptions(definition, { settings, env, envPrefix });
  const { fields } = options;
  const known = fields.map((field) => field.name);
  const unknown = Object.keys(settings).find((key) => !isReserved(key) && !known.includes(key));
  const file = await openCredentials(options, { ...context, what });
  const found = options.find(file?.values);
  const input: Record<string, unknown> = {};
  const hash = createHash('sha256');
  const missing: string[] = [];
  for (const field of fields) {
    const given = found.get(field.name);
    if (given === undefined) {
      const user = fields.find(({ name, needs }) => found.has(name) && needs.includes(field.name));
      if (!field.required && !user) continue;
      const where = file === undefined ? variableOf(definition, field.name, envPrefix) : file.whyNot(field);
      const why = user ? `, without which "${user.name}" is of no use` : '';
      missing.push(`the ${field.secret ? 'credential' : 'option'} "${field.name}" (${where})${why}`);
      continue;
    }
    const place = { ...context, what, option: field.name, secret: field.secret, isLiteral: isAsWritten(settings) };
    if (field.secret && given.from === 'alias' && given.variable !== undefined)
      context.onSecretVariable?.(given.variable);
    const value = given.from === 'file' ? given.value : await openValue(given.value, place);
    if (field.secret) {
      hash.update(JSON.stringify([field.name, value]));
      input[field.name] = new Secret(value as string);
    } else input[field.name] = fromText(field, value);
  }
  if (unknown !== undefined) throw fail('config/invalid', { file: what, problem: unknownKey(unknown, known).message });
  if (missing.length > 0)
    throw fail('config/credential-missing', {
      what,
      credential: [missing.slice(0, -1).join(', '), missing.at(-1)].filter((part) => part !== '').join(' and '),
    });
  const parsed = definition.options.safeParse(input);
  if (!parsed.success) {
    const problems = problemsOf(parsed.error, definition.options, input);
    const secret = fields.find(({ name, secret }) => secret && problems.some(({ path }) => path[0] === name));
    const problem = problems.map(({ message }) => message).join('; ');
    // A check of the configuration reads no secrets.
    const hint = secret && wrongSecret(variableOf(definition, secret.name, envPrefix));
    throw fail('config/invalid', { file: what, problem }, present({ hint }));
  }
  return { options: parsed.data as z.infer<Shape>, credentials: hash.digest('hex') };
}

const wrongSecret = (variable: string): string =>
  `Correct it where you set it: the flag, the variable ${variable}, the file of \`credentials\`, certfleet.yaml, or the page of the connection.`;

interface CredentialsFile {
  readonly path: string;
  /** Values by option. */
  readonly values: ReadonlyMap<string, string>;
  /** Explains why the file has no value for an option. */
  whyNot(field: OptionField): string;
}

/**
 * Opens the file that the option `credentials` names, with the adapter's options in it. Returns undefined if none is
 * named.
 */
async function openCredentials(
  { fields, credentials, find }: GivenOptions,
  context: ResolveContext & { readonly what: string },
): Promise<CredentialsFile | undefined> {
  if (credentials === undefined) return undefined;
  const { field, given } = credentials;
  const { what } = context;
  const place = { ...context, option: field.name, secret: false };
  const path = await openValue(given.value, place);
  // The schema reports the problem.
  if (typeof path !== 'string' || !path.startsWith('/')) return undefined;
  const chosen = find().get('profile')?.value;
  const profile = chosen === undefined ? undefined : String(await openValue(chosen, { ...place, option: 'profile' }));
  const text = await readText(path, { ...place, secret: true });
  const prefixes = field.credentials ?? [];
  // Such files have no lists or commands, and a user who can write one must not choose what is run. The one program
  // that they may name (`credential_process`) is refused if anyone else can write the file.
  const isText = ({ takes, secret }: OptionField) => secret || (takes !== 'array' && takes !== 'other');
  const others = fields.filter((one) => one !== field && one.name !== 'profile' && isText(one));
  const secrets = others.filter((one) => one.secret);
  try {
    const found = parseCredentials(text, profile);
    const values = optionsIn(found, others, prefixes);
    const whyNot = (one: OptionField) => `not in ${path}: ${whyLacking(found, [one], fields, prefixes)}`;
    const given = find();
    const lacking = secrets.filter(
      (one) => !one.required && !values.has(one.name) && given.get(one.name) === undefined,
    );
    // A mistyped optional option would be noticed only by the service, if at all.
    const typo = values.size > 0 ? mistyped(found, lacking, fields, prefixes) : undefined;
    if (typo !== undefined) throw new CredentialsProblem(typo);
    if (values.size > 0) return { path, values, whyNot };
    throw new CredentialsProblem(whyLacking(found, secrets, fields, prefixes));
  } catch (error) {
    // Omits the cause, which may contain a part of the file.
    if (!(error instanceof CredentialsProblem)) throw error;
    const [first] = secrets;
    const advice =
      first === undefined
        ? 'Correct the file.'
        : `The file must have one key per line, such as ${writtenKeys(first, prefixes)[0]} = VALUE. If it contains only the secret, give it with --dns-option ${first.name}=file:${path}, or in the configuration as \`${first.name}: file:${path}\`.`;
    throw fail('config/credentials-unusable', { file: path, what, reason: error.message, advice });
  }
}

/**
 * Checks an adapter's options as written, without reading secrets and files. A missing secret is not a problem here,
 * because the environment may have it when it is used.
 */
export function checkOptions(
  definition: WithOptions,
  settings: AdapterSettings,
  env: Environment,
  part: Part,
): readonly Problem[] {
  const { base, places = keys } = part;
  const options = givenOptions(definition, { settings, env });
  const { fields } = options;
  const known = fields.map((field) => field.name);
  const isLiteral = isAsWritten(settings);
  const problems: Problem[] = Object.keys(settings)
    .filter((key) => !isReserved(key) && !known.includes(key))
    .map((key) => unknownKey(key, known, part));
  const found = options.find();
  const input: Record<string, unknown> = {};
  /** Options whose value is unknown until a file is read. */
  const unread = new Set<string>();
  for (const field of fields) {
    const path = [...base, field.name];
    const given = found.get(field.name)?.value;
    const reference = typeof given === 'string' && !isLiteral && /^(file|env):/.test(given) ? given : undefined;
    if (reference?.startsWith('file:') && !reference.startsWith('file:/'))
      problems.push({ path, message: `${places.at(path)}: expected an absolute path: file:/path` });
    if (field.secret) {
      if (given !== undefined && typeof given !== 'string')
        problems.push({ path, message: `${places.at(path)} must be text: put it in quotes, or use file:/path` });
      if (isLiteral && typeof given === 'string') input[field.name] = new Secret(given);
      else if (given !== undefined || (field.required && !isLiteral)) input[field.name] = new Secret('');
    } else if (given === undefined) {
      if (options.credentials !== undefined) unread.add(field.name);
    } else {
      const value = reference?.startsWith('env:')
        ? env[reference.slice(4)]
        : reference === undefined
          ? given
          : undefined;
      if (value === undefined || (reference !== undefined && /^file:/.test(String(value)))) unread.add(field.name);
      else input[field.name] = fromText(field, value);
    }
  }
  if (isLiteral) problems.push(...withoutPartners(fields, input, part));
  const parsed = definition.options.safeParse(input);
  if (parsed.success) return problems;
  const issues = problemsOf(parsed.error, definition.options, input, part).filter(({ path }) => {
    const [option] = path.slice(base.length);
    // A rule about several options cannot be checked before all are known.
    return option === undefined ? unread.size === 0 : !unread.has(String(option));
  });
  return withoutEchoes([...problems, ...issues]);
}

/** Returns the problems of options that are missing, although others are of no use without them. */
function withoutPartners(
  fields: readonly OptionField[],
  input: Readonly<Record<string, unknown>>,
  { base }: Part,
): readonly Problem[] {
  const isGiven = (name: string) => input[name] !== undefined;
  return fields.flatMap(({ name }): readonly Problem[] => {
    const user = fields.find((one) => isGiven(one.name) && one.needs.includes(name));
    if (isGiven(name) || !user) return [];
    const message = `"${name}" is missing, without which "${user.name}" is of no use`;
    return [{ path: [...base, name], missing: true, message }];
  });
}

/** Returns the variables that an adapter's secrets name with `env:NAME`, and those of other clients, by option. */
export function secretVariables(
  definition: WithOptions,
  settings: AdapterSettings,
  env: Environment,
): readonly { readonly option: string; readonly variable: string }[] {
  const { fields, find } = givenOptions(definition, { settings, env });
  const found = find();
  return fields.flatMap(({ name: option, secret }) => {
    const given = secret ? found.get(option) : undefined;
    if (given?.from === 'alias' && given.variable !== undefined) return [{ option, variable: given.variable }];
    const value = given?.value;
    return typeof value === 'string' && value.startsWith('env:') ? [{ option, variable: value.slice(4) }] : [];
  });
}

/**
 * Returns the secrets that come from the environment, by variable, and all other values that `env:NAME` names. They
 * must be stored, because cron does not have them. To resolve options later, pass `{ ...kept, ...env }`.
 *
 * @param settings the configured settings; only `env:NAME` references in them count
 */
export function captureFromEnvironment(
  definition: WithOptions,
  env: Environment,
  settings: AdapterSettings = { type: definition.id },
): Readonly<Record<string, string>> {
  const captured: Record<string, string> = {};
  const { fields, find } = givenOptions(definition, { settings, env });
  const found = find();
  for (const field of fields) {
    const given = found.get(field.name);
    const isNamed = given?.from === 'settings' && typeof given.value === 'string' && given.value.startsWith('env:');
    const isKept = field.secret && !field.ofThisProcess;
    const variable = isNamed ? String(given.value).slice(4) : isKept ? given?.variable : undefined;
    const value = variable === undefined ? undefined : env[variable];
    if (variable !== undefined && value !== undefined && value !== '') captured[variable] = value;
  }
  return captured;
}

/**
 * Returns the variables that an adapter's options come from: its own, those of other clients, and those that `env:NAME`
 * names.
 */
export function variablesOf(definition: WithOptions, env: Environment, settings: AdapterSettings): readonly string[] {
  const found = [...givenOptions(definition, { settings, env }).find().values()];
  return found.flatMap(({ variable, value }) => {
    if (variable !== undefined) return [variable];
    return typeof value === 'string' && value.startsWith('env:') ? [value.slice(4)] : [];
  });
}

/** Returns the options, without secrets, that come from the environment, because a stored spec must be complete. */
export function optionsFromEnvironment(definition: WithOptions, env: Environment): AdapterSettings {
  const found: Record<string, string> = {};
  const options = givenOptions(definition, { settings: { type: definition.id }, env });
  for (const [name, { value }] of options.find()) {
    const isStored = options.fields.some((field) => field.name === name && !field.secret && !field.ofThisProcess);
    if (isStored && typeof value === 'string') found[name] = value;
  }
  return { type: definition.id, ...found };
}

/**
 * Converts text from a flag or the environment to the schema's type. Returns invalid text and other values unchanged.
 */
function fromText(field: OptionField, value: unknown): unknown {
  if (typeof value !== 'string') return value;
  const text = value.trim();
  if (field.takes === 'number') return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : value;
  if (field.takes === 'boolean') return text === 'true' ? true : text === 'false' ? false : value;
  // In options of other clients, certbot writes HMAC-SHA512, and lego hmac-sha512. with a domain name's final dot.
  const known = (innermost(field.schema) as { readonly options?: readonly unknown[] }).options ?? [];
  const plain = text.toLowerCase().replace(/\.$/, '');
  if (field.aliases.length > 0 && known.includes(plain)) return plain;
  if (field.takes === 'array')
    return text
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== '');
  return value;
}
