import type { Reporter, TestModule } from 'vitest/node';

/**
 * Prints the last line of a run, for programs: `N passed, N failed, N skipped`. A file that cannot be loaded and an
 * error outside any test count as one failure each.
 */
export default class ClosingLineReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const counts = { passed: 0, failed: unhandledErrors.length, skipped: 0 };
    for (const module of modules) {
      counts.failed += module.errors().length;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        counts[state === 'pending' ? 'failed' : state]++;
      }
      // Errors of suites (a beforeAll that threw): their tests are skipped, and the suite counts as failed.
      for (const suite of module.children.allSuites()) counts.failed += suite.errors().length;
    }
    // After all other output: the other reporters write their summaries in the same turn.
    process.on('exit', () => {
      process.stdout.write(`\n${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped\n`);
    });
  }
}
