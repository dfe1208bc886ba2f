import { present } from '../text/present.ts';

/** A path in a command that may be a program. */
export interface NamedProgram {
  readonly path: string;
  /**
   * `program`: the command runs it, or something in it. `file`: the command may run it, unless it is a folder.
   * `argument`: it may be only an argument.
   */
  readonly as: 'program' | 'file' | 'argument';
  /** All programs in this folder are run. */
  readonly isFolder?: true;
  /** A glob: what it matches is run. */
  readonly isPattern?: true;
}

/** Shell words after which a command begins. */
const keywords = /^(!|\{|\(|if|then|else|elif|while|until|do|time)$/;
/** Programs that read a script. */
const interpreters =
  /^(\.|source|(ba|da|z|k|a|c|tc|fi)?sh|busybox|(python|pypy|perl|php|ruby|node|nodejs|lua)[\d.-]*|bun|deno|java|make|[gmn]?awk|tclsh|expect)$/;
/** Programs that run other programs, which their arguments name or which are in a folder. */
const runners =
  /^(cd|pushd|for|set|read|trap|alias|eval|exec|command|env|sudo|doas|su|runuser|setpriv|chroot|nice|ionice|nohup|setsid|timeout|flock|stdbuf|chrt|taskset|unshare|nsenter|systemd-run|xargs|parallel|watch|script|find|run-parts|start-stop-daemon|npm|npx)$/;
/** Lists of folders in which a shell, the loader or an interpreter finds programs. */
const searchPaths = /^([A-Z]*PATH|LD_PRELOAD|ENV|BASH_ENV)=/;

const assignment = /^[A-Za-z_]\w*=/;
const nameOf = (text: string): string => text.slice(text.lastIndexOf('/') + 1);

/**
 * Returns the programs that a command names by an absolute path, as far as its text shows. If the command uses
 * something that runs other programs, such as an interpreter, or if a variable, a glob or another command determines
 * what runs, every absolute path in it counts, because the meaning of its options and variables is unknown. Relative
 * paths, names found by PATH, paths built from anything but variables set in the line, and what a program itself starts
 * are not detected. A string is a line for a shell; a list is a program and its arguments.
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
        // `python3 /opt/a.py /home/x`: the folder is the script's argument.
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

/** Returns the words of a quoted word, which may be a line for another shell: `sh -c '…'`. */
const lineIn = ({ text, isQuoted, isEnd }: Word): readonly Word[] | undefined =>
  !isEnd && isQuoted && /[\s;&|<(`]/.test(text) ? wordsIn(text) : undefined;

/** Reports whether a variable, a glob or the output of a command determines what runs. */
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

/** The maximum number of variable values that are tried for a word. */
const maxValues = 16;

/** Returns the words with every value of the variables that the line itself sets: which value applies is unknown. */
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

/** A Linux path has at most 4,096 bytes. */
const maxWord = 16_384;

/**
 * Yields the absolute paths in a word: `PATH=/a:/b`, `-I/a`, `/a/*.sh`, `${X:-/a}`. A glob or a variable is represented
 * by its folder.
 */
function* pathsIn(word: string, whole: (text: string) => string): Generator<Omit<NamedProgram, 'as'>> {
  const seen = new Set<string>();
  for (const piece of new Set([word, ...word.split(/[=:,]/)]))
    for (const { 0: found, index } of piece.matchAll(
      /(?:(?:~|\$HOME|\$\{HOME\})(?=\/))?\/[^\0`$'"}]*(?:[$`][^\0]*)?/g,
    )) {
      const before = piece.slice(Math.max(0, index - 64), index);
      // `a/b` and `*/b` are relative, unlike `-I/b`, and unlike `$X/b` if the variable is empty.
      if (/[\w.~*?\]/]$/.test(before) && !/^-\w+$|\$\w+$/.test(before)) continue;
      if (piece === word && index > 0 && /[=:,]/.test(word)) continue;
      // The text after a space is also read as a line.
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
  /** A newline, a `;` or the like: a command begins after it. */
  readonly isEnd: boolean;
  /** The input of a command: `< FILE`. */
  readonly isInput?: boolean;
  /** Repeats the word before it with another value of a variable. */
  readonly isOther?: boolean;
}

/** Splits a line as a shell does, without expanding anything. The output of a redirection is not a word. */
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
