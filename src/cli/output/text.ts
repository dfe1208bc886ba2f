import truncatedWidth from 'fast-string-truncated-width';
import { spanText } from '../../core/text/span.ts';
import type { CliContext, Output } from '../context.ts';

/** Colours for a terminal, or none (without a terminal, with NO_COLOR or TERM=dumb). */
export interface Style {
  good(text: string): string;
  bad(text: string): string;
  warn(text: string): string;
  faint(text: string): string;
}

const paint = (code: number) => (text: string) => `\x1b[${code}m${text}\x1b[0m`;
const plain = (text: string) => text;

export function styleOf({ isTerminal, env }: Pick<CliContext, 'isTerminal' | 'env'>): Style {
  const coloured = isTerminal && !env['NO_COLOR'] && env['TERM'] !== 'dumb';
  return coloured
    ? { good: paint(32), bad: paint(31), warn: paint(33), faint: paint(2) }
    : { good: plain, bad: plain, warn: plain, faint: plain };
}

const day = 86_400_000;

/**
 * Puts the certificate's name in front of a message, unless the message begins with the name. A name without a dot may
 * be an ordinary word (`as`), so only `name:` counts for it.
 */
export function about(name: string, message: string): string {
  const said = message.startsWith(`${name}: `) || (name.includes('.') && message.startsWith(`${name} `));
  return said ? message : `${name}: ${message}`;
}

/**
 * Returns how many columns a text takes on a terminal: East Asian characters take two, combining marks and colours
 * none.
 */
export const columnsOf = (text: string): number =>
  /^[\x20-\x7e]*$/.test(text) ? text.length : truncatedWidth(text).width;

/** Returns the longest prefix of a text that fits into this many columns, with `…` if something is left out. */
export function cutTo(text: string, columns: number): string {
  const { index, ellipsed } = truncatedWidth(text, { limit: columns, ellipsis: '…', ellipsisWidth: 1 });
  return ellipsed ? `${text.slice(0, index).trimEnd()}…` : text;
}

/** Returns both ends of a text, with `…` between them, that fit into this many columns. Does not split letters. */
export function cutMiddle(text: string, columns: number): string {
  if (columnsOf(text) <= columns) return text;
  const letters = [...new Intl.Segmenter().segment(text)].map(({ segment }) => segment);
  const fitting = (some: readonly string[], room: number): readonly string[] => {
    let used = 0;
    const end = some.findIndex((letter) => {
      used += columnsOf(letter);
      return used > room;
    });
    return some.slice(0, end);
  };
  const begin = fitting(letters, Math.floor((columns - 1) / 2));
  const end = fitting(letters.reverse(), Math.ceil((columns - 1) / 2));
  return `${begin.join('')}…${[...end].reverse().join('')}`;
}

/** Returns a date such as `2027-02-22`, with the time if it is less than ten days away. Always UTC. */
export function dateText(iso: string, now: Date): string {
  const near = Math.abs(Date.parse(iso) - now.getTime()) < 10 * day;
  return near ? `${iso.slice(0, 10)} ${iso.slice(11, 16)} UTC` : iso.slice(0, 10);
}

/** Shortens the full timestamps in a text, which are meant for programs. */
export const withDates = (text: string, now: Date): string =>
  text.replaceAll(/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, (iso) => dateText(iso, now));

/** Returns a relative time such as `in 30 days` or `5 hours ago`. */
export function fromNow(iso: string, now: Date): string {
  const ms = Date.parse(iso) - now.getTime();
  return ms >= 0 ? `in ${spanText(ms)}` : `${spanText(-ms)} ago`;
}

/**
 * Returns how many columns a text may take. Without a screen there is no limit: a log is searched line by line, and a mail
 * or an editor breaks lines by itself.
 */
export const widthOf = ({ columns }: Pick<Output, 'columns'>): number => columns || Number.POSITIVE_INFINITY;

/**
 * Breaks lines at spaces, and between Chinese characters, so that only single words can be longer than `width`. Existing
 * line breaks stay.
 */
export function wrap(text: string, width: number, indent = ''): string {
  return text
    .split('\n')
    .map((line) => {
      const lines: string[] = [];
      let current = '';
      let columns = 0;
      for (const word of line.split(' ').flatMap(partsOf)) {
        const more = columnsOf(word.text);
        const space = word.isGlued || current === '' ? '' : ' ';
        if (current !== '' && columns + space.length + more > width) {
          lines.push(current);
          [current, columns] = [word.text, more];
        } else [current, columns] = [`${current}${space}${word.text}`, columns + space.length + more];
      }
      return [...lines, current].join(`\n${indent}`);
    })
    .join(`\n${indent}`);
}

const chinese = /[\u3001-\u9fff\uff00-\uffef]/;
/** A Chinese character, or a run of others, with the marks that must not begin a line, and those that must not end one. */
const chinesePart =
  /[\u300a\u300c\u3010\u201c\uff08]*(?:[\u3001-\u9fff\uff00-\uffef]|[^\u3001-\u9fff\uff00-\uffef]+)[\u3001\u3002\u300b\u300d\u3011\u201d\uff01\uff09\uff0c\uff1a\uff1b\uff1f\u2026]*/gu;

/** Splits a word where a line may be broken. */
function partsOf(word: string): readonly { readonly text: string; readonly isGlued: boolean }[] {
  const parts = chinese.test(word) ? (word.match(chinesePart) ?? [word]) : [word];
  return parts.map((text, at) => ({ text, isGlued: at > 0 }));
}

/**
 * Breaks lines at spaces to fit the screen, with a hanging indent of two. As {@link widthOf}: without one, lines stay.
 */
export function fill(text: string, columns: number | undefined): string {
  if (columns === undefined) return text;
  return text
    .split('\n')
    .map((line) => {
      const indent = /^ */.exec(line)![0];
      return indent + wrap(line.slice(indent.length), Math.max(20, columns - indent.length - 2), `${indent}  `);
    })
    .join('\n');
}
