import type { FC } from 'hono/jsx';
import { inLanguage } from '../../core/errors/wording.ts';
import type { CertificateView } from '../../fleet/web/view.ts';
import { Badge, Empty, Foreign, type Look, type Made, Panel, When } from '../parts.tsx';

type Deployment = CertificateView['status']['deployments'][number];

/** Where a certificate is delivered to, and what each target and endpoint has. */
export const Targets: FC<Made & { readonly view: CertificateView }> = ({ reader, view: { status, row } }) => {
  const { text } = reader;
  const t = text.certificate;
  const { deployments, lackingAt = [] } = status;
  const known = new Set(deployments.map(({ target }) => target));
  const untried = row.targets.filter((target) => !known.has(target));
  return (
    <Panel id="targets" title={t.targets}>
      {deployments.length + untried.length === 0 ? (
        <Empty>{t.noTargets}</Empty>
      ) : (
        <ul class="rows">
          {deployments.map((one) => (
            <li id={`target-${one.target}`}>
              <Target reader={reader} deployment={one} />
            </li>
          ))}
          {untried.map((target) => (
            <li id={`target-${target}`}>
              <div class="row-head">
                <Badge look="soon">{t.deployments.pending}</Badge>
                <span class="name">{target}</span>
              </div>
            </li>
          ))}
          {lackingAt.map(({ node, target, since, message }) => (
            <li id={`lack-${node}-${target}`}>
              <div class="row-head">
                <Badge look={message === undefined ? 'soon' : 'bad'}>{t.deployments.pending}</Badge>
                <span class="name">{target}</span>
                <span class="muted">
                  {t.node} {node} · <When reader={reader} at={since} form="distance" />
                </span>
              </div>
              <p class={message === undefined ? 'muted' : 'why'}>
                {message === undefined ? t.nodeLacks : <Foreign>{inLanguage(message, reader.language)}</Foreign>}
              </p>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
};

function lookOf({ state, settling, message }: Deployment): { readonly look: Look; readonly word: WordOf } {
  if (state === 'current') return { look: 'good', word: 'current' };
  if (settling) return { look: 'busy', word: 'settling' };
  if (state === 'intended') return { look: 'busy', word: 'intended' };
  return { look: message === undefined ? 'soon' : 'bad', word: 'pending' };
}

type WordOf = keyof Made['reader']['text']['certificate']['deployments'];

const Target: FC<Made & { readonly deployment: Deployment }> = ({ reader, deployment }) => {
  const t = reader.text.certificate;
  const { target, node, message, noLongerWanted, places } = deployment;
  const { look, word } = lookOf(deployment);
  return (
    <>
      <div class="row-head">
        <Badge look={look}>{t.deployments[word]}</Badge>
        <span class="name">{target}</span>
        <span class="muted">
          {node ? `${t.node} ${node}` : null}
          {node && places ? ' · ' : null}
          {places
            ? `${t.places}: ${places.lacking === 0 ? t.placesAll(places.total) : t.placesSome(places.total - places.lacking, places.total)}`
            : null}
        </span>
      </div>
      {noLongerWanted ? <p class="muted">{t.unwanted}</p> : null}
      {message ? (
        <p class={word === 'pending' ? 'why' : 'muted'}>
          <Foreign>{inLanguage(message, reader.language)}</Foreign>
        </p>
      ) : null}
      {places && places.named.length > 0 ? (
        <ul class="plain-list places">
          {places.named.map(({ place, state, reason }) => (
            <li>
              <span class="name">
                <Foreign>{place}</Foreign>
              </span>{' '}
              <span class="muted">{t.placeStates[state]}</span> <Foreign>{inLanguage(reason, reader.language)}</Foreign>
            </li>
          ))}
        </ul>
      ) : null}
    </>
  );
};
