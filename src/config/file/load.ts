import { dirname, resolve } from 'node:path';
import { fail, isFailure, reasonOf } from '../../core/errors/errors.ts';
import type { Settings } from '../../core/spec/spec.ts';
import { present } from '../../core/text/present.ts';
import { remedyOf } from '../../core/trust/untrusted-code.ts';
import { registry as allAdapters } from '../../generated/registry.ts';
import type { Files, Untrusted } from '../../ports/files.ts';
import type { Environment } from '../options/secret-references.ts';
import type { Problem } from '../problems.ts';
import type { Registry } from '../registry/registry.ts';
import { defaultPaths, defaultSettings } from '../settings/defaults.ts';

export interface LoadRequest {
  /** The file. By default, the file of {@link defaultPaths} if it exists, or else the default settings. */
  readonly file?: string;
  /** The file's text, if it was already read. */
  readonly text?: string;
  readonly files: Pick<Files, 'read' | 'stat'>;
  /** The environment, which may contain omitted options. */
  readonly env: Environment;
  readonly registry?: Registry;
}

/** All problems with their lines, or the settings. */
export interface CheckedConfiguration {
  readonly file: string | undefined;
  readonly text: string | undefined;
  readonly settings: Settings | undefined;
  readonly problems: readonly (Problem & { readonly line?: number })[];
}

/**
 * Reads certfleet.yaml. Fails with `config/unreadable`, or with a `config/invalid` that lists all problems with their
 * lines. If there is only one problem and it has its own error, that is the cause.
 */
export async function loadSettings(request: LoadRequest): Promise<Settings> {
  const { file, settings, problems } = await checkConfiguration(request);
  if (settings) return settings;
  const name = file ?? 'the configuration';
  const place = (problem: Problem) => (problem.line === undefined ? name : `${name}:${problem.line}`);
  const [first] = problems;
  if (first && problems.length === 1)
    throw fail('config/invalid', { file: place(first), problem: first.message }, { cause: first.error });
  const list = problems.map((problem) => `\n  ${place(problem)}: ${problem.message}`).join('');
  throw fail('config/invalid', { file: name, problem: `${problems.length} problems${list}` });
}

/** Like {@link loadSettings}, but returns the problems. Fails only with `config/unreadable`. */
export async function checkConfiguration(request: LoadRequest): Promise<CheckedConfiguration> {
  const { file, text } = await read(request);
  if (text === undefined) return { file, text, settings: defaultSettings(request.env), problems: [] };
  // Imported here, because a run with only flags does not need the YAML parser.
  const { settingsOf } = await import('./yaml.ts');
  const { settings, problems } = await settingsOf(
    text,
    request.env,
    request.registry ?? allAdapters,
    file === undefined ? undefined : dirname(resolve(file)),
  );
  if (problems.length === 0) return { file, text, settings, problems };
  const { linesOf } = await import('./problem-lines.ts');
  const lines = linesOf(text, problems);
  const placed = problems.map((problem, index) => {
    const line = lines[index];
    return line === undefined ? problem : { ...problem, line };
  });
  return { file, text, settings: undefined, problems: placed.sort((a, b) => (a.line ?? 0) - (b.line ?? 0)) };
}

/** Enough for 80,000 certificates, because 10,000 need 2 MiB. */
const maxFileBytes = 16 * 1024 * 1024;

/**
 * The error for a file that others can change. As in ssh, a file that the operator names is trusted (one that is
 * mounted into a container has the owner that it has outside), while the default file must have a safe owner and mode.
 * Its folders are not checked: a ConfigMap is mounted with mode 0777, and another user cannot create a file that
 * belongs to root.
 */
const untrusted = (found: Untrusted): Error =>
  fail('config/untrusted', { file: found.path, reason: found.reason, remedy: remedyOf(found) });

async function read({
  file,
  text,
  files,
  env,
}: LoadRequest): Promise<{ file: string | undefined; text: string | undefined }> {
  if (text !== undefined) return { file, text };
  const path = file ?? defaultPaths(env).configuration;
  try {
    const bytes = await files.read(path, {
      named: true,
      maxBytes: maxFileBytes,
      ...present({ trusted: file === undefined ? untrusted : undefined }),
    });
    if (bytes) return { file: path, text: new TextDecoder().decode(bytes) };
  } catch (cause) {
    if (isFailure(cause)) throw cause;
    throw fail('config/unreadable', { file: path, reason: reasonOf(cause) }, { cause });
  }
  if (file !== undefined) throw fail('config/unreadable', { file, reason: 'no such file or folder' });
  return { file: undefined, text: undefined };
}
