import type { FC } from 'hono/jsx';
import type { NodeStatus } from '../../core/node/node-status.ts';
import { Badge, type Look, type Made, Panel, When } from '../parts.tsx';

const nodeLooks = { running: 'good', missing: 'bad', stopped: 'off', scheduled: 'good' } as const satisfies Record<
  string,
  Look
>;

const stateOfNode = ({ missingSince, running, stopped }: NodeStatus): keyof typeof nodeLooks =>
  missingSince !== undefined ? 'missing' : running ? 'running' : stopped ? 'stopped' : 'scheduled';

/** The nodes, and what each lacks. */
export const Nodes: FC<Made & { readonly nodes: readonly NodeStatus[]; readonly here: string }> = ({
  reader,
  nodes,
  here,
}) => {
  const { text } = reader;
  if (nodes.length === 0) return null;
  return (
    <Panel id="nodes" title={text.nodes.title}>
      <ul class="rows tight">
        {nodes.map((one) => {
          const { node, version, lacks, more = 0, lastSeen, lastRun, running, stopped, severalMachines } = one;
          const state = stateOfNode(one);
          const seen = running?.[0]?.lastSeen ?? lastSeen ?? stopped?.since;
          const at = seen ?? lastRun;
          return (
            <li id={`node-${node}`}>
              <div class="row-head">
                <Badge look={nodeLooks[state]}>{text.nodes.states[state]}</Badge>
                <span class="name">{node}</span>
                <span class="muted">{running?.[0]?.version ?? version}</span>
              </div>
              <p class="muted">
                {node === here ? (
                  text.nodes.here
                ) : at ? (
                  <>
                    {seen ? text.nodes.seen : text.nodes.ran} <When reader={reader} at={at} form="distance" />
                  </>
                ) : null}
                {node === here || at ? ' · ' : null}
                {text.nodes.lacks(lacks.length + more)}
              </p>
              {severalMachines ? <p class="why">{text.nodes.several}</p> : null}
            </li>
          );
        })}
      </ul>
    </Panel>
  );
};
