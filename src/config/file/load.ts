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
import { dropInFiles, dropInFolder } from './drop-ins.ts';
import type { PartProblem } from './merged.ts';
import { untrustedAt } from './trust.ts';

export interface LoadRequest {
  /** The file. By default, the file of {@link defaultPaths} if it exists, or else the default settings. */
  readonly file?: string;
  /** The file's text, if it was already read. */
  readonly text?: string;
  readonly files: Pick<Files, 'read' | 'stat' | 'list' | 'untrusted' | 'user'>;
  /** The environment, which may contain omitted options. */
  readonly env: Environment;
  readonly registry?: Registry;
}

/** A problem, and where it is. */
export interface PlacedProblem extends Problem {
  readonly file?: string;
  readonly line?: number;
}

/** All problems with their places, or the settings. */
export interface CheckedConfiguration {
  /** Undefined if there is no file. */
  readonly file: string | undefined;
  /** The file's text, and those of the files in the folder beside it, in order. */
  readonly texts: readonly ConfigurationText[];
  readonly settings: Settings | undefined;
  readonly problems: readonly PlacedProblem[];
  /** Adds the places to problems that were found in the settings. */
  place(problems: readonly Problem[]): Promise<readonly PlacedProblem[]>;
}

export interface ConfigurationText {
  readonly file?: string;
  readonly text: string;
}

/** Formats where a problem is: `certfleet.yaml:12`. */
export const placeText = ({ file = 'the configuration', line }: Pick<PlacedProblem, 'file' | 'line'>): string =>
  line === undefined ? file : `${file}:${line}`;

/**
 * Reads certfleet.yaml and the files in certfleet.d. Fails with `config/unreadable`, or with a `config/invalid` that
 * lists all problems with their lines. If there is only one problem and it has its own error, that is the cause.
 */
export async function loadSettings(request: LoadRequest): Promise<Settings> {
  const { file = 'the configuration', settings, problems } = await checkConfiguration(request);
  if (settings) return settings;
  const [first] = problems;
  if (first && problems.length === 1)
    throw fail('config/invalid', { file: placeText(first), problem: first.message }, { cause: first.error });
  const list = problems.map((problem) => `\n  ${placeText(problem)}: ${problem.message}`).join('');
  throw fail('config/invalid', { file, problem: `${problems.length} problems${list}` });
}

/** Like {@link loadSettings}, but returns the problems. Fails only with `config/unreadable`. */
export async function checkConfiguration(request: LoadRequest): Promise<CheckedConfiguration> {
  const { file, texts } = await read(request);
  const place = async (problems: readonly Problem[]) => problems;
  if (texts.length === 0) return { file, texts, settings: defaultSettings(request.env), problems: [], place };
  // Imported here, because a run with only flags does not need the YAML parser.
  const { settingsOf } = await import('./yaml.ts');
  const { settings, problems, placeOf } = await settingsOf(
    texts.map(({ text }) => text),
    request.env,
    request.registry ?? allAdapters,
    file === undefined ? undefined : dirname(resolve(file)),
  );
  return {
    ...{ file, texts, settings },
    problems: await placed(texts, problems),
    place: (found) =>
      placed(
        texts,
        found.map((one) => ({ ...one, ...placeOf(one.path) })),
      ),
  };
}

/** Returns the problems with their files and lines, in order. */
async function placed(
  texts: readonly ConfigurationText[],
  problems: readonly PartProblem[],
): Promise<readonly PlacedProblem[]> {
  if (problems.length === 0) return [];
  const { linesOf } = await import('./problem-lines.ts');
  const all = texts.flatMap(({ file, text }, part) => {
    const here = problems.filter((problem) => problem.part === part);
    const lines = here.length > 0 ? linesOf(text, here) : [];
    const found = here.map(({ part: _part, first, ...problem }, index) => ({
      first,
      placed: { ...problem, ...present({ file, line: lines[index] }) },
    }));
    return found.sort((a, b) => (a.placed.line ?? 0) - (b.placed.line ?? 0));
  });
  return all.map(({ first, placed: problem }) => {
    if (!first) return problem;
    const { file, text } = texts[first.part]!;
    const [line] = linesOf(text, [{ path: first.path, message: '', onKey: true }]);
    return { ...problem, message: `${problem.message} (also in ${placeText(present({ file, line }))})` };
  });
}

/** Enough for 80,000 certificates, because 10,000 need 2 MiB. */
const maxFileBytes = 16 * 1024 * 1024;

/**
 * The error for a file that others can change. As in ssh, a file that the operator names is trusted (one that is
 * mounted into a container has the owner that it has outside), while the default file must have a safe owner and mode,
 * like the files beside it, and the folders and links that lead to them.
 */
const untrusted = (found: Untrusted): Error =>
  fail('config/untrusted', { file: found.path, reason: found.reason, remedy: remedyOf(found) });

async function read(
  request: LoadRequest,
): Promise<{ readonly file: string | undefined; readonly texts: readonly ConfigurationText[] }> {
  const { file, text, files, env } = request;
  if (text !== undefined) return { file, texts: [{ text, ...present({ file }) }] };
  const path = file ?? defaultPaths(env).configuration;
  const own = await readOne(request, path);
  if (own === undefined && file !== undefined)
    throw fail('config/unreadable', { file, reason: 'no such file or folder' });
  const more = await Promise.all(
    (await listed(files, path)).map(async (one) => ({ file: one, text: await readOne(request, one) })),
  );
  // A file that was removed meanwhile is not there.
  const texts = [{ file: path, text: own }, ...more].flatMap((one) =>
    one.text === undefined ? [] : [{ file: one.file, text: one.text }],
  );
  return { file: texts.length > 0 ? path : undefined, texts };
}

async function listed(files: LoadRequest['files'], path: string): Promise<readonly string[]> {
  try {
    return await dropInFiles(files, path);
  } catch (cause) {
    throw fail('config/unreadable', { file: dropInFolder(path), reason: reasonOf(cause) }, { cause });
  }
}

/**
 * Fails with `config/untrusted` if users other than root and the effective user can change a configuration that a
 * process reads again by itself: its file, also one that a person named, the folder beside it, or the files there.
 */
export async function refuseUntrusted(files: LoadRequest['files'], file: string): Promise<void> {
  for (const path of [file, dropInFolder(file), ...(await listed(files, file))]) {
    const found = (await files.stat(path)) && (await untrustedAt(files, path));
    // In a sticky folder, others can add files, each of which is looked at.
    if (!found || (found.command === 'none' && found.path === path)) continue;
    const remedy = remedyOf(found);
    const hint = `A configuration names commands, and \`certfleet run\` reads it again whenever it changes. Check its contents, then ${remedy}.`;
    throw fail('config/untrusted', { file: found.path, reason: found.reason, remedy }, { hint });
  }
}

/** Returns the text of a file, or undefined if there is none. */
async function readOne({ file, files }: LoadRequest, path: string): Promise<string | undefined> {
  try {
    const found = file === undefined && (await files.stat(path)) ? await untrustedAt(files, path) : undefined;
    if (found) throw untrusted(found);
    const bytes = await files.read(path, {
      named: true,
      maxBytes: maxFileBytes,
      ...present({ trusted: file === undefined ? untrusted : undefined }),
    });
    return bytes && new TextDecoder().decode(bytes);
  } catch (cause) {
    if (isFailure(cause)) throw cause;
    throw fail('config/unreadable', { file: path, reason: reasonOf(cause) }, { cause });
  }
}
