import type { Candidates, CompletedCommand, CompletedFlag } from './words.ts';

/**
 * The script for each shell. All three work alike: they find the command among the words before the cursor, skipping
 * flags and their values. Then they offer the value of the flag before the cursor, the command's flags, or its next
 * argument. A word that ends with `:` gets no trailing space, because a path follows.
 */
export const scripts = { bash, zsh, fish } as const;

/** The flags that say which store the names of certificates come from. */
const placeFlags = ['--config', '--store', '--store-key'] as const;

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
const header = (shell: string): string =>
  `# Completion of certfleet for ${shell}, made by \`certfleet completion ${shell}\`.`;

/** Returns the names of all flags with a value, of all commands. */
const withValue = (all: readonly CompletedCommand[]): readonly string[] => [
  ...new Set(
    all.flatMap(({ flags }) => flags.filter(({ value }) => value !== undefined).flatMap(({ names }) => names)),
  ),
];

/** Returns the candidates for each flag's value, with all the flags that share them. */
function flagsByValue(all: readonly CompletedCommand[]): readonly (readonly [readonly string[], Candidates])[] {
  const found = new Map<string, { readonly names: Set<string>; readonly value: Candidates }>();
  for (const { names, value } of all.flatMap(({ flags }) => flags)) {
    if (value === undefined || value.length === 0) continue;
    const entry = found.get(String(value)) ?? { names: new Set<string>(), value };
    for (const name of names) entry.names.add(name);
    found.set(String(value), entry);
  }
  return [...found.values()].map(({ names, value }) => [[...names], value] as const);
}

const groupsOf = (all: readonly CompletedCommand[]): readonly string[] =>
  all.flatMap(({ name, next }) => (name !== '' && 'words' in next ? [name] : []));

/** Returns what bash and zsh offer for the argument at the cursor, by the number of arguments before it. */
function byCount(
  { args, isList }: { readonly args: readonly Candidates[]; readonly isList: boolean },
  offer: (candidates: Candidates) => string,
): string {
  const cases = args.map((argument, at) => {
    const isRepeated = isList && at === args.length - 1;
    return `${isRepeated ? '*' : at}) ${offer(argument)} ;;`;
  });
  return cases.length === 0 ? ':' : `case $count in ${cases.join(' ')} esac`;
}

function bash(all: readonly CompletedCommand[]): string {
  const offer = (candidates: Candidates): string =>
    candidates === 'file' || candidates === 'folder'
      ? `_certfleet_paths ${candidates === 'file' ? '-f' : '-d'} "$word"`
      : candidates === 'certificate'
        ? `_certfleet_words "$("\${COMP_WORDS[0]}" completion names "\${places[@]}" 2> /dev/null)" "$word"`
        : candidates.length === 0
          ? ':'
          : `_certfleet_words ${quoted(candidates.join(' '))} "$word"`;
  const values = flagsByValue(all).map(([names, value]) => `    ${names.join('|')}) ${offer(value)}; return ;;`);
  const commands = all.map(({ name, flags, next }) => {
    const nextText = 'words' in next ? offer(next.words.map(({ word }) => word)) : byCount(next, offer);
    const names = flags.flatMap((flag) => flag.names).join(' ');
    return `    ${quoted(name)})
      if [[ $word == -* ]]; then _certfleet_words ${quoted(names)} "$word"; else ${nextText}; fi ;;`;
  });
  return `${header('bash')}
_certfleet_words() {
  COMPREPLY=($(compgen -W "$1" -- "$2"))
  if [[ \${COMPREPLY[0]} == *: ]]; then compopt -o nospace 2> /dev/null; fi
}
_certfleet_paths() {
  local IFS=$'\\n'
  compopt -o filenames 2> /dev/null
  COMPREPLY=($(compgen "$1" -- "$2"))
}
_certfleet() {
  local word=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD - 1]} command='' count=0 at flag
  local -a places=()
  COMPREPLY=()
  # bash makes three words of --flag=value, and of files:/folder.
  if [[ $word == = || $word == : ]]; then before=$word word=''; at=$((COMP_CWORD - 1)); else at=$((COMP_CWORD - 2)); fi
  if [[ $before == = ]]; then before=\${COMP_WORDS[at]}; fi
  if [[ $before == : ]]; then _certfleet_paths -d "$word"; return; fi
  for ((at = 1; at < COMP_CWORD; at++)); do
    case \${COMP_WORDS[at]} in
    ${withValue(all).join('|')})
      flag=\${COMP_WORDS[at]}
      if [[ \${COMP_WORDS[at + 1]} == = ]]; then at=$((at + 2)); else at=$((at + 1)); fi
      case $flag in ${placeFlags.join('|')}) places+=("$flag" "\${COMP_WORDS[at]}") ;; esac ;;
    -* | = | :) ;;
    *)
      case $command in
      '') command=\${COMP_WORDS[at]} ;;
      ${groupsOf(all).join('|')}) command="$command \${COMP_WORDS[at]}" ;;
      *) count=$((count + 1)) ;;
      esac ;;
    esac
  done
  case $before in
${values.join('\n')}
    ${withValue(all).join('|')}) return ;;
  esac
  case $command in
${commands.join('\n')}
  esac
}
complete -F _certfleet certfleet
`;
}

