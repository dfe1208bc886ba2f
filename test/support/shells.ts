import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { bareEnvironment, findProgram, temporaryFolder } from './service.ts';

// What a shell offers at the end of a line, with a completion script loaded. `certfleet completion names` answers with
// two names, since no store is needed to see that it is asked; with --store /other, with another one.

const names = ['one.example', 'two.example'] as const;

const bash = `source "$1"; shift
certfleet() { if [[ "$*" == *"--store /other"* ]]; then echo other.example; else printf '%s\\n' ${names.join(' ')}; fi; }
for line in "$@"; do
  # As readline does: blanks, = and : separate words.
  spaced=\${line//=/ = }; spaced=\${spaced//:/ : }
  read -ra COMP_WORDS <<< "$spaced"
  if [[ $spaced == *' ' ]]; then COMP_WORDS+=(''); fi
  COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)) COMPREPLY=()
  _certfleet
  echo "\${COMPREPLY[*]}"
done`;

const fish = `source $argv[1]
function certfleet
  if string match --quiet --regex -- '--store[ =]/other' "$argv"; echo other.example; else; printf '%s\\n' ${names.join(' ')}; end
end
for line in $argv[2..]; echo (complete --do-complete $line | string replace --regex '\\t.*' ''); end`;

// zsh completes only in its line editor, so a second one runs on a pseudo terminal.
const zsh = `zmodload zsh/zpty
script=$1 hits=$2/hits; shift 2
zpty -b shell zsh -f -i
zpty -w shell "PS1=; autoload -U compinit; compinit -u -D; source $script"
zpty -w shell 'certfleet() { if [[ "$*" == *--store[\\ =]/other* ]] { print other.example } else { print -l ${names.join(' ')} } }'
zpty -w shell 'compadd() {
  if [[ " $* " == *" "-(O|A|D)" "* ]]; then builtin compadd "$@"; return; fi
  local -a hits; builtin compadd -A hits "$@"; (( $#hits )) && print -l -- $hits >> '$hits'; builtin compadd "$@"
}'
zpty -w shell 'complete-and-say() { zle complete-word; zle kill-whole-line; zle -I; print done-$((1 + 1)) }
  zle -N complete-and-say; bindkey "^I" complete-and-say; print ready-$((1 + 1))'
zpty -r shell out '*ready-2*'
for line in "$@"; do
  : > $hits
  zpty -w -n shell "$line"$'\\t'
  zpty -r shell out '*done-2*'
  print -r -- \${(f)"$(<$hits)"}
done
zpty -d shell`;

/** What a shell offers for each line, as words in alphabetical order. */
export async function offered(
  shell: 'bash' | 'zsh' | 'fish',
  script: string,
  lines: readonly string[],
): Promise<readonly string[]> {
  const folder = await temporaryFolder(shell);
  const file = join(folder, 'completion');
  await writeFile(file, script);
  const args = {
    bash: ['-c', bash, 'bash', file, ...lines],
    fish: ['--no-config', '-c', fish, file, ...lines],
    zsh: ['-f', '-c', zsh, 'zsh', file, folder, ...lines],
  }[shell];
  const env = { ...bareEnvironment(), HOME: folder, XDG_CONFIG_HOME: folder, XDG_DATA_HOME: folder, TERM: 'xterm' };
  const program = findProgram(shell)!;
  const { stdout } = await promisify(execFile)(program, args, { env, timeout: 60_000 });
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => line.split(' ').sort().join(' '));
}
