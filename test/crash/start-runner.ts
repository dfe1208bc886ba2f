import { join } from 'node:path';
import { loadBuilt } from '../../src/lib/code-cache.ts';

// Starts runner.ts from the code that V8 compiled in an earlier run (test/support/built.ts).
loadBuilt(join(import.meta.dirname, 'runner.cjs'));
