import { makeStore, writeFixture } from '../test/support/stored-format.ts';

// Makes the store anew that test/simulation/stored-format.test.ts reads: `npx tsx scripts/stored-format.ts`. Before the
// first release, after any change of a document; from then on, only for a new format, and the old file stays.
writeFixture(await makeStore());
process.exit(0); // the processes that were killed in it never end
