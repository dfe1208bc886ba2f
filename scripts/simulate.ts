import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { runWorlds, seedsFrom } from '../test/simulation/world/many-worlds.ts';
import { mutants } from '../test/simulation/world/mutants.ts';
import { denseSize, fullSize, scenarioOf } from '../test/simulation/world/scenario.ts';
import { shrink } from '../test/simulation/world/shrink.ts';
import { type Ending, runWorld } from '../test/simulation/world/world.ts';
import { runYears } from './years.ts';

// npm run simulate -- --seeds 500 | --seed 7 [--trace] [--shrink] | --mutant TEXT | --years [--plot]

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    seeds: { type: 'string', default: '10000' },
    first: { type: 'string', default: '1' },
    workers: { type: 'string', default: String(availableParallelism()) },
    trace: { type: 'boolean', default: false },
    shrink: { type: 'boolean', default: false },
    mutant: { type: 'string' },
    years: { type: 'boolean', default: false },
    plot: { type: 'boolean', default: false },
    /** Few certificates and many faults, as for mutants. */
    dense: { type: 'boolean', default: false },
  },
});

const isDense = values.dense || values.mutant !== undefined;
const size = isDense ? denseSize : fullSize;

const told = ({ seed, violation }: Ending): string =>
  violation
    ? `seed ${seed}, ${violation.at}: ${violation.what}\n  npm run simulate -- --seed ${seed} --trace${isDense ? ' --dense' : ''}`
    : `seed ${seed}: no violation`;

if (values.years) await runYears(values.plot);
else if (values.seed === undefined) await runMany();
else await runOne(Number(values.seed));

async function runOne(seed: number): Promise<void> {
  const scenario = scenarioOf(seed, size);
  const print = values.trace && !values.shrink ? { print: (line: string) => console.log(line) } : {};
  const ending = await runWorld(scenario, print);
  console.log(`${told(ending)}\n  trace ${ending.hash}, ${ending.events} events, ${ending.certificates} certificates`);
  if (!ending.violation) return;
  process.exitCode = 1;
  if (!values.shrink) return;
  const smallest = await shrink(scenario, (smaller) => runWorld(smaller));
  const { faults, incidents, specs, replicas } = smallest;
  const shown = { replicas, specs: specs.map(({ name }) => ({ name })), faults, incidents };
  for (const [list, all] of Object.entries(shown))
    console.log(`${list}:${all.map((one) => `\n  ${JSON.stringify(one)}`).join('')}`);
  const last = await runWorld(smallest, values.trace ? { print: (line) => console.log(line) } : {});
  console.log(told(last));
}

async function runMany(): Promise<void> {
  const mutant = values.mutant === undefined ? undefined : mutants.find(({ name }) => name.includes(values.mutant!));
  if (values.mutant !== undefined && !mutant) throw new Error(`there is no mutant "${values.mutant}"`);
  const begun = performance.now();
  const count = Number(values.seeds);
  let [done, violations, certificates] = [0, 0, 0];
  await runWorlds({
    seeds: seedsFrom(Number(values.first), count),
    workers: Number(values.workers),
    ...{ mutant, size },
    ended(ending) {
      done += 1;
      certificates += ending.certificates;
      if (ending.violation) {
        violations += 1;
        console.log(told(ending));
      }
      if (done % 100 === 0)
        console.log(`${done} of ${count} seeds, ${Math.round((performance.now() - begun) / 1000)} s`);
      return mutant !== undefined && violations > 0;
    },
  });
  const seconds = Math.round((performance.now() - begun) / 1000);
  console.log(`${done} seeds, ${certificates} certificates, ${violations} violations, ${seconds} s`);
  if (violations > 0 !== (mutant !== undefined)) process.exitCode = 1;
}
