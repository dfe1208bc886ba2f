import type { FC } from 'hono/jsx';
import type { AuditEntry } from '../../core/access/audit.ts';
import { inLanguage } from '../../core/errors/wording.ts';
import type { ShownSettings } from '../../core/spec/shown-settings.ts';
import { newPath } from '../connections/paths.ts';
import { Zone } from '../layout.tsx';
import { Badge, Empty, Foreign, type Made, Panel, Told, When } from '../parts.tsx';
import type { Reader } from '../reader.ts';

/** The parts of the settings that only show. */

/** As many as a person reads on one page. */
const mostEntries = 500;

const wordOf = (words: Readonly<Record<string, string>>, key: string): string | undefined =>
  Object.hasOwn(words, key) ? words[key] : undefined;

export const AuditLog: FC<
  Made & {
    readonly day: string;
    /** All that have entries, the latest first. */
    readonly days: readonly string[];
    /** The latest last. */
    readonly entries: readonly AuditEntry[];
  }
> = ({ reader, day, days, entries }) => {
  const { text } = reader;
  const words = text.settings;
  const earlier = days.find((one) => one < day);
  const later = days.findLast((one) => one > day);
  return (
    <>
      <h2 class="after-tabs">{words.auditDay(day)}</h2>
      <p class="pager">
        {earlier ? (
          <a href={`/settings/audit?day=${earlier}`} rel="prev">
            {words.earlier(earlier)}
          </a>
        ) : null}{' '}
        {later ? (
          <a href={`/settings/audit?day=${later}`} rel="next">
            {words.later(later)}
          </a>
        ) : null}
      </p>
      {entries.length === 0 ? (
        <Empty>{words.noAudit}</Empty>
      ) : (
        <table class="list">
          <caption class="hidden">{words.audit}</caption>
          <thead>
            <tr>
              <th scope="col">{words.who}</th>
              <th scope="col">{words.what}</th>
              <th scope="col">{words.object}</th>
              <th scope="col">{words.result}</th>
              <th scope="col">{words.at}</th>
            </tr>
          </thead>
          <tbody>
            {entries
              .slice(-mostEntries)
              .reverse()
              .map((entry) => (
                <AuditRow reader={reader} entry={entry} />
              ))}
          </tbody>
        </table>
      )}
      {entries.length > mostEntries ? (
        <p class="muted">
          <Told>{words.moreAudit(mostEntries)}</Told>
        </p>
      ) : null}
      <Zone reader={reader} />
    </>
  );
};

/** Of words that certfleet chose itself: what a person wrote stays as it is. */
function detailOf({ what, detail = '', result }: AuditEntry, { text, language }: Reader): string {
  // A role, and for a token the certificates that it is for.
  if (/^(user\.(add|role)|token\.add)$/.test(what)) {
    const [role = '', ...scope] = detail.split(' ');
    return [wordOf(text.roles, role) ?? role, ...scope].join(' ');
  }
  if (what === 'certificate.revoke') return wordOf(text.confirm.reasons, detail) ?? detail;
  return result === 'refused' ? inLanguage(detail, language) : detail;
}

const AuditRow: FC<Made & { readonly entry: AuditEntry }> = ({ reader, entry }) => {
  const { text } = reader;
  const words = text.settings;
  const { at, who, via, from, what, object, result } = entry;
  const detail = detailOf(entry, reader);
  return (
    <tr>
      <th scope="row">
        <Foreign>{who}</Foreign>{' '}
        <span class="names">
          {wordOf(words.via, via) ?? via} {from ? <Foreign>{from}</Foreign> : null}
        </span>
      </th>
      <td data-label={words.what}>{wordOf(words.acts, what) ?? <Foreign as="code">{what}</Foreign>}</td>
      <td data-label={words.object} class="wrap">
        <Foreign>{object}</Foreign>{' '}
        {detail !== '' ? (
          <span class="names">
            <Foreign>{detail}</Foreign>
          </span>
        ) : null}
      </td>
      <td data-label={words.result} class="wrap">
        {result === 'done' ? (
          words.results.done
        ) : (
          <Badge look="bad">{wordOf(words.results, result) ?? <Foreign>{result}</Foreign>}</Badge>
        )}
      </td>
      <td data-label={words.at}>
        <When reader={reader} at={at} form="exact" />
      </td>
    </tr>
  );
};

/** A notifier that alarms are sent to. */
export interface Notifier {
  readonly name: string;
  readonly type: string;
}

export const Notifiers: FC<
  Made & {
    readonly notifiers: readonly Notifier[];
    readonly mayTest: boolean;
    readonly refused?: { readonly name: string; readonly message: string; readonly hint: string } | undefined;
  }
> = ({ reader, notifiers, mayTest, refused }) => {
  const { text, csrf } = reader;
  const words = text.settings;
  if (notifiers.length === 0)
    return (
      <Panel id="notifiers" title={words.alarms}>
        <p>{words.noNotifiers}</p>
        {mayTest ? (
          <p>
            <a class="button" href={newPath('alarms')}>
              {text.connections.add.alarms}
            </a>
          </p>
        ) : null}
      </Panel>
    );
  return (
    <Panel id="notifiers" title={words.alarms}>
      <p class="muted">{words.alarmsText}</p>
      <ul class="rows">
        {notifiers.map(({ name, type }) => (
          <li>
            <div class="row-head">
              <strong>
                <Foreign>{name}</Foreign>
              </strong>
              <span class="muted">{type}</span>
            </div>
            {mayTest ? (
              <form method="post" action={`/settings/alarms/${encodeURIComponent(name)}/test`} class="row-foot">
                <input type="hidden" name="csrf" value={csrf} />
                <button type="submit" aria-label={words.testOf(name)}>
                  {words.test}
                </button>
              </form>
            ) : null}
            {refused?.name === name ? (
              <div class="problem" role="alert">
                <p>
                  <Told>{refused.message}</Told>
                </p>
                <p class="hint">
                  <Told>{refused.hint}</Told>
                </p>
              </div>
            ) : null}
          </li>
        ))}
      </ul>
    </Panel>
  );
};

export const Configuration: FC<Made & { readonly shown: ShownSettings }> = ({ reader: { text }, shown }) => {
  const words = text.settings;
  return (
    <>
      <p class="muted">{words.configurationText}</p>
      <p>
        {words.certificates(shown.certificates)} <a href="/certificates">{words.certificatesLink}</a>
      </p>
      {shown.parts.map(({ path, options }, index) => (
        <Panel id={`part-${index}`} title={path}>
          <dl class="small">
            {options.map(({ name, value }) => (
              <div>
                <dt>
                  <code>{name}</code>
                </dt>
                <dd>
                  {value === undefined ? (
                    <span class="muted">{words.hidden}</span>
                  ) : (
                    <Foreign as="code">{value}</Foreign>
                  )}
                </dd>
              </div>
            ))}
          </dl>
        </Panel>
      ))}
    </>
  );
};
