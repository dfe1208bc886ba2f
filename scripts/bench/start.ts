import { inTurn, measure, medianOf, printNote, printRow, range } from './measure.ts';
import { cli, node, type Rig } from './rig.ts';

/** `--version` against bare node. */
export async function start(rig: Rig): Promise<void> {
  const costs = await inTurn(rig.rounds(25), {
    version: () => measure([node, cli, '--version']),
    help: () => measure([node, cli, '--help']),
    node: () => measure([node, '-e', '0']),
  });
  printRow({
    what: '--version against `node -e 0`',
    ours: range(costs.version.map((cost) => cost.wall)),
    peer: `node ${range(costs.node.map((cost) => cost.wall))}`,
    ratio: medianOf(costs.version, 'wall') / medianOf(costs.node, 'wall'),
    bound: { atMost: 1.3 },
  });
  printNote(`--help takes ${range(costs.help.map((cost) => cost.wall))}`);
}
