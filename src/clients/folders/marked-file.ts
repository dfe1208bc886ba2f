import { dirname } from 'node:path';
import { fail, reasonOf } from '../../core/errors/errors.ts';
import { markIn, markOf } from '../../core/request-path/own-mark.ts';
import { present } from '../../core/text/present.ts';
import type { OwnedObject, WantedRules } from '../../ports/balancer.ts';
import type { FilesWithin } from '../../ports/files.ts';
import type { World } from '../../ports/world.ts';
import { type LeftWorld, removeLeftTemporaries } from './left-temporaries.ts';

/**
 * A configuration file of another program, in which certfleet keeps one line for each rule, below a comment with the
 * rule's name:
 *
 *     # certfleet cf-0123456789ab-0ab12-0123456789ab
 *     /.well-known/acme-challenge/DGyRejmCefe7v4NfDGDKfA DGyRejmCefe7v4NfDGDKfA.nP1qzpXGymHBrUEepNY9HCsQk7K8KhOypzEt62jcerQ
 *
 * Every other line stays byte for byte. Two processes without a common lock could still lose each other's change, if both
 * read the file before either writes it, so installations with separate stores should have separate files.
 */
export interface MarkedFile {
  read(signal: AbortSignal): Promise<MarkedText>;
  /** Writes the file in one step, and keeps its owner and permissions. */
  write(text: MarkedText, signal: AbortSignal): Promise<void>;
}

/** The whole file, in order. */
export type MarkedText = readonly Piece[];

/** A line of others, or a line of certfleet with its comment. */
export interface Piece {
  /** The text as in the file, decoded as latin1, so that no byte changes. */
  readonly text: string;
  /** The name in the comment; undefined for a line of others. */
  readonly name?: string;
  /** The line below the comment; undefined if the comment stands alone. */
  readonly line?: string;
}

export const textOf = (pieces: MarkedText): string => pieces.map(({ text }) => text).join('');

/** Returns what to remove from the file and what to add, so that the owner has exactly these lines. */
export function difference(text: MarkedText, owner: string, wanted: MarkedText, lineOf = (one: Piece) => one.line) {
  const mine = text.filter(({ name }) => name?.startsWith(markOf(owner)));
  const isIn = (all: MarkedText, a: Piece) => all.some((b) => a.name === b.name && lineOf(a) === lineOf(b));
  return { gone: mine.filter((one) => !isIn(wanted, one)), added: wanted.filter((one) => !isIn(mine, one)) };
}

/** Returns the marked lines of every owner. */
export const ownedIn = (text: MarkedText): readonly OwnedObject[] =>
  [...new Set(namesIn(text))].filter(markIn).map((name) => ({ kind: 'rule', name, id: name }));

export const namesIn = (pieces: MarkedText): readonly string[] =>
  pieces.flatMap(({ name }) => (name === undefined ? [] : [name]));

export const piece = (name: string, line?: string): Piece => ({
  name,
  text: `# certfleet ${name}\n${line === undefined ? '' : `${line}\n`}`,
  ...present({ line }),
});

/** @param isOurs reports whether a line can be one of certfleet's; only such a line belongs to the comment above it */
export function parseMarked(text: string, isOurs: (line: string) => boolean): MarkedText {
  const lines = text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
  const pieces: Piece[] = [];
  for (let at = 0; at < lines.length; at++) {
    const comment = lines[at]!;
    const name = /^# certfleet ([a-z0-9-]+)\r?\n?$/.exec(comment)?.[1];
    if (name === undefined) {
      pieces.push({ text: comment });
      continue;
    }
    const next = lines[at + 1] ?? '';
    const line = next.replace(/\r?\n$/, '');
    const isPair = isOurs(line);
    if (isPair) at += 1;
    pieces.push({ name, text: comment + (isPair ? next : ''), ...present({ line: isPair ? line : undefined }) });
  }
  return pieces;
}

export interface MarkedFileOptions {
  readonly world: Pick<World, 'files'> & LeftWorld;
  readonly path: string;
  /** The balancer in messages: `the balancer "edge" (haproxy)`. */
  readonly balancer: string;
  /** What to do if the file does not exist. */
  readonly missing: string;
  isOurs(line: string): boolean;
}

export function createMarkedFile({ world, path, balancer, missing, isOurs }: MarkedFileOptions): MarkedFile {
  const refuse = (action: string, reason: string, advice: string, cause?: unknown) =>
    fail('balancer/refused', { balancer, action, reason, advice }, { cause });

  async function within<T>(action: string, signal: AbortSignal, work: (inside: FilesWithin) => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    const guard = {
      owners: [],
      refuse: (reason: string) => refuse(action, reason, 'Keep the file in a folder of root or of certfleet’s user.'),
    };
    try {
      return await world.files.within(dirname(path), guard, work);
    } catch (cause) {
      const { code } = cause as { code?: unknown };
      if (typeof code !== 'string' || code.includes('/')) throw cause;
      if (code === 'ENOENT') throw refuse(action, `there is no ${path}`, missing, cause);
      const advice =
        code === 'EBUSY'
          ? 'A single file that is mounted into a container cannot be replaced: mount its folder.'
          : 'Run certfleet as root, or let its user write to the folder of this file.';
      throw refuse(action, `${path}: ${reasonOf(cause)}`, advice, cause);
    }
  }

  async function rightsOf(inside: FilesWithin, action: string) {
    const stat = await inside.stat(path);
    if (!stat) throw refuse(action, `there is no ${path}`, missing);
    if (stat.kind === 'symlink')
      throw refuse(action, `${path} is a symbolic link`, 'Name the file that it leads to, there and here.');
    if (stat.kind !== 'file') throw refuse(action, `${path} is not a file`, missing);
    return { mode: stat.mode, uid: stat.uid, gid: stat.gid };
  }

  return {
    read: (signal) =>
      within(`reading ${path}`, signal, async (inside) => {
        await rightsOf(inside, `reading ${path}`);
        const content = (await inside.read(path)) ?? new Uint8Array();
        return parseMarked(Buffer.from(content).toString('latin1'), isOurs);
      }),
    write: (text, signal) =>
      within(`writing ${path}`, signal, async (inside) => {
        const rights = await rightsOf(inside, `writing ${path}`);
        await removeLeftTemporaries(inside, dirname(path), world);
        await inside.replace(path, Buffer.from(textOf(text), 'latin1'), rights);
      }),
  };
}

export interface TokenRule {
  readonly name: string;
  /** RFC 8555 §8.3. */
  readonly path: string;
  /** The key authorization. */
  readonly answer: string;
}

/**
 * The path of RFC 8555 §8.3, and the form of the response body. They limit what a configuration may contain of a rule,
 * so that text from a CA cannot end a line or a quotation.
 */
export const tokenPath = '/\\.well-known/acme-challenge/[A-Za-z0-9_-]{1,256}';
export const answerForm = '[A-Za-z0-9_.-]{1,1024}';

/** Returns the rules, each for one token. */
export function tokenRules(wanted: WantedRules, balancer: string): readonly TokenRule[] {
  return wanted.rules.map(({ name, path, answer = '' }) => {
    if (!new RegExp(`^${tokenPath}$`).test(path) || !new RegExp(`^${answerForm}$`).test(answer))
      throw fail('balancer/refused', {
        balancer,
        action: `the rule ${name}`,
        reason: 'its token or key authorization has characters that RFC 8555 does not allow',
        advice: 'The CA sent them.',
      });
    return { name, path, answer };
  });
}
