/** A path in a command that may be a program. */
export interface NamedProgram {
  readonly path: string;
  /** The command runs it, or has an interpreter read it. Otherwise it may also be an argument. */
  readonly runs: boolean;
  /** It runs all programs in this folder. */
  readonly isFolder?: true;
}

/** Words of a shell after which a command begins. */
const keywords = /^(!|\{|\(|if|then|else|elif|while|until|do|time)$/;
/** Programs that run what comes after them. */
const wrappers = /^(sudo|doas|env|exec|command|nice|ionice|nohup|setsid|timeout|flock|chroot|systemd-run|xargs|eval)$/;
/** Programs that read a script. */
const interpreters =
  /^(\.|source|(ba|da|z|k|a)?sh|busybox|python[\d.]*|perl[\d.]*|php[\d.]*|ruby[\d.]*|node|lua[\d.]*|make)$/;

const assignment = /^[A-Za-z_]\w*=/;

/**
 * The programs that a command names by an absolute path, as far as its text shows: what a variable holds, or what the
 * program itself starts, is not seen. A string is a line for a shell; a list is a program and its arguments.
 */
export function programsNamed(command: string | readonly string[], home = '/root'): readonly NamedProgram[] {
  const found: NamedProgram[] = [];
  const add = (text: string, runs: boolean): void => {
    const path = text.replace(/^(~|\$HOME|\$\{HOME\})(?=\/)/, home);
    if (!path.startsWith('/') || /[$`\0]/.test(path)) return;
    const folder = /^(.+)\/\*$/.exec(path)?.[1];
    if (folder !== undefined) found.push({ path: folder, runs: true, isFolder: true });
    else found.push({ path, runs });
  };
  const read = (words: readonly Word[]): void => {
    let next: 'command' | 'script' | 'argument' = 'command';
    for (const { text, isEnd, isQuoted } of words) {
      if (isEnd) next = 'command';
      else if (next === 'command' && !isQuoted && keywords.test(text)) continue;
      else if (next === 'command' && !isQuoted && assignment.test(text)) add(text.replace(assignment, ''), false);
      else {
        const name = text.slice(text.lastIndexOf('/') + 1);
        add(text, next !== 'argument');
        // `--hook=/opt/hook`
        if (/^-.*=/.test(text)) add(text.slice(text.indexOf('=') + 1), false);
        // A line for another shell: `sh -c '…'`.
        if (next !== 'command' && isQuoted && /[\s;&|]/.test(text)) read(wordsIn(text));
        if (next === 'argument' || (next === 'script' && text.startsWith('-'))) continue;
        next = wrappers.test(name) ? 'command' : interpreters.test(name) ? 'script' : 'argument';
      }
    }
  };
  const isLine = typeof command === 'string';
  read(isLine ? wordsIn(command) : command.map((text, at) => ({ text, isQuoted: at > 0, isEnd: false })));
  return found;
}

interface Word {
  readonly text: string;
  readonly isQuoted: boolean;
  /** A line, a `;` or the like: a command begins after it. */
  readonly isEnd: boolean;
}

/** Splits a line as a shell does, without expanding anything. The target of a redirection is no word. */
function wordsIn(line: string): readonly Word[] {
  const words: Word[] = [];
  const token =
    /\s*(?:(\n|[;&|()]+|`|\$\()|(\d*[<>]+&?\s*)|#[^\n]*|((?:[^\s;&|()<>'"\\`]|\\[\s\S]|'[^']*'?|"(?:[^"\\]|\\[\s\S])*"?)+)|[\s\S])/y;
  const text = line.replace(/\\\n/g, ' ').replace(/\n/g, ' ;\n');
  let isTarget = false;
  for (;;) {
    const [whole, end, redirection, word] = token.exec(text) ?? [];
    if (whole === undefined) return words;
    if (end !== undefined) words.push({ text: end, isEnd: true, isQuoted: false });
    else if (redirection !== undefined) {
      isTarget = true;
      continue;
    } else if (word !== undefined && !isTarget)
      words.push({ text: plain(word), isEnd: false, isQuoted: /['"]/.test(word) });
    isTarget = false;
  }
}

const plain = (word: string): string =>
  word.replace(/'([^']*)'?|"((?:[^"\\]|\\[\s\S])*)"?|\\([\s\S])/g, (_all, single, double, escaped) =>
    single !== undefined ? single : escaped !== undefined ? escaped : double.replace(/\\([$`"\\])/g, '$1'),
  );
