import { expect, it } from 'vitest';
import { maxDocumentBytes } from '../../src/core/lineage/document-limits.ts';
import { bindPrograms } from '../support/bind.ts';
import { simulatedFleetBench } from '../support/fleet-bench.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

stopAllAfterwards();

describeWith(bindPrograms, 'the document of a lineage', () => {
  it('has room for 100 identifiers of the greatest length, even during a renewal', async () => {
    // With `_acme-challenge.` it has 253 characters, the most that a DNS name may have (RFC 1035 §2.3.4).
    const suffix = `.${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(32)}.example.test`;
    const names = Array.from({ length: 100 }, (_, n) => `${'a'.repeat(60)}${String(n).padStart(3, '0')}${suffix}`);
    expect(names[0]).toHaveLength(237);
    let most = 0;
    // No wildcard, because the names would exist only through it, and vanish.
    const home = await (await simulatedFleetBench({ records: [] })).home({
      solver: 'dns',
      certificates: { long: names },
      world: (world) => ({
        ...world,
        files: {
          ...world.files,
          draft: (folder, content, ...rest) => {
            most = Math.max(most, content.length);
            return world.files.draft(folder, content, ...rest);
          },
        },
      }),
    });
    expect(await home.issueOne()).toMatchObject({ result: 'issued' });
    expect(await home.renewOne({ force: true })).toMatchObject({ result: 'renewed' });
    // Leaves room for future additions to a lineage.
    expect(most).toBeLessThan(0.75 * maxDocumentBytes);
    console.log(`the largest document has ${(most / 1024).toFixed(0)} KiB`);
  });
});
