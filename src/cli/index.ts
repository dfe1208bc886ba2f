#!/usr/bin/env node
import { version } from '../core/version.ts';

// `--version` is asked by scripts and package tests all the time: nothing else is loaded for it.
const first = process.argv[2];
if (first === '--version' || first === '-V') {
  process.stdout.write(`${version}\n`);
} else {
  // A reader that goes away (`| head`) must not end an issue in the middle: what it would have read is lost, no more.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
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
  process.exitCode = code;
  // After a signal something may still hang (a hook, a socket): its end is not waited for once all output is out.
  if (code >= 128) process.stdout.write('', () => process.exit(code));
}
