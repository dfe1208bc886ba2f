import type { FC } from 'hono/jsx';
import { inLanguage } from '../../core/errors/wording.ts';
import { withLetters } from '../../core/names/letters.ts';
import type { DeclarationCheck, NameCheck } from '../../fleet/web/checks.ts';
import { Hops } from '../certificate/drawn.tsx';
import { Badge, Foreign, type Look, type Made, pathOf, StateBadge, Told, When } from '../parts.tsx';

/** Where the form's page has what was found; the form reads it again while someone types. */
export const checkId = 'check';
/** What was found, below the title. */
export const foundId = 'check-found';

/** What an order of the typed certificate would meet. Without a check, how to get one. */
export const Check: FC<Made & { readonly check: DeclarationCheck | undefined }> = ({ reader, check }) => {
  const words = reader.text.check;
  return (
    <section class="panel" id={checkId} aria-labelledby="check-title">
      <div class="panel-head">
        <h2 id="check-title">{words.title}</h2>
        <span class="looking muted" role="status">
          {words.looking}
        </span>
      </div>
      <div id={foundId}>
        {check === undefined || check.names.length === 0 ? <p class="muted">{words.idle}</p> : null}
        {check ? <Found reader={reader} check={check} /> : null}
      </div>
    </section>
  );
};

const Found: FC<Made & { readonly check: DeclarationCheck }> = ({ reader, check: { wrong, names, ca, outlook } }) => {
  const words = reader.text.check;
  // Proof and issuer may not be chosen yet, which is no news.
  const problems = Object.entries(wrong).filter(([field]) => field.startsWith('identifiers'));
  return (
    <>
      {problems.map(([, message]) => (
        <p class="why">
          <Told>{inLanguage(message, reader.language)}</Told>
        </p>
      ))}
      {ca.length > 0 ? <Hops reader={reader} hops={ca} /> : null}
      <ul class="rows">
        {names.map((one) => (
          <li id={`check-${one.identifier}`}>
            <Name reader={reader} name={one} isChosen={outlook !== undefined} />
          </li>
        ))}
      </ul>
      {outlook ? (
        <Outlook reader={reader} outlook={outlook} />
      ) : names.length > 0 ? (
        <p class="muted">{words.choose}</p>
      ) : null}
    </>
  );
};

const looks = {
  well: 'good',
  'cannot-tell': 'soon',
  broken: 'bad',
  unseen: 'off',
} as const satisfies Record<NameCheck['state'], Look>;

const Name: FC<Made & { readonly name: NameCheck; readonly isChosen: boolean }> = ({ reader, name, isChosen }) => {
  const words = reader.text.check;
  const { identifier, state, challenge, solver, hops, coveredBy } = name;
  return (
    <>
      <div class="row-head">
        {isChosen ? <Badge look={looks[state]}>{words.states[state]}</Badge> : null}
        <span class="name">
          <Foreign>{withLetters(identifier)}</Foreign>
        </span>
        {challenge ? <span class="muted">{`${challenge} · ${solver}`}</span> : null}
      </div>
      {isChosen && state === 'unseen' ? <p class="muted">{words.unseen}</p> : null}
      {coveredBy.map((one) => (
        <p class="muted">
          {words.covered} <a href={pathOf(one.name)}>{one.name}</a> <StateBadge reader={reader} state={one.state} />{' '}
          {one.issuer}
          {one.notAfter ? (
            <>
              {' · '}
              {reader.text.list.expires} <When reader={reader} at={one.notAfter} form="distance" />
            </>
          ) : null}
        </p>
      ))}
      {hops.length > 0 ? (
        <details open={state !== 'well'}>
          <summary>{words.steps(hops.length)}</summary>
          <Hops reader={reader} hops={hops} />
        </details>
      ) : null}
    </>
  );
};

/** The limits of which least is left. */
const mostLimits = 3;

const Outlook: FC<Made & { readonly outlook: NonNullable<DeclarationCheck['outlook']> }> = ({ reader, outlook }) => {
  const { check: words, limits: texts } = reader.text;
  const { issuer, isKnown, heldUntil, refused, limits } = outlook;
  return (
    <div id="check-limits">
      <h3>{words.limits(issuer)}</h3>
      {heldUntil ? (
        <p class="why">
          {words.held} <When reader={reader} at={heldUntil} />
        </p>
      ) : null}
      {refused ? (
        <p class="why">
          {words.refused} <When reader={reader} at={refused.until} />
        </p>
      ) : heldUntil ? null : (
        <p>{isKnown ? words.allowed : texts.unknown}</p>
      )}
      <ul class="rows tight">
        {limits.slice(0, mostLimits).map(({ limit, of, left, burst, nextAt }) => (
          <li>
            <div class="row-head">
              <span>{texts.titles[limit]}</span>
              <span class="muted">{texts.left(left, burst)}</span>
            </div>
            <p class="muted">
              {limit === 'newOrdersPerAccount' ? null : <Foreign>{of}</Foreign>}{' '}
              {nextAt ? texts.next(reader.times.distance(nextAt)) : null}
            </p>
          </li>
        ))}
      </ul>
    </div>
  );
};
