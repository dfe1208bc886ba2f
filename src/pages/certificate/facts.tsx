import type { Child, FC } from 'hono/jsx';
import { inLanguage } from '../../core/errors/wording.ts';
import { withLetters } from '../../core/names/letters.ts';
import type { CertificateView } from '../../fleet/web/view.ts';
import { Foreign, type Made, Panel, pathOf, When } from '../parts.tsx';
import { Served } from '../served.tsx';

const Fact: FC<{ readonly name: string; readonly children?: Child }> = ({ name, children }) => (
  <div>
    <dt>{name}</dt>
    <dd>{children}</dd>
  </div>
);

/** More are folded away. */
const mostNames = 10;

/** What it is, and when it is renewed. */
export const Facts: FC<Made & { readonly view: CertificateView; readonly mayDownload: boolean }> = ({
  reader,
  view,
  mayDownload,
}) => {
  const { text } = reader;
  const { status, declaredIn } = view;
  const { identifiers, notAfter, issuer, account, issuerName, keyType, serial, chain, dropped, records } = status;
  const t = text.certificate;
  return (
    <Panel id="facts" title={t.now}>
      <dl>
        <Fact name={t.names}>
          <Names names={identifiers.slice(0, mostNames)} />
          {identifiers.length > mostNames ? (
            <details>
              <summary>{t.moreNames(identifiers.length)}</summary>
              <Names names={identifiers.slice(mostNames)} />
            </details>
          ) : null}
        </Fact>
        {dropped && dropped.length > 0 ? (
          <Fact name={t.dropped}>
            <ul class="plain-list">
              {dropped.map(({ identifier, reason }) => (
                <li>
                  <span class="name">{identifier}</span> <Foreign>{inLanguage(reason, reader.language)}</Foreign>
                </li>
              ))}
            </ul>
          </Fact>
        ) : null}
        {view.row.served.endpoints > 0 ? (
          <Fact name={text.list.served}>
            <Served reader={reader} served={view.row.served} />
          </Fact>
        ) : null}
        {notAfter ? (
          <Fact name={t.expires}>
            <When reader={reader} at={notAfter} />
          </Fact>
        ) : null}
        {status.paused ? (
          <Fact name={t.paused}>
            <When reader={reader} at={status.paused.at} />
            <br />
            <Foreign>{t.pausedBy(status.paused.by)}</Foreign>
            {status.paused.reason === undefined ? null : (
              <>
                {' · '}
                <Foreign>{status.paused.reason}</Foreign>
              </>
            )}
          </Fact>
        ) : null}
        <Fact name={t.renewal}>
          <NextRenewal reader={reader} view={view} />
        </Fact>
        {status.revoked ? (
          <Fact name={t.revoked}>
            <When reader={reader} at={status.revoked.at} /> · {text.confirm.reasons[reasonOf(status.revoked.reason)]}
          </Fact>
        ) : null}
        <Fact name={t.issuer}>
          {issuer}
          {issuerName ? (
            <>
              {' · '}
              <Foreign>{issuerName}</Foreign>
            </>
          ) : null}
          {account ? ` · ${t.account} ${account}` : null}
        </Fact>
        {chain && chain.length > 0 ? (
          <Fact name={t.chain}>
            <ol class="plain-list">
              {chain.map((one) => (
                <li>
                  <Foreign>{one}</Foreign>
                </li>
              ))}
            </ol>
          </Fact>
        ) : null}
        {keyType ? (
          <Fact name={t.key}>
            {keyType}
            {mayDownload ? (
              <>
                {' '}
                <a class="button" href={pathOf(view.row.name, 'key')}>
                  {text.actions.downloadKey}
                </a>
              </>
            ) : null}
          </Fact>
        ) : null}
        {serial ? (
          <Fact name={t.serial}>
            <code class="wrap">{serial}</code>
          </Fact>
        ) : null}
        <Fact name={t.declaredIn}>
          {declaredIn === 'file' ? t.inFile(view.file ?? 'certfleet.yaml') : t.declared[declaredIn]}
          {declaredIn === 'store' && reader.mayAct ? (
            <>
              {' '}
              <a href={pathOf(view.row.name, 'edit')}>{text.edit.link}</a>{' '}
              <a href={pathOf(view.row.name, 'undeclare')}>{reader.text.declare.remove}</a>
            </>
          ) : null}
        </Fact>
        {records && records.length > 0 ? (
          <Fact name={t.records}>
            <ul class="plain-list">
              {records.map(({ name, value }) => (
                <li>
                  <code class="wrap">{name}</code> <Foreign as="code">{value}</Foreign>
                </li>
              ))}
            </ul>
          </Fact>
        ) : null}
      </dl>
    </Panel>
  );
};

const reasonOf = (reason: string) => {
  if (reason === 'keyCompromise' || reason === 'superseded' || reason === 'cessationOfOperation') return reason;
  return 'unspecified' as const;
};

const Names: FC<{ readonly names: readonly string[] }> = ({ names }) => (
  <ul class="plain-list">
    {names.map((name) => (
      <li class="name">
        <Foreign>{withLetters(name)}</Foreign>
      </li>
    ))}
  </ul>
);

/** When it is renewed, and why then. */
const NextRenewal: FC<Made & { readonly view: CertificateView }> = ({ reader, view: { status, window } }) => {
  const { why, dueSince } = reader.text.certificate;
  const { renewAt, renewalSource, explanationUrl, rateLimit, heldUntil, rolledBack, rollover, byHand, paused } = status;
  const isLink = explanationUrl !== undefined && /^https?:\/\//.test(explanationUrl);
  return (
    <>
      {renewAt && reader.times.isPast(renewAt) ? `${dueSince} ` : null}
      {renewAt ? <When reader={reader} at={renewAt} /> : null}
      <ul class="plain-list muted">
        {paused ? (
          <li>{why.paused}</li>
        ) : byHand ? (
          <li>{why.byHand}</li>
        ) : !renewAt && !rateLimit && !heldUntil ? (
          <li>{why.never}</li>
        ) : null}
        {renewAt && renewalSource ? <li>{why[renewalSource]}</li> : null}
        {renewAt && window ? (
          <li>{why.window(reader.times.exact(window.start), reader.times.exact(window.end))}</li>
        ) : null}
        {isLink ? (
          <li>
            <a href={explanationUrl} rel="noreferrer noopener">
              {why.incident}
            </a>
          </li>
        ) : null}
        {rateLimit ? (
          <li>
            {why.rateLimit}: <When reader={reader} at={rateLimit.until} /> <Foreign>{`(${rateLimit.quota})`}</Foreign>
          </li>
        ) : null}
        {heldUntil ? (
          <li>
            {why.held}: <When reader={reader} at={heldUntil} />
          </li>
        ) : null}
        {rolledBack ? (
          <li>
            {why.rolledBack}: <When reader={reader} at={rolledBack.until} />
          </li>
        ) : null}
        {rollover ? <li>{why.rollover}</li> : null}
      </ul>
    </>
  );
};
