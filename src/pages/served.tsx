import type { FC } from 'hono/jsx';
import type { CertificateRow } from '../fleet/web/view.ts';
import { Foreign, type Made } from './parts.tsx';

/** What its endpoints serve, by the last look at each. */
export const Served: FC<Made & Pick<CertificateRow, 'served'>> = ({ reader: { text }, served }) => {
  const { state, endpoints, current, words } = served;
  const isBad = ['stale', 'foreign', 'silent', 'broken'].includes(state);
  return (
    <span class={isBad ? 'lacking' : state === 'current' ? undefined : 'muted'} title={words}>
      {text.list.servedStates[state]}
      {endpoints > 1 ? ` (${text.list.servedSome(current, endpoints)})` : null}
      {words ? (
        <span class="names">
          <Foreign>{words}</Foreign>
        </span>
      ) : null}
    </span>
  );
};