function zsh(all: readonly CompletedCommand[]): string {
  const entry = (word: string, text: string): string => quoted(`${word.replaceAll(':', '\\:')}:${text}`);
  const offer = (candidates: Candidates): string =>
    candidates === 'file'
      ? '_files'
      : candidates === 'folder'
        ? '_files -/'
        : candidates === 'certificate'
          ? `compadd -- \${(f)"$(certfleet completion names $places 2> /dev/null)"}`
          : candidates.length === 0
            ? ':'
            : `_certfleet_words ${candidates.map(quoted).join(' ')}`;
  const values = flagsByValue(all).map(([names, value]) => `    ${names.join('|')}) ${offer(value)}; return ;;`);
  const flagEntries = ({ names, description }: CompletedFlag) => names.map((name) => entry(name, description));
  const commands = all.map(({ name, flags, next }) => {
    const nextText =
      'words' in next
        ? `list=(${next.words.map(({ word, summary }) => entry(word, summary)).join(' ')}); _describe command list`
        : byCount(next, offer);
    return `    ${quoted(name)})
      if [[ $word == -* ]]; then
        list=(${flags.flatMap(flagEntries).join(' ')}); _describe -o option list
      else ${nextText}; fi ;;`;
  });
  return `#compdef certfleet
${header('zsh')}
_certfleet_words() {
  local -a open closed
  open=(\${(M)@:#*:}) closed=(\${@:#*:})
  compadd -S '' -- $open
  compadd -- $closed
}
_certfleet() {
  local word=$words[CURRENT] before=$words[CURRENT-1] command='' count=0 at
  local -a list places
  if [[ $word == --*=* ]]; then before=\${word%%=*}; compset -P '*='; word=\${word#*=}; fi
  for ((at = 2; at < CURRENT; at++)); do
    case $words[at] in
    ${placeFlags.join('|')}) places+=("$words[at]" "\${(Q)words[at+1]}"); ((at++)) ;;
    ${withValue(all).join('|')}) ((at++)) ;;
    (${placeFlags.join('|')})=*) places+=("\${(Q)words[at]}") ;;
    -*) ;;
    *)
      case $command in
      '') command=$words[at] ;;
      ${groupsOf(all).join('|')}) command="$command $words[at]" ;;
      *) ((count++)) ;;
      esac ;;
    esac
  done
  if [[ $word == (webroot|files):* && $before == --(http|deploy) ]]; then compset -P '*:'; _files -/; return; fi
  case $before in
${values.join('\n')}
    ${withValue(all).join('|')}) return ;;
  esac
  case $command in
${commands.join('\n')}
  esac
}
if [[ $funcstack[1] == _certfleet ]]; then _certfleet "$@"; else compdef _certfleet certfleet; fi
`;
}

function fish(all: readonly CompletedCommand[]): string {
  const quotedInFish = (text: string): string => `'${text.replaceAll(/['\\]/g, '\\$&')}'`;
  const offer = (candidates: Candidates): string =>
    candidates === 'file'
      ? ' --force-files'
      : candidates === 'folder'
        ? " --exclusive --arguments '(__fish_complete_directories)'"
        : candidates === 'certificate'
          ? " --exclusive --arguments '(__certfleet_names)'"
          : candidates.length === 0
            ? ' --exclusive'
            : ` --exclusive --arguments ${quotedInFish(candidates.join(' '))}`;
  const lines = all.flatMap(({ name, flags, next }) => {
    const here = (more = '') =>
      `complete --command certfleet --condition ${quotedInFish(`__certfleet_at ${quotedInFish(name)}${more}`)}`;
    const ofFlags = flags.map(({ names, description, value }) => {
      const forms = names.map((flag) =>
        flag.startsWith('--') ? ` --long-option ${flag.slice(2)}` : ` --short-option ${flag.slice(1)}`,
      );
      return `${here()}${forms.join('')} --description ${quotedInFish(description)}${value === undefined ? '' : ` --require-parameter${offer(value)}`}`;
    });
    const ofNext =
      'words' in next
        ? next.words.map(
            ({ word, summary }) => `${here()} --exclusive --arguments ${word} --description ${quotedInFish(summary)}`,
          )
        : next.args.flatMap((argument, at) => {
            const isRepeated = next.isList && at === next.args.length - 1;
            return argument.length === 0 ? [] : [`${here(isRepeated ? '' : ` ${at}`)}${offer(argument)}`];
          });
    return [...ofFlags, ...ofNext];
  });
  return `${header('fish')}
function __certfleet_at --description 'Whether the command before the cursor is this one, with so many arguments'
    set --local words (commandline --tokens-expanded --current-process --cut-at-cursor 2> /dev/null; or commandline -opc)
    set --local typed ''
    set --local count 0
    set --local skip no
    for word in $words[2..]
        if test $skip = yes
            set skip no
            continue
        end
        switch $word
            case ${withValue(all).join(' ')}
                set skip yes
            case '-*'
            case '*'
                if test -z $typed
                    set typed $word
                else if contains -- $typed ${groupsOf(all).join(' ')}
                    set typed "$typed $word"
                else
                    set count (math $count + 1)
                end
        end
    end
    test "$typed" = "$argv[1]"; and begin; test (count $argv) -lt 2; or test $count -eq $argv[2]; end
end
function __certfleet_names --description 'The certificates of the store that the command line names'
    set --local words (commandline --tokens-expanded --current-process --cut-at-cursor 2> /dev/null; or commandline -opc)
    set --local places
    set --local isValue no
    for word in $words[2..]
        if test $isValue = yes
            set --append places $word
            set isValue no
        else if contains -- $word ${placeFlags.join(' ')}
            set --append places $word
            set isValue yes
        else if string match --quiet --regex -- '^(${placeFlags.join('|')})=' $word
            set --append places $word
        end
    end
    certfleet completion names $places 2> /dev/null
end
complete --command certfleet --no-files
${lines.join('\n')}
`;
}
