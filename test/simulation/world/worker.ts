import { parentPort, workerData } from 'node:worker_threads';
import { type Size, scenarioOf } from './scenario.ts';
import { runWorld } from './world.ts';

// Runs one world for each seed that it is given (many-worlds.ts).
parentPort?.on('message', async (seed: number) =>
  parentPort?.postMessage(await runWorld(scenarioOf(seed, workerData as Size))),
);
