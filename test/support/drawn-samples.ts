import { drawSamples } from '../../src/testing/sample.ts';
import { isLong, seeded } from './seeded.ts';

// Contracts try a sample of their longest tables; all cases in a long run.
drawSamples(isLong ? undefined : seeded);
