import type { FC } from 'hono/jsx';
import type { Alarm } from '../../core/alarm/alarm.ts';
import { sayAlarm } from '../../core/alarm/alarm-wording.ts';
import { needsPerson } from '../../core/plan/status.ts';
import type { LimitsGlance } from '../../fleet/limits.ts';
import type { Choices } from '../../fleet/web/declarations.ts';
import type { CertificateRow, Overview } from '../../fleet/web/view.ts';
import type { OpenAlarms } from '../../fleet.ts';
import { FirstSteps } from '../first-steps.tsx';
import { Zone } from '../layout.tsx';
import { Act, Empty, type Made, Panel, pathOf, type State, StateBadge, Told } from '../parts.tsx';
import { StepMeter } from '../steps.tsx';
import { Alarms } from './alarms.tsx';
import { Limits } from './limits.tsx';
import { Nodes } from './nodes.tsx';
import { Strip } from './strip.tsx';

/** What the overview shows. What needs the store may be missing. */
export interface OverviewData {
  readonly overview: Overview;
  readonly alarms: OpenAlarms | undefined;
  readonly limits: readonly LimitsGlance[] | undefined;
  readonly choices: Choices;
}

/** Everything at a glance: first what needs a person. */
export const OverviewPage: FC<Made & OverviewData> = ({ reader, overview, alarms, limits, choices }) => {
  const { text } = reader;
  const { total, troubled } = overview;
  return (
    <div id="live" data-live="" hx-get={reader.here} hx-trigger="fleet" hx-select="#live" hx-swap="outerMorph">
      <Headline reader={reader} overview={overview} alarms={alarms} />
      {total === 0 ? <FirstSteps reader={reader} choices={choices} /> : <States reader={reader} overview={overview} />}
      <div class="columns">
        <div>
          {troubled.length > 0 ? <Troubled reader={reader} overview={overview} alarms={alarms} /> : null}
          <Running reader={reader} overview={overview} />
          <Panel id="planned" title={text.planned.title}>
            <Strip reader={reader} days={overview.days} />
          </Panel>
        </div>
        <div>
          <Alarms reader={reader} alarms={alarms} shown={new Set(troubled.map(({ name }) => name))} />
          <Nodes reader={reader} nodes={overview.nodes} here={overview.node} />
          <Limits reader={reader} limits={limits} />
        </div>
      </div>
      <Zone reader={reader} />
    </div>
  );
};

const Headline: FC<Made & Pick<OverviewData, 'overview' | 'alarms'>> = ({ reader: { text }, overview, alarms }) => {
  const { total, byState } = overview;
  const need = countNeedy(overview);
  const open = alarms ? alarms.open.length + alarms.more : 0;
  const look = total === 0 ? 'off' : need > 0 ? 'bad' : open > 0 ? 'soon' : 'good';
  const words =
    total === 0
      ? text.all.none
      : need > 0
        ? text.all.need(need, total)
        : byState.valid === total
          ? text.all.well(total)
          : text.all.resting(total);
  return (
    <div class={`headline ${look}`}>
      <h1>{words}</h1>
      {open > 0 ? (
        <p>
          <a href="#alarms">{text.all.alarms(open)}</a>
        </p>
      ) : null}
    </div>
  );
};

const countNeedy = ({ byState }: Overview): number => needsPerson.reduce((sum, state) => sum + byState[state], 0);

/** In the order of how much they matter. */
const stateOrder: readonly State[] = [
  'expired',
  'failing',
  'corrupt',
  'revoked',
  'pending',
  'interrupted',
  'missing',
  'due',
  'paused',
  'working',
  'valid',
  'undeclared',
  'test',
];

const States: FC<Made & Pick<OverviewData, 'overview'>> = ({ reader, overview: { byState } }) => (
  <ul class="states">
    {stateOrder
      .filter((state) => byState[state] > 0)
      .map((state) => (
        <li>
          <a href={`/certificates?state=${state}`}>
            <StateBadge reader={reader} state={state} /> <b>{byState[state]}</b>
          </a>
        </li>
      ))}
  </ul>
);

/** What helps a certificate in a state, as a button. */
const helpOf = (reader: Made['reader'], { state }: CertificateRow) => {
  const { actions } = reader.text;
  if (state === 'pending') return { action: 'redeploy', label: actions.redeploy } as const;
  if (state === 'missing') return { action: 'renew', label: actions.issue } as const;
  if (state === 'interrupted') return { action: 'renew', label: actions.continue } as const;
  if (state === 'failing' || state === 'expired') return { action: 'renew', label: actions.retry } as const;
  return undefined;
};

const Troubled: FC<Made & Pick<OverviewData, 'overview' | 'alarms'>> = ({ reader, overview, alarms }) => {
  const { text, mayAct } = reader;
  const { troubled } = overview;
  const said = new Map<string, Alarm>(
    [...(alarms?.open ?? [])].reverse().flatMap((one) => (one.certificate ? [[one.certificate, one] as const] : [])),
  );
  const more = countNeedy(overview) - troubled.length;
  return (
    <Panel id="needs" title={text.needs.title}>
      <ul class="rows">
        {troubled.map((row) => {
          const help = helpOf(reader, row);
          const alarm = said.get(row.name);
          const told = alarm && sayAlarm(alarm, reader.language);
          return (
            <li id={`need-${row.name}`}>
              <div class="row-head">
                <StateBadge reader={reader} state={row.state} />
                <a class="name" href={pathOf(row.name)}>
                  {row.name}
                </a>
                {row.notAfter ? (
                  <span class="muted">
                    <time datetime={row.notAfter} title={reader.times.exact(row.notAfter)}>
                      {text.certificate.expiry(reader.times.distance(row.notAfter), reader.times.isPast(row.notAfter))}
                    </time>
                  </span>
                ) : null}
              </div>
              <p class="why">
                <Told>{told?.message ?? text.stateSentence[row.state]}</Told>
                {!told && row.failure ? (
                  <>
                    {' '}
                    <code>{row.failure.code}</code>
                  </>
                ) : null}
              </p>
              {told?.hint ? (
                <p class="hint">
                  <Told>{told.hint}</Told>
                </p>
              ) : null}
              <div class="row-foot">
                {help && mayAct ? (
                  <Act
                    reader={reader}
                    to={pathOf(row.name, help.action)}
                    fields={{ ifRevision: row.revision }}
                    label={`${help.label}: ${row.name}`}
                  >
                    {help.label}
                  </Act>
                ) : null}
                {row.failure ? (
                  <span class="muted">{text.needs.retry(reader.times.distance(row.failure.retryAt))}</span>
                ) : null}
              </div>
            </li>
          );
        })}
      </ul>
      {more > 0 ? (
        <p>
          <a href="/certificates?sort=expiry">{text.needs.more(more)}</a>
        </p>
      ) : null}
    </Panel>
  );
};

const Running: FC<Made & Pick<OverviewData, 'overview'>> = ({ reader, overview: { running } }) => {
  const { text } = reader;
  return (
    <Panel id="running" title={text.running.title}>
      {running.length === 0 ? (
        <Empty>{text.running.none}</Empty>
      ) : (
        <ul class="rows tight">
          {running.map((row) => (
            <li id={`run-${row.name}`}>
              <a class="name" href={pathOf(row.name)}>
                {row.name}
              </a>
              <StepMeter reader={reader} step={row.step} />
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
};
