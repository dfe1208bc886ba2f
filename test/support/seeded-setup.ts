import fc from 'fast-check';
import { drawSamples } from '../../src/testing/sample.ts';
import { isLong, seed, seeded } from './seeded.ts';

// What fast-check draws comes from the seed of the run, like every other random choice.
fc.configureGlobal({ ...fc.readConfigureGlobal(), seed });
// Of faults at each call of thirty providers, a sample; all in a long run.
drawSamples(isLong ? undefined : seeded);
