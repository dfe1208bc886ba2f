// biome-ignore lint/style/noRestrictedImports: the command line is the process's edge, so it limits its heap
import { setFlagsFromString } from 'node:v8';
import { present } from '../core/text/present.ts';
import { main } from './main.ts';

// A run goes on even if its output cannot be written. A reader that exited (`| head`) is fine; any other failure is
// reported at the end.
let lost: Error | undefined;
const note = (error?: NodeJS.ErrnoException | null) => {
  if (error && error.code !== 'EPIPE' && error.code !== 'ERR_STREAM_DESTROYED') lost ??= error;
};

/** Sets the exit code once all output has been written or has failed. */
function end(code: number): void {
  process.exitCode = code;
  process.stdout.write('', async (error) => {
    note(error);
    if (lost) process.exitCode = (await import('./output/lost-output.ts')).tellLostOutput(lost, code, process);
    // After a signal, does not wait for a hook or a socket that may still be open.
    if (code >= 128) process.exit(code);
  });
}

// Opening stdin takes longer than everything else here, so it is only opened to ask a question.
const asking = (isHidden: boolean) => async (question: string, signal: AbortSignal) => {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return undefined;
  const { askAt } = await import('./ask.ts');
  const interrupted = () => void process.kill(process.pid, 'SIGINT');
  return askAt(process.stdin, process.stderr, question, { signal, interrupted, isHidden });
};

const editFile = async (text: string, signal: AbortSignal) => {
  // biome-ignore lint/style/noRestrictedImports: the command line is the process's edge, so it opens the editor
  const { editText } = await import('../lib/editor.ts');
  const isTerminal = process.stdin.isTTY && process.stdout.isTTY;
  return editText(text, process.env, { isTerminal, signal });
};

// By default, V8 lets a heap grow to four times what is in use before it collects what is not.
const saveMemory = () => setFlagsFromString('--heap-growing-percent=50');

/** Runs the command line of this process. */
export async function run(): Promise<void> {
  // Without a handler, SIGUSR1 opens Node's debugger to every user of this machine, and SIGUSR2 ends the process.
  for (const name of ['SIGUSR1', 'SIGUSR2'] as const) process.on(name, () => {});
  process.stdout.on('error', note);
  process.stderr.on('error', () => {});
  const code = await main(process.argv.slice(2), {
    // Without a prototype, so that `env:constructor` is not set.
    env: Object.assign(Object.create(null), process.env),
    stdout: process.stdout,
    stderr: process.stderr,
    isTerminal: process.stderr.isTTY === true,
    signals: process,
    exit: (exitCode) => process.exit(exitCode),
    ask: asking(false),
    askSecret: asking(true),
    editFile,
    saveMemory,
    ...present({ program: process.argv[1] }),
  });
  end(code);
}
