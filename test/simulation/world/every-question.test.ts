import { expect, it } from 'vitest';
import { isLong } from '../../support/seeded.ts';
import { runWorlds } from './many-worlds.ts';
import { yearsSize } from './scenario.ts';
import type { Ending } from './world.ts';

const dayMs = 86_400_000;
/** The CA wants to be asked every 6 h; a replica wakes up to 10 minutes later. */
const askedEveryMs = 6 * 3_600_000 + 5 * 60_000;

// Each question is checked to come when the CA wants it, and each certificate not to expire (checks.ts).
it('every question for a renewal window is asked, and every renewal is in its window', async () => {
  // Two worlds, each with an account of its own.
  const size = isLong ? yearsSize : { ...yearsSize, specs: 6, days: 70 };
  const endings: Ending[] = [];
  await runWorlds({ seeds: isLong ? [1, 2] : [1], workers: 2, size, ended: (ending) => endings.push(ending) < 0 });
  for (const { violation, questions, certificates, counted } of endings) {
    expect(violation).toBeUndefined();
    // The world runs on for four days.
    const expected = (size.specs * (size.days! + 4) * dayMs) / askedEveryMs;
    expect(questions / expected).toBeGreaterThan(0.95);
    expect(questions / expected).toBeLessThan(1.05);
    expect(certificates).toBeGreaterThanOrEqual(2 * size.specs);
    // The first certificate of each: the CA's limits count no renewal inside its window.
    expect(counted).toBe(size.specs);
  }
}, 3_600_000);
