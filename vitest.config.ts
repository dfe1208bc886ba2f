import { defineConfig } from 'vitest/config';

/** `npm run test:long` (scripts/long.ts). */
const isLong = Boolean(process.env['CERTFLEET_LONG']);

// Two projects. The files of `unit` share one process per worker, which is 20 times faster for many small files; its
// tests use no processes and no ports. `real` starts servers and child processes, and isolates each file.
export default defineConfig({
  test: {
    reporters: ['default', './scripts/closing-line-reporter.ts'],
    globalSetup: ['./test/support/skipped.ts', './test/support/own-root.ts', './test/support/run-seed.ts'],
    coverage: { include: ['src/**/*.ts'], exclude: ['src/generated/**'], reporter: ['text', 'html'] },
    projects: [
      {
        test: {
          name: 'unit',
          include: ['src/**/*.test.ts', 'test/simulation/**/*.test.ts'],
          pool: 'threads',
          isolate: false,
          // A guard against a hang: a machine that is busy must not fail a test that only computes.
          testTimeout: 60_000,
          // Also on two cores, where one would be left to vitest itself.
          maxWorkers: 2,
          experimental: { fsModuleCache: true },
          setupFiles: ['./test/support/seeded-setup.ts'],
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: 'real',
          include: ['test/real/**/*.test.ts', 'test/crash/**/*.test.ts', ...(isLong ? ['test/long/**/*.test.ts'] : [])],
          globalSetup: ['./test/support/built.ts'],
          pool: 'forks',
          // Real servers on two cores: generous limits, which only guard against a hang.
          testTimeout: 180_000,
          hookTimeout: 120_000,
          // They mostly wait: for health checks, time limits and other processes. At most five, who share the free ports
          // (test/support/service.ts).
          maxWorkers: 4,
          // Fifteen servers and their clients on two busy cores: one more try, which the end of the run reports. A long run
          // is to find what fails once in a while.
          retry: isLong ? 0 : 1,
          // After the unit tests, so that measurements of time are not disturbed.
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
