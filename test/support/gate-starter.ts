import { systemClock } from '../../src/lib/clock.ts';
import { createProcesses } from '../../src/lib/processes/processes.ts';

// A process that dies while it journals who its program is: it prints the pid and never comes out of `onStart`.
const [file = ''] = process.argv.slice(2);
await createProcesses(systemClock).run({
  command: ['/bin/sh', '-c', ': > "$0"', file],
  env: { PATH: process.env.PATH ?? '' },
  signal: new AbortController().signal,
  onStart: async ({ pid }) => {
    process.stdout.write(`${pid}\n`);
    await new Promise(() => setInterval(() => {}, 1_000));
  },
});
