import { optionFields } from '../../config/registry/option-fields.ts';
import { adapterEntry, type Registry } from '../../config/registry/registry.ts';
import { shellWord } from '../../core/text/shell-word.ts';
import { type Flags, textOf } from '../flags/values.ts';

/**
 * Returns the words as a person would type them, with `***` in place of each secret. Commands refuse a secret on the
 * command line, but this line is printed earlier, and may be kept in a log.
 *
 * @param flags the translated flags, which may name the DNS provider
 */
export async function shownOf(words: readonly string[], flags: Flags, registry: Registry): Promise<string> {
  const typed = words.flatMap((word, at) =>
    word === '--dns' ? (words[at + 1] ?? []) : (/^--dns=(.*)/.exec(word)?.[1] ?? []),
  );
  const provider = textOf(flags['dns']) ?? textOf(flags['impliedDns']) ?? typed.at(-1) ?? '';
  const definition = await adapterEntry(registry, 'dns', provider)?.load();
  const fields = definition && optionFields(definition.options);
  // Any option of an unknown provider may be secret.
  const isSecret = (option: string) => fields?.find(({ name }) => name === option)?.secret ?? true;
  return words
    .map((word, at) => {
      const before = words[at - 1] ?? '';
      const [, flag = '', value = ''] =
        /^(--(?:eab-hmac-key|dns-option))=(.*)$/s.exec(word) ??
        (/^--(eab-hmac-key|dns-option)$/.test(before) ? ['', before, word] : []);
      const [, option, text = value] = flag === '--dns-option' ? (/^([\w-]+)=(.*)$/s.exec(value) ?? []) : [];
      const isHidden = flag !== '' && !/^(file|env):/.test(text) && (option === undefined || isSecret(option));
      if (isHidden) return `${flag === before ? '' : `${flag}=`}${option === undefined ? '' : `${option}=`}***`;
      return /^[\w./:@=,-]+$/.test(word) ? word : shellWord(word);
    })
    .join(' ');
}
