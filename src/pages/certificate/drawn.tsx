import type { FC } from 'hono/jsx';
import type { Hop } from '../../core/request-path/hop.ts';
import type { DrawnPath, DrawnTarget } from '../../fleet.ts';
import { Badge, Empty, type Look, type Made, Worded } from '../parts.tsx';

export interface DrawnData {
  readonly paths: readonly DrawnPath[];
  readonly targets: readonly DrawnTarget[];
}

const looks = { well: 'good', 'cannot-tell': 'soon', broken: 'bad' } as const satisfies Record<Hop['state'], Look>;

/** The path from the CA to the answer for each name, and what the targets said. */
export const Drawn: FC<Made & DrawnData> = ({ reader, paths, targets }) => (
  <div id="path-content">
    {paths.length + targets.length === 0 ? <Empty>{reader.text.certificate.noPath}</Empty> : null}
    {paths.map(({ identifier, challenge, solver, hops }) => (
      <>
        <h3>
          {identifier} <span class="muted">{`${challenge} · ${solver}`}</span>
        </h3>
        <Hops reader={reader} hops={hops} />
      </>
    ))}
    {targets.map(({ target, hops }) => (
      <>
        <h3>{target}</h3>
        <Hops reader={reader} hops={hops} />
      </>
    ))}
  </div>
);

export const Hops: FC<Made & { readonly hops: readonly Hop[] }> = ({ reader: { text, language }, hops }) => (
  <ol class="hops">
    {hops.map(({ at, state, finding, advice }) => (
      <li class={state}>
        <div class="row-head">
          <strong>{text.hops[at]}</strong>
          <Badge look={looks[state]}>{text.hopStates[state]}</Badge>
        </div>
        <Worded language={language}>{finding}</Worded>
        {advice ? (
          <Worded language={language} isHint>
            {advice}
          </Worded>
        ) : null}
      </li>
    ))}
  </ol>
);
