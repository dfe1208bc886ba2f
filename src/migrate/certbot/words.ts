import { fail } from '../../core/errors/errors.ts';
import { didYouMean } from '../../core/text/nearest.ts';
import { shortList } from '../../core/text/short-list.ts';
import { isProgram } from '../other-clients.ts';
import { allFlags, type CertbotOption, optionOfFlag } from './flag-table.ts';
import { isChoice, isOfDnsPlugin } from './plugin-flags.ts';
import { newSaid, type Said } from './said.ts';

type Closed<T> = {
  readonly [K in keyof T]: T[K] extends readonly (infer Item)[] ? readonly Item[] : Readonly<T[K]>;
};

/** The content of one certbot command line. */
export interface CertbotWords extends Closed<Said> {
  readonly verb: string;
  /** The last choice of how to answer challenges. */
  readonly authenticator: string | undefined;
  /** Whether the settings of the certificate are, or were, declared in a configuration. */
  readonly keepsSettings?: boolean;
  /** Set with `--nginx` and `--apache`, once the server's configuration has been read. */
  readonly served?: Served;
}

/** What a web server's configuration says about the names. */
export interface Served {
  /** The value for --http; undefined if the server only gets the certificate. */
  readonly http?: string;
  /** The values for --deploy. */
  readonly deploy: readonly string[];
  /** A hook that makes the server read the certificate. */
  readonly deployHook?: string;
  /** The flags that name the nginx whose configuration was read. */
  readonly nginx?: readonly string[];
}

/** Parses the words after `certfleet certbot`. Fails with a `usage/` code. */
export function readCertbot(words: readonly string[]): CertbotWords {
  const said = newSaid();
  const verbs: string[] = [];
  for (let at = 0; at < words.length; at++) {
    const word = words[at]!;
    if (!word.startsWith('-')) {
      verbs.push(word);
      continue;
    }
    const [, typed = word, inline] = /^(--[^=]+)=(.*)$/s.exec(word) ?? [];
    const value = (): string => {
      const text = inline ?? words[++at];
      // A word with a space is a value, such as a command.
      if (text === undefined || text === '' || (inline === undefined && /^--?[a-z]\S*$/.test(text)))
        throw fail('usage/flag-needs', { flag: typed, needed: 'a value' });
      return text;
    };
    if (inline !== undefined && isSwitch(typed))
      throw fail('usage/not-applicable', {
        typed: `${typed}=${inline}`,
        reason: 'it takes no value',
        advice: `Write only ${typed}.`,
      });
    if (isOfDnsPlugin(typed)) {
      said.ofOrder.push(typed);
      said.others.push(typed, ...(isChoice(typed) ? [] : [value()]));
      if (isChoice(typed)) said.authenticators.push(typed.slice(2));
      continue;
    }
    const { flag, option } = wholeFlag(typed);
    if (option.refused) throw fail('usage/certbot-refused', { word: flag, reason: option.why ?? '' });
    if (option.scope === 'order') said.ofOrder.push(typed);
    take(option, { flag, said, value: option.value === undefined ? undefined : value() });
  }
  // A whole certbot line, pasted after `certfleet certbot`, begins with a program.
  const first = Math.max(
    0,
    verbs.findIndex((word) => !isProgram(word)),
  );
  const [verb = 'run', more] = verbs.slice(first);
  if (more !== undefined)
    throw fail('usage/not-applicable', {
      typed: more,
      reason: `\`certbot ${verb}\` takes no argument`,
      advice: 'Name a certificate with --cert-name, or domains with -d.',
    });
  return {
    ...said,
    verb,
    authenticator: said.authenticators.at(-1),
    domains: [...new Set(said.domains)],
    webroots: [...new Set(said.webroots)],
    enhancements: [...new Set(said.enhancements)],
  };
}

function take(
  { same, keep, answer, part, enhance, turns, read }: CertbotOption,
  { flag, said, value }: { readonly flag: string; readonly said: Said; readonly value: string | undefined },
): void {
  const values = value === undefined ? [] : [value];
  if (same !== undefined) {
    const words = [...same.split(' '), ...values];
    // As in certbot, the last one counts: that of the line before that of cli.ini.
    const before = said.same.findIndex(([first]) => first === words[0]);
    if (before >= 0) said.same.splice(before, 1);
    said.same.push(words);
  } else if (answer !== undefined) said.authenticators.push(answer);
  else if (enhance !== undefined) said.enhancements.push(enhance);
  else if (turns !== undefined) said[turns] = true;
  else if (part !== undefined) said.others.push(flag, ...values);
  else if (keep !== undefined && value !== undefined) said.values[keep] = value;
  else read?.(said, value ?? '');
}

/** Reports whether a flag has no value. Fails with `usage/unknown-option`. */
export const isSwitch = (typed: string): boolean =>
  isOfDnsPlugin(typed) ? isChoice(typed) : wholeFlag(typed).option.value === undefined;

/** Reports whether certbot, or certfleet in its place, knows a flag. */
export const isKnown = (typed: string): boolean =>
  isOfDnsPlugin(typed) || allFlags().some((flag) => flag === typed || (typed.length > 2 && flag.startsWith(typed)));

/** Returns the flag itself, or the only flag with this prefix, as certbot does. Fails with `usage/unknown-option`. */
function wholeFlag(typed: string): { readonly flag: string; readonly option: CertbotOption } {
  const known = optionOfFlag(typed);
  if (known) return { flag: typed, option: known };
  const begun = typed.startsWith('--')
    ? allFlags()
        .filter((flag) => flag.startsWith(typed))
        .sort()
    : [];
  const [first, ...more] = new Set(begun.map((flag) => optionOfFlag(flag)!));
  if (first && more.length === 0) return { flag: begun[0]!, option: first };
  const advice = first ? `; it may be ${shortList(begun)}` : didYouMean(typed, allFlags());
  throw fail('usage/unknown-option', { typed, advice });
}
