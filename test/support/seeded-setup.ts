import fc from 'fast-check';
import { seed } from './seeded.ts';
import './drawn-samples.ts';

// What fast-check draws comes from the seed of the run, like every other random choice.
fc.configureGlobal({ ...fc.readConfigureGlobal(), seed });
