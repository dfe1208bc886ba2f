import { inTurn, measure, medianOf, printNote, printRow, range } from './measure.ts';
import { cli, node } from './rig.ts';

/** `--version` against bare node. */
export async function start(): Promise<void> {
  const costs = await inTurn(25, {
    version: () => measure([node, cli, '--version']),
    help: () => measure([node, cli, '--help']),
    node: () => measure([node, '-e', '0']),
  });
  printRow({
    what: '--version against `node -e 0`',
    ours: range(costs.version.map((cost) => cost.wall)),
    peer: `node ${range(costs.node.map((cost) => cost.wall))}`,
    ratio: medianOf(costs.version, 'wall') / medianOf(costs.node, 'wall'),
    bound: { atMost: 1.6 },
  });
  printNote(`--help takes ${range(costs.help.map((cost) => cost.wall))}`);
}
