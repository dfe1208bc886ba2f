import type { Reporter, TestModule } from 'vitest/node';

/**
 * The last line of a run, for machines: `N passed, N failed, N skipped`, alone on its line. A file that could not be
 * loaded and an error outside any test count as one failure each, so that the line never looks better than the run.
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
      // Errors of suites (a beforeAll that threw): their tests are skipped, the failure is the suite's.
      for (const suite of module.children.allSuites()) counts.failed += suite.errors().length;
    }
    // After everything else has been printed: the other reporters write their summaries in this same turn.
    process.on('exit', () => {
      process.stdout.write(`\n${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped\n`);
    });
  }
}
