import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { repositoryRoot } from '../../test/support/service.ts';

// How the demo speaks: one sentence, the command, its result.

const colours = process.stdout.isTTY && !process.env['NO_COLOR'];
const paint = (code: number) => (text: string) => (colours ? `\u001b[${code}m${text}\u001b[0m` : text);
const bold = paint(1);
const dim = paint(2);
const green = paint(32);

/** What is about to happen, as one sentence. */
export const sentence = (text: string): void => console.log(`\n${bold(text)}`);
/** What somebody could type. */
export const typed = (text: string): void => console.log(`  ${green('$')} ${text}`);
export const result = (text: string): void => console.log(text.replace(/^(?=.)/gm, '    '));
export const aside = (text: string): void => console.log(dim(text.replace(/^(?=.)/gm, '    ')));

/** The demo ends here: something that it promised does not hold. */
export class DoesNotHold extends Error {}

/** Ends the demo with a sentence unless the condition holds. */
export function holds(condition: unknown, otherwise: string): asserts condition {
  if (!condition) throw new DoesNotHold(otherwise);
}

export const cli = join(repositoryRoot, 'dist/cli.js');

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** stdout. */
  readonly output: string;
}

interface Options {
  readonly cwd: string;
  /** Runs without a word. */
  readonly silent?: boolean;
  /** Each line of stdout as it comes; killing is left to the caller. */
  readonly onLine?: (line: string, kill: () => void) => void;
}

/** Types a certfleet command: shows it, runs it, and shows what it says as it says it. */
export async function certfleet(args: readonly string[], options: Options): Promise<Ended> {
  if (!options.silent) typed(`certfleet ${args.join(' ')}`);
  const child = spawn(process.execPath, [cli, ...args, '--config', 'certfleet.yaml'], {
    cwd: options.cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const lines: string[] = [];
  const show = !options.silent && options.onLine === undefined;
  createInterface(child.stdout).on('line', (line) => {
    lines.push(line);
    if (show) result(line);
    options.onLine?.(line, () => child.kill('SIGKILL'));
  });
  // The hint for the crontab is the last thing that is said; nothing of a demo belongs into anybody's crontab.
  let isHint = false;
  createInterface(child.stderr).on('line', (line) => {
    isHint ||= line.includes('crontab');
    if (!options.silent && !isHint && line !== '') aside(line);
  });
  return new Promise((answer, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => answer({ code, signal, output: lines.join('\n') }));
  });
}
