#!/usr/bin/env node
import { version } from '../core/version.ts';

// Output that cannot be written must not end an issue in the middle. A reader that went away (`| head`) has read what it
// wanted; any other failure is told in the end.
let lost: Error | undefined;
const note = (error?: NodeJS.ErrnoException | null) => {
  if (error && error.code !== 'EPIPE' && error.code !== 'ERR_STREAM_DESTROYED') lost ??= error;
};
process.stdout.on('error', note);
process.stderr.on('error', () => {});

/** Ends with this code once all output is written or has failed. */
function end(code: number): void {
  process.exitCode = code;
  process.stdout.write('', async (error) => {
    note(error);
    if (lost) process.exitCode = (await import('./lost-output.ts')).tellLostOutput(lost, code, process);
    // After a signal something may still hang (a hook, a socket), which is not waited for.
    if (code >= 128) process.exit(code);
  });
}

// `--version` is asked by scripts and package tests all the time: nothing else is loaded for it.
const first = process.argv[2];
if (first === '--version' || first === '-V') {
  process.stdout.write(`${version}\n`);
  end(0);
} else {
  const { main } = await import('./main.ts');
  // Only looked at where something is asked: opening it takes longer than all the rest here.
  const ask = async (question: string, signal: AbortSignal) =>
    process.stdin.isTTY && process.stderr.isTTY
      ? (await import('./ask.ts')).askAt(process.stdin, process.stderr, question, signal)
      : undefined;
  const code = await main(process.argv.slice(2), {
    env: process.env,
    stdout: process.stdout,
    stderr: process.stderr,
    isTerminal: process.stderr.isTTY === true,
    signals: process,
    exit: (exitCode) => process.exit(exitCode),
    ask,
    ...(process.argv[1] === undefined ? {} : { program: process.argv[1] }),
  });
  end(code);
}
