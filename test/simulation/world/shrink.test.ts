import { expect, it } from 'vitest';
import { denseSize, type Scenario, scenarioOf } from './scenario.ts';
import { shrink } from './shrink.ts';

it('leaves exactly what a violation needs, and takes no other violation for it', async () => {
  const whole = scenarioOf(2, denseSize);
  const [first, second] = [whole.faults[3]!, whole.faults[11]!];
  let runs = 0;
  const run = async ({ specs, faults, incidents }: Scenario) => {
    runs += 1;
    const isThere = specs.some(({ name }) => name === 'c2') && faults.includes(first) && faults.includes(second);
    const at = '2027-01-01T00:00:00.000Z';
    if (isThere) return { violation: { what: `c2 has ${faults.length} tombstones`, at } };
    return { violation: incidents.length === 0 ? { what: 'c1 has no certificate', at } : undefined };
  };
  const smallest = await shrink(whole, run);
  expect(smallest.specs.map(({ name }) => name)).toEqual(['c2']);
  expect(smallest).toMatchObject({ faults: [first, second], incidents: [], limits: {} });
  expect(smallest.replicas).toHaveLength(1);
  expect(runs).toBeLessThan(150);
});
