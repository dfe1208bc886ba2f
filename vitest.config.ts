import { setFlagsFromString } from 'node:v8';
import { defineConfig } from 'vitest/config';
import { undrawnFiles } from './scripts/drawn-files.ts';
import { LongestFirst } from './scripts/longest-first.ts';
import { seedOfRun } from './test/support/run-seed.ts';

/** `npm run test:long` (scripts/long.ts). */
const isLong = Boolean(process.env['CERTFLEET_LONG']);

// They measure how users' requests fare while rules come and go, and how fast the program starts, so little else may
// run.
const timed = ['test/real/{balancer-aws-alb-traffic,forward-rule-proxies,forward-rule-traffic,start-speed}.test.ts'];

/** `npm test` has a quarter of the files of each family. */
const undrawn = process.env['CERTFLEET_DRAWN'] ? undrawnFiles(import.meta.dirname, Number(seedOfRun())) : [];

/** Many seeds take minutes, so they have a project of their own, and `npm test` runs a few of them. */
const worlds = ['test/simulation/world/world.test.ts'];

/** What `npm test` has no time for: pictures for the documentation, and what waits for a killed process. */
const longInBrowser = isLong || process.env['CERTFLEET_IMAGES'] ? [] : ['test/browser/{images,two-daemons}.test.ts'];

// Sixteen times Node 20's own number. Tests call much code a few times each: V8 would spend a quarter of the CPU time on
// optimizing what hardly runs again. Later Nodes do not know the flag.
const execArgv = process.versions.node.startsWith('20.') ? ['--interrupt-budget=1081344'] : [];
// For the threads of this process.
for (const flag of execArgv) setFlagsFromString(flag);

/** What neither starts a process nor waits for real time. */
const computed = {
  pool: 'threads',
  isolate: false,
  // A guard against a hang: a machine that is busy must not fail a test that only computes.
  testTimeout: isLong ? 600_000 : 60_000,
  // Also on two cores, where one would be left to vitest itself.
  maxWorkers: 2,
  experimental: { fsModuleCache: true },
  setupFiles: './test/support/seeded-setup.ts',
  // One group: the last file of `unit` leaves no core idle.
  sequence: { groupOrder: 0 },
} as const;

const real = {
  globalSetup: './test/support/built.ts',
  setupFiles: './test/support/drawn-samples.ts',
  pool: 'forks',
  execArgv,
  isolate: false,
  experimental: { fsModuleCache: true },
  // Real servers on two cores: generous limits, which only guard against a hang.
  testTimeout: 180_000,
  hookTimeout: 120_000,
  // Fifteen servers and their clients on two busy cores: one more try, which the end of the run reports. A long run is to
  // find what fails once in a while.
  retry: isLong ? 0 : 1,
} as const;

// Files share one process per worker, because vitest and the sources take longer to load than most tests to run. A file
// of `real` and `real-timed` starts servers and child processes, and stops them all before the next one begins.
export default defineConfig({
  test: {
    reporters: ['default', './scripts/closing-line-reporter.ts'],
    globalSetup: ['./test/support/skipped.ts', './test/support/own-root.ts', './test/support/run-seed.ts'],
    sequence: { sequencer: LongestFirst },
    coverage: { include: ['src/**/*.ts'], exclude: ['src/generated/**'], reporter: ['text', 'html'] },
    projects: [
      { test: { ...computed, name: 'unit', include: ['src/**/*.test.ts'] } },
      { test: { ...computed, name: 'simulation', include: ['test/simulation/**/*.test.ts'], exclude: worlds } },
      { test: { ...computed, name: 'world', include: worlds } },
      {
        test: {
          ...real,
          name: 'real',
          include: ['test/real/**/*.test.ts', 'test/crash/**/*.test.ts', ...(isLong ? ['test/long/**/*.test.ts'] : [])],
          exclude: [...timed, ...undrawn],
          // They wait half of the time: for health checks, time limits and other processes.
          maxWorkers: 6,
          sequence: { groupOrder: 1 },
        },
      },
      // A browser for each core.
      {
        test: {
          ...{
            ...real,
            name: 'browser',
            include: ['test/browser/**/*.test.ts'],
            exclude: longInBrowser,
            maxWorkers: 2,
          },
          sequence: { groupOrder: 3 },
        },
      },
      {
        test: {
          ...{ ...real, name: 'real-timed', include: timed, exclude: [...undrawn], maxWorkers: 2 },
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
