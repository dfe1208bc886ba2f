import { defineConfig } from 'vitest/config';

// Two projects (house.md §2): `unit` shares one process per worker (20 times quicker on many small files; no
// test there touches a process or a port), `real` starts servers and child processes and is isolated.
export default defineConfig({
  test: {
    reporters: ['default', './scripts/closing-line-reporter.ts'],
    globalSetup: ['./test/support/skipped.ts', './test/support/own-root.ts'],
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
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: 'real',
          include: ['test/real/**/*.test.ts', 'test/crash/**/*.test.ts'],
          pool: 'forks',
          // Real servers, two cores: a whole file at a time, and time enough for a slow machine. The limit is a
          // guard against a hang, no measurement.
          testTimeout: 180_000,
          hookTimeout: 120_000,
          maxWorkers: 2,
          // After the units, so that nothing that measures time shares the machine with them.
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
