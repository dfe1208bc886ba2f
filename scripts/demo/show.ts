import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { repositoryRoot } from '../../test/support/service.ts';

// What the demo prints: a sentence, a command, its result.

const colours = process.stdout.isTTY && !process.env['NO_COLOR'];
const paint = (code: number) => (text: string) => (colours ? `\u001b[${code}m${text}\u001b[0m` : text);
const bold = paint(1);
const dim = paint(2);
const green = paint(32);

/** Says in one sentence what happens next. */
export const sentence = (text: string): void => console.log(`\n${bold(text)}`);
/** Shows a command line. */
export const typed = (text: string): void => console.log(`  ${green('$')} ${text}`);
export const result = (text: string): void => console.log(text.replace(/^(?=.)/gm, '    '));
export const aside = (text: string): void => console.log(dim(text.replace(/^(?=.)/gm, '    ')));

/** Ends the demo: something that it shows did not work. */
export class DoesNotHold extends Error {}

/** Ends the demo with this sentence unless the condition is true. */
export function holds(condition: unknown, otherwise: string): asserts condition {
  if (!condition) throw new DoesNotHold(otherwise);
}

export const cli = join(repositoryRoot, 'dist/cli.cjs');

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** stdout. */
  readonly output: string;
}

interface Options {
  readonly cwd: string;
  /** Called with a function that kills the process. */
  readonly onStart?: (kill: () => void) => void;
  /** Prints nothing. */
  readonly silent?: boolean;
  /** Called with each line of stdout, which is then not printed, and a function that kills the process. */
  readonly onLine?: (line: string, kill: () => void) => void;
}

/** Shows a certfleet command, runs it, and shows its output as it comes. */
export async function certfleet(args: readonly string[], options: Options): Promise<Ended> {
  if (!options.silent) typed(`certfleet ${args.join(' ')}`);
  const child = spawn(process.execPath, [cli, ...args, '--config', 'certfleet.yaml'], {
    cwd: options.cwd,
    env: { ...process.env, CERTFLEET_CODE_CACHE: 'off' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  options.onStart?.(() => child.kill('SIGKILL'));
  const lines: string[] = [];
  const show = !options.silent && options.onLine === undefined;
  createInterface(child.stdout).on('line', (line) => {
    lines.push(line);
    if (show) result(line);
    options.onLine?.(line, () => child.kill('SIGKILL'));
  });
  // The crontab lines come last, and the demo must not end up in a crontab.
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

/** Leaves the servers running until Ctrl-C, and says what to try. */
export async function keep(folder: string, lines: readonly string[]): Promise<void> {
  sentence('The servers keep running until you press Ctrl-C. In another terminal:');
  typed(`cd ${folder} && alias certfleet='node ${cli} --config certfleet.yaml'`);
  for (const line of lines) typed(`certfleet ${line}`);
  aside('The store, the keys, the configuration and the root certificate are in that folder.');
  await new Promise<void>((stop) => {
    process.once('SIGINT', stop).once('SIGTERM', stop);
  });
}
