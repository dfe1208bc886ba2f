import type { Section } from './config-obj.ts';
import { optionOfFlag, optionOfKey } from './flag-table.ts';
import { isOfDnsPlugin } from './plugin-flags.ts';
import { isKnown, isSwitch } from './words.ts';

/** One line of certbot's `cli.ini`. */
export interface CliIniLine {
  /** The key as in the file: a flag without its hyphens, or with `_` in place of `-`. */
  readonly key: string;
  readonly value: string;
  readonly line: number;
}

/** Matches `key = value`, `key: value`, `key value` or a switch, as certbot's parser (ConfigArgParse) does. */
const form = /^([^:=;#\s]+)\s*(?:[:=\s]\s*(["']?)(.*?)\2)?\s*(?:\s[;#].*)?$/;

/** Parses the file. Throws a plain Error that names the line, but never its content. */
export function readCliIni(text: string): readonly CliIniLine[] {
  return text
    .replace(/^\ufeff/, '')
    .split(/\r?\n/)
    .flatMap((whole, at) => {
      const line = whole.trim();
      if (line === '' || /^([#;[]|---)/.test(line)) return [];
      const [, key, , value] = form.exec(line) ?? [];
      if (key === undefined) throw new Error(`line ${at + 1} is not \`key = value\``);
      return [{ key, value: value ?? 'true', line: at + 1 }];
    });
}

const isNo = (value: string): boolean => /^(false|no|off|0)$/i.test(value);
const isYes = (value: string): boolean => /^(true|yes|on|1)$/i.test(value);

/** Returns the flags that the file sets. Calls `unknown` for a key that certbot does not have. */
export const wordsOfIni = (lines: readonly CliIniLine[], unknown: (line: CliIniLine) => Error): readonly string[] =>
  lines.flatMap((one) => {
    const flag = `--${one.key}`;
    if (/^false$/i.test(one.value)) return [];
    if (!isKnown(flag)) throw unknown(one);
    if (isSwitch(flag) && isNo(one.value)) return [];
    return isSwitch(flag) && isYes(one.value) ? [flag] : [`${flag}=${one.value}`];
  });

/** Returns the file's settings for renewals, by the keys of renewal files. */
export function renewalsOfIni(lines: readonly CliIniLine[], file: string): Section {
  const values = new Map<string, string>();
  const places = new Map<string, string>();
  const set = (key: string, value: string, line: number) => {
    values.set(key, value);
    places.set(key, `${file}:${line}`);
  };
  for (const { key, value, line } of lines) {
    const flag = `--${key.replaceAll('_', '-')}`;
    const plain = key.replaceAll('-', '_');
    const option = optionOfFlag(flag) ?? optionOfKey(plain);
    if (isOfDnsPlugin(flag)) set(plain, value, line);
    if (option?.renews === undefined || option.keys === undefined) continue;
    // `--no-directory-hooks` has the key `directory_hooks`.
    const isOpposite = flag.startsWith('--no-') && isYes(value);
    set(option.keys.split(' ')[0]!, isOpposite ? 'False' : value, line);
  }
  return { values, places, sections: new Map() };
}

/** Returns the settings of a certificate: those of its renewal file, overridden by those of cli.ini, as in certbot. */
export const mergedWith = (ofIni: Section, ofFile: Section): Section =>
  ofIni.values.size === 0
    ? ofFile
    : {
        values: new Map([...ofFile.values, ...ofIni.values]),
        places: new Map([...ofFile.places, ...ofIni.places]),
        sections: ofFile.sections,
      };
