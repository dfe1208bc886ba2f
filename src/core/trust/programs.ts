import { present } from '../text/present.ts';

/** A path in a command that may be a program. */
export interface NamedProgram {
  readonly path: string;
  /**
   * `program`: the command runs it, or something in it. `file`: it may do so, unless it is a folder. `argument`: it may be
   * an argument only.
   */
  readonly as: 'program' | 'file' | 'argument';
  /** It runs all programs in this folder. */
  readonly isFolder?: true;
  /** A glob: it runs what matches. */
  readonly isPattern?: true;
}

/** Words of a shell after which a command begins. */
const keywords = /^(!|\{|\(|if|then|else|elif|while|until|do|time)$/;
/** Programs that read a script. */
const interpreters =
  /^(\.|source|(ba|da|z|k|a|c|tc|fi)?sh|busybox|(python|pypy|perl|php|ruby|node|nodejs|lua)[\d.-]*|bun|deno|java|make|[gmn]?awk|tclsh|expect)$/;
/** What runs programs that its arguments name, or that are in a folder. */
const runners =
  /^(cd|pushd|for|set|read|trap|alias|eval|exec|command|env|sudo|doas|su|runuser|setpriv|chroot|nice|ionice|nohup|setsid|timeout|flock|stdbuf|chrt|taskset|unshare|nsenter|systemd-run|xargs|parallel|watch|script|find|run-parts|start-stop-daemon|npm|npx)$/;
/** Lists of folders in which a shell, the loader or an interpreter finds programs. */
const searchPaths = /^([A-Z]*PATH|LD_PRELOAD|ENV|BASH_ENV)=/;

const assignment = /^[A-Za-z_]\w*=/;
const nameOf = (text: string): string => text.slice(text.lastIndexOf('/') + 1);

/**
 * The programs that a command names by an absolute path, as far as its text shows. If it names something that takes
 * programs from elsewhere, such as an interpreter, or if a variable, a glob or another command says what it runs, each
 * absolute path in it counts: what its options and variables mean is not known. Not seen are relative paths, names that
 * PATH leads to, paths that are put together otherwise than from variables set in the line, and what a program itself
 * starts. A string is a line for a shell; a list is a program and its arguments.
 */
export function programsNamed(command: string | readonly string[], home = '/root'): readonly NamedProgram[] {
  const found: NamedProgram[] = [];
  const isLine = typeof command === 'string';
  const words = isLine
    ? withValues(wordsIn(command))
    : command.map((text, at) => ({ text, isQuoted: at > 0, isEnd: false }));
  const whole = (text: string): string => text.replace(/^(~|\$HOME|\$\{HOME\})(?=\/)/, home);

  const readCommands = (words: readonly Word[]): void => {
    let isFirst = true;
    let wasFirst = isFirst;
    for (const { text, isEnd, isQuoted, isInput, isOther } of words) {
      if (isInput) continue;
      if (isOther) isFirst = wasFirst;
      wasFirst = isFirst;
      if (isEnd) isFirst = true;
      else if (isFirst && !isQuoted && keywords.test(text)) continue;
      else {
        const isAssignment = isFirst && !isQuoted && assignment.test(text);
        // `--hook=/opt/hook`
        const value = isAssignment || /^-.*=/.test(text) ? text.slice(text.indexOf('=') + 1) : undefined;
        for (const one of [text, ...(value === undefined ? [] : [value])]) {
          const path = whole(one);
          if (!path.startsWith('/') || /[$`\0]/.test(path)) continue;
          const folder = /^(.+)\/\*$/.exec(path)?.[1];
          if (folder !== undefined) found.push({ path: folder, as: 'program', isFolder: true });
          else found.push({ path, as: isFirst && one === text ? 'program' : 'argument' });
        }
        const inner = isFirst && !/`|\$\(/.test(text) ? undefined : lineIn({ text, isEnd, isQuoted });
        if (inner) readCommands(inner);
        if (!isAssignment) isFirst = false;
      }
    }
  };

  const readAll = (words: readonly Word[], hasRunner: boolean, hasParts: boolean): void => {
    let as: 'program' | 'file' = 'program';
    let afterInterpreter = false;
    for (const word of words) {
      const { text, isEnd } = word;
      if (isEnd) [as, afterInterpreter] = ['program', false];
      for (const path of isEnd ? [] : pathsIn(text, whole)) {
        found.push({ ...path, as, ...present({ isFolder: hasParts || undefined }) });
        // `python3 /opt/a.py /home/x`: the folder is an argument of the script.
        if (afterInterpreter && !hasRunner && !text.startsWith('-')) as = 'file';
      }
      if (!isEnd && interpreters.test(nameOf(text))) [as, afterInterpreter] = ['program', true];
      const inner = lineIn(word);
      if (inner) readAll(inner, hasRunner, hasParts);
    }
  };

  const hasRunner =
    (isLine && isUnknown(words)) || hasWord(words, (text) => runners.test(nameOf(text)) || searchPaths.test(text));
  if (hasRunner || hasWord(words, (text) => interpreters.test(nameOf(text))))
    readAll(
      words,
      hasRunner,
      hasWord(words, (text) => nameOf(text) === 'run-parts'),
    );
  else readCommands(words);
  return [...new Map(found.map((one) => [`${one.as} ${one.isFolder} ${one.path}`, one])).values()];
}

const hasWord = (words: readonly Word[], isIt: (text: string) => boolean): boolean =>
  words.some((word) => !word.isEnd && (isIt(word.text) || hasWord(lineIn(word) ?? [], isIt)));

/** A quoted word may be a line for another shell: `sh -c '…'`. */
const lineIn = ({ text, isQuoted, isEnd }: Word): readonly Word[] | undefined =>
  !isEnd && isQuoted && /[\s;&|<(`]/.test(text) ? wordsIn(text) : undefined;

/** Whether a variable, a glob or the output of a command says what is run. */
function isUnknown(words: readonly Word[]): boolean {
  let isFirst = true;
  let wasFirst = isFirst;
  for (const { text, isEnd, isQuoted, isInput, isOther } of words) {
    if (isInput) continue;
    if (isOther) isFirst = wasFirst;
    wasFirst = isFirst;
    if (isEnd) {
      if (isFirst && /`|\$\(/.test(text)) return true;
      isFirst = true;
    } else if (isFirst && (isQuoted || !(keywords.test(text) || assignment.test(text)))) {
      if (/[$`*?]|\[./.test(text.replace(/^(~|\$HOME|\$\{HOME\})(?=\/)|^\[\[$|\/\*$/g, ''))) return true;
      isFirst = false;
    }
  }
  return false;
}

/** How many values of variables a word is tried with. */
const maxValues = 16;

/** The same words with the values of variables that the line itself sets, each of them: which one holds is not known. */
function withValues(words: readonly Word[]): readonly Word[] {
  const values = new Map<string, readonly string[]>();
  return words.flatMap((word) => {
    let texts = [word.text];
    for (const [name, known] of word.isEnd ? [] : values) {
      const use = new RegExp(`\\$(?:${name}(?!\\w)|\\{${name}\\})`, 'g');
      texts = texts.flatMap((text) => (use.test(text) ? known.map((value) => text.replace(use, () => value)) : [text]));
    }
    const all = texts.slice(0, maxValues);
    const [, name] = /^([A-Za-z_]\w*)=/.exec(word.text) ?? [];
    if (name !== undefined && !word.isEnd && values.size < maxValues)
      values.set(
        name,
        [...(values.get(name) ?? []), ...all.map((text) => text.slice(name.length + 1))].slice(-maxValues),
      );
    return all.map((text, at) => ({
      ...word,
      ...present({ text: text.length > maxWord ? undefined : text, isOther: at > 0 ? true : undefined }),
    }));
  });
}

/** A path of Linux has at most 4,096 bytes. */
const maxWord = 16_384;

/**
 * The absolute paths in a word: `PATH=/a:/b`, `-I/a`, `/a/*.sh`, `${X:-/a}`. What a glob or a variable stands for is in
 * the folder.
 */
function* pathsIn(word: string, whole: (text: string) => string): Generator<Omit<NamedProgram, 'as'>> {
  const seen = new Set<string>();
  for (const piece of new Set([word, ...word.split(/[=:,]/)]))
    for (const { 0: found, index } of piece.matchAll(
      /(?:(?:~|\$HOME|\$\{HOME\})(?=\/))?\/[^\0`$'"}]*(?:[$`][^\0]*)?/g,
    )) {
      const before = piece.slice(Math.max(0, index - 64), index);
      // `a/b` and `*/b` are relative, but not `-I/b`, and not `$X/b` if the variable is empty.
      if (/[\w.~*?\]/]$/.test(before) && !/^-\w+$|\$\w+$/.test(before)) continue;
      if (piece === word && index > 0 && /[=:,]/.test(word)) continue;
      // It is read as a line, too.
      if (/\s/.test(piece.slice(0, index))) continue;
      const path = whole(found);
      const [plain = ''] = path.split(/[*?[{$`]/, 1);
      const folder = plain.slice(0, plain.lastIndexOf('/')) || '/';
      const isGlob = /[*?[]/.test(path[plain.length] ?? '');
      if (seen.has(path)) continue;
      seen.add(path);
      if (plain === path) yield { path };
      else yield { path: folder, ...present({ isFolder: isGlob || undefined }) };
      if (isGlob && path.slice(plain.length).includes('/')) yield { path, isPattern: true };
    }
}

interface Word {
  readonly text: string;
  readonly isQuoted: boolean;
  /** A line, a `;` or the like: a command begins after it. */
  readonly isEnd: boolean;
  /** A command reads it: `< FILE`. */
  readonly isInput?: boolean;
  /** The word before it with another value of a variable. */
  readonly isOther?: boolean;
}

/** Splits a line as a shell does, without expanding anything. What a command writes to is no word. */
function wordsIn(line: string): readonly Word[] {
  const words: Word[] = [];
  const token =
    /\s*(?:(\n|[;&|()]+|`|\$\()|(\d*[<>]+&?\s*)|#[^\n]*|((?:[^\s;&|()<>'"\\`]|\\[\s\S]|'[^']*'?|"(?:[^"\\]|\\[\s\S])*"?)+)|[\s\S])/y;
  const text = line.replace(/\\\n/g, ' ').replace(/\n/g, ' ;\n');
  let target: 'none' | 'input' | 'output' = 'none';
  for (;;) {
    const [whole, end, redirection, word] = token.exec(text) ?? [];
    if (whole === undefined) return words;
    if (end !== undefined) words.push({ text: end, isEnd: true, isQuoted: false });
    else if (redirection !== undefined) {
      target = redirection.includes('<') ? 'input' : 'output';
      continue;
    } else if (word !== undefined && target !== 'output')
      words.push({ text: plain(word), isEnd: false, isQuoted: /['"]/.test(word), isInput: target === 'input' });
    target = 'none';
  }
}

const plain = (word: string): string =>
  word.replace(/'([^']*)'?|"((?:[^"\\]|\\[\s\S])*)"?|\\([\s\S])/g, (_all, single, double, escaped) =>
    single !== undefined ? single : escaped !== undefined ? escaped : double.replace(/\\([$`"\\])/g, '$1'),
  );
