/** Ends a test run with the one line that CI systems of any language read: `N passed, N failed`; what tests left behind is a failure. */
import { writeSync } from 'node:fs';
import type { Reporter, TestModule } from 'vitest/node';
import { leftByTests } from './test-folder.ts';

export default class ClosingLine implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    let passed = 0;
    let failed = unhandledErrors.length;
    let skipped = 0;
    for (const module of modules) {
      if (module.errors().length > 0) failed++;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state === 'passed') passed++;
        else if (state === 'failed') failed++;
        else skipped++;
      }
    }
    // After the default reporter's summary, which is printed in the same turn; before the folder goes.
    process.prependOnceListener('exit', () => {
      const left = leftByTests();
      if (left.length > 0) {
        writeSync(process.stdout.fd, `tests left behind:\n  ${left.join('\n  ')}\n`);
        process.exitCode ||= 1;
        failed++;
      }
      writeSync(process.stdout.fd, `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`);
    });
  }
}
