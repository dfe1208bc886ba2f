import type { FC } from 'hono/jsx';
import { say } from '../../core/errors/wording.ts';
import type { CertificateView } from '../../fleet/web/view.ts';
import { Notice, Zone } from '../layout.tsx';
import { Act, Foreign, type Made, Panel, pathOf, StateBadge, Told, When } from '../parts.tsx';
import { isStep, StepList } from '../steps.tsx';
import { Facts } from './facts.tsx';
import { Runs } from './history.tsx';
import { Targets } from './targets.tsx';

export interface CertificateData {
  readonly view: CertificateView;
  readonly mayDownload: boolean;
  /** How the last action from these pages failed, if nothing has happened since. */
  readonly lastError?: { readonly at: string; readonly message: string; readonly hint: string } | undefined;
}

/** One certificate: what it is, what is wrong, what runs, where it is served, and what happened before. */
export const Certificate: FC<Made & CertificateData> = ({ reader, view, mayDownload, lastError }) => {
  const { text } = reader;
  const { status, run } = view;
  const { name, state } = status;
  return (
    <div id="live" data-live={name} hx-get={reader.here} hx-trigger="fleet" hx-select="#live" hx-swap="outerMorph">
      <div class="title">
        <div>
          <h1>{name}</h1>
          <p>
            <StateBadge reader={reader} state={state} />{' '}
            {status.paused && state !== 'paused' ? (
              <>
                <StateBadge reader={reader} state="paused" />{' '}
              </>
            ) : null}
            {text.stateSentence[state]}
          </p>
        </div>
        <Actions reader={reader} view={view} />
      </div>
      {lastError ? (
        <Notice kind="refused">
          <p>
            {text.ended.failed} <Told>{lastError.message}</Told>
          </p>
          <p class="hint">
            <Told>{lastError.hint}</Told>
          </p>
        </Notice>
      ) : null}
      {run ? (
        <Panel id="run" title={run.isCutOff ? text.certificate.cutOff : text.certificate.running}>
          {isStep(run.step) ? <StepList reader={reader} step={run.step} isCutOff={run.isCutOff} /> : null}
          <p class="muted">
            {text.certificate.begun} <When reader={reader} at={run.startedAt} />
            {run.holder ? (
              <>
                {' · '}
                {text.certificate.by} <Foreign>{run.holder}</Foreign>
              </>
            ) : null}
          </p>
        </Panel>
      ) : null}
      <Wrong reader={reader} view={view} />
      <div class="columns">
        <div>
          <Targets reader={reader} view={view} />
          <Panel id="history" title={text.certificate.history}>
            <Runs reader={reader} runs={view.runs} />
          </Panel>
        </div>
        <div>
          <Facts reader={reader} view={view} mayDownload={mayDownload} />
          <Panel id="path" title={text.certificate.path}>
            <p class="muted">{text.certificate.pathText}</p>
            <div id="path-drawn" hx-morph-skip>
              <a
                class="button"
                href={pathOf(name, 'path')}
                rel="nofollow"
                hx-get={pathOf(name, 'path')}
                hx-target="#path-drawn"
                hx-select="#path-content"
                hx-swap="innerHTML"
                data-busy={text.certificate.drawing}
              >
                {text.certificate.draw}
              </a>
            </div>
          </Panel>
        </div>
      </div>
      <Zone reader={reader} />
    </div>
  );
};

const Actions: FC<Made & { readonly view: CertificateView }> = ({ reader, view }) => {
  const { text, mayAct } = reader;
  const { status, revision } = view;
  const { name, state } = status;
  if (state === 'test') return null;
  if (!mayAct) return <p class="muted">{text.onlyLook}</p>;
  const fields = { ifRevision: revision };
  const isDeclared = state !== 'undeclared';
  const has = status.notAfter !== undefined;
  const isUp = state !== 'revoked' && has;
  // The button that helps stands out; if all is well, none does.
  const isPaused = status.paused !== undefined;
  const isToRenew = state !== 'valid' && state !== 'pending' && !isPaused;
  const renewLabel =
    state === 'missing'
      ? text.actions.issue
      : state === 'failing' || state === 'expired'
        ? text.actions.retry
        : state === 'interrupted'
          ? text.actions.continue
          : text.actions.renew;
  const act = (action: 'renew' | 'redeploy' | 'resume', label: string, kind?: 'main') => (
    <Act reader={reader} to={pathOf(name, action)} fields={fields} kind={kind}>
      {label}
    </Act>
  );
  return (
    <div class="actions">
      {isPaused && state !== 'working' ? act('resume', text.actions.resume, 'main') : null}
      {isDeclared && state !== 'working' ? act('renew', renewLabel, isToRenew ? 'main' : undefined) : null}
      {isDeclared && isUp && status.deployments.length > 0
        ? act('redeploy', text.actions.redeploy, state === 'pending' && !isPaused ? 'main' : undefined)
        : null}
      {isDeclared && isUp ? (
        <a class="button" href={pathOf(name, 'rollback')}>
          {text.actions.rollback}
        </a>
      ) : null}
      {isDeclared && !isPaused && state !== 'working' && state !== 'corrupt' && revision !== '' ? (
        <a class="button" href={pathOf(name, 'pause')}>
          {text.actions.pause}
        </a>
      ) : null}
      {isUp ? (
        <a class="button danger" href={pathOf(name, 'revoke')}>
          {text.actions.revoke}
        </a>
      ) : null}
    </div>
  );
};

const Wrong: FC<Made & { readonly view: CertificateView }> = ({ reader, view: { failure, status } }) => {
  const { text, language } = reader;
  const shown = failure ?? status.failure;
  if (!shown || (failure?.count === 0 && !status.failure)) return null;
  const told = say(shown, language);
  return (
    <Panel id="wrong" title={text.certificate.wrong}>
      <p class="why">
        <Told>{told.message}</Told>
      </p>
      {told.hint === '' ? null : (
        <p class="hint">
          <Told>{told.hint}</Told>
        </p>
      )}
      <p class="muted">
        {text.certificate.tries(shown.count)} · {text.certificate.retry}
        {text.colon}
        <When reader={reader} at={shown.retryAt} />
        {failure ? (
          <>
            {' · '}
            {text.certificate.code} <code>{failure.code}</code>
          </>
        ) : null}
      </p>
    </Panel>
  );
};
