import type { FC } from 'hono/jsx';
import { sayAlarm } from '../../core/alarm/alarm-wording.ts';
import type { Said } from '../../core/errors/wording.ts';
import type { OpenAlarms } from '../../fleet.ts';
import { Badge, Empty, type Made, Panel, pathOf, Told, When } from '../parts.tsx';

/** How many are shown; the command line and the API have all. */
const mostAlarms = 20;

const Says: FC<{ readonly told: Said }> = ({ told: { message, hint } }) => (
  <>
    <p class="why">
      <Told>{message}</Told>
    </p>
    {hint === '' ? null : (
      <p class="hint">
        <Told>{hint}</Told>
      </p>
    )}
  </>
);

/** The open alarms; those of the certificates above are not told twice. */
export const Alarms: FC<
  Made & { readonly alarms: OpenAlarms | undefined } & { readonly shown: ReadonlySet<string> }
> = ({ reader, alarms, shown }) => {
  const { text } = reader;
  return (
    <Panel id="alarms" title={text.alarms.title}>
      {!alarms ? (
        <p class="why">{text.alarms.unread}</p>
      ) : alarms.open.length === 0 ? (
        <Empty>{text.alarms.none}</Empty>
      ) : (
        <ul class="rows">
          {alarms.open.slice(0, mostAlarms).map((alarm) => (
            <li id={`alarm-${alarm.key}`}>
              <div class="row-head">
                <Badge look="bad">{text.alarms.kinds[alarm.kind]}</Badge>
                {alarm.certificate ? (
                  <a class="name" href={pathOf(alarm.certificate)}>
                    {alarm.certificate}
                  </a>
                ) : (
                  <span class="name">{alarm.node}</span>
                )}
                <span class="muted">
                  <When reader={reader} at={alarm.since} form="distance" />
                </span>
              </div>
              {alarm.certificate && shown.has(alarm.certificate) ? null : (
                <Says told={sayAlarm(alarm, reader.language)} />
              )}
              {alarm.url && /^https?:\/\//.test(alarm.url) ? (
                <p>
                  <a href={alarm.url} rel="noreferrer noopener">
                    {text.alarms.open}
                  </a>
                </p>
              ) : null}
            </li>
          ))}
        </ul>
      )}
      {alarms && alarms.more + Math.max(0, alarms.open.length - mostAlarms) > 0 ? (
        <p class="muted">{text.alarms.more(alarms.more + Math.max(0, alarms.open.length - mostAlarms))}</p>
      ) : null}
    </Panel>
  );
};
