import { defineConfig } from 'vitest/config';

// Real services, one after another: `npm run test:live`.
export default defineConfig({
  test: {
    include: ['test/live/**/*.test.ts'],
    passWithNoTests: true,
    fileParallelism: false,
    // Some services need an hour until their servers have a change.
    testTimeout: 7_200_000,
  },
});
