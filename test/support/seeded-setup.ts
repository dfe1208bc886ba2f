import fc from 'fast-check';
import { loadLanguage } from '../../src/core/errors/wording.ts';
import { seed } from './seeded.ts';
import './drawn-samples.ts';

// What fast-check draws comes from the seed of the run, like every other random choice.
await loadLanguage('zh');
fc.configureGlobal({ ...fc.readConfigureGlobal(), seed });
