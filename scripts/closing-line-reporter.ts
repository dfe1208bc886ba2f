import type { Reporter, TestModule } from 'vitest/node';

/**
 * Prints the last line of a run, for programs: `N passed, N failed, N skipped`. A file that cannot be loaded and an
 * error outside any test count as one failure each. Before it, names the tests that needed a second try.
 */
export default class ClosingLineReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const again: string[] = [];
    const counts = { passed: 0, failed: unhandledErrors.length, skipped: 0 };
    for (const module of modules) {
      counts.failed += module.errors().length;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        counts[state === 'pending' ? 'failed' : state]++;
        if (state === 'passed' && (test.diagnostic()?.retryCount ?? 0) > 0) again.push(test.fullName);
      }
      // Errors of suites (a beforeAll that threw): their tests are skipped, and the suite counts as failed.
      for (const suite of module.children.allSuites()) counts.failed += suite.errors().length;
    }
    // After all other output: the other reporters write their summaries in the same turn.
    process.on('exit', () => {
      for (const name of again) process.stdout.write(`passed only at the second try: ${name}\n`);
      process.stdout.write(`\n${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped\n`);
    });
  }
}
