import type { FC } from 'hono/jsx';
import { say } from '../../core/errors/wording.ts';
import type { RunEntry } from '../../core/history/run-entry.ts';
import { Badge, Empty, Foreign, type Look, type Made, Told, When } from '../parts.tsx';

const looks = { done: 'good', pending: 'soon', failed: 'bad', stopped: 'off' } as const satisfies Record<
  RunEntry['result'],
  Look
>;

/** What the last runs did, the latest first. */
export const Runs: FC<Made & { readonly runs: readonly RunEntry[] }> = ({ reader, runs }) =>
  runs.length === 0 ? (
    <Empty>{reader.text.certificate.noHistory}</Empty>
  ) : (
    <ol class="rows runs">
      {runs.map((run) => (
        <li id={`run-${run.id}`}>
          <Run reader={reader} run={run} />
        </li>
      ))}
    </ol>
  );

const Run: FC<Made & { readonly run: RunEntry }> = ({ reader, run }) => {
  const { text, language } = reader;
  const t = text.run;
  const { result, did, startedAt, endedAt, ms, trigger, node, forced, count, continued, caSays, version } = run;
  const told = run.code !== undefined || run.message !== undefined ? say(run, language) : undefined;
  const acts = did.map((one) => t.acts[one]).join(text.run.and);
  return (
    <>
      <div class="row-head">
        <Badge look={looks[result]}>{t.results[result]}</Badge>
        <strong>{acts === '' ? t.nothing : acts}</strong>
        <span class="muted">
          <When reader={reader} at={endedAt} form="distance" />
          {' · '}
          {durationText(reader, ms)}
          {count !== undefined && count > 1 ? ` · ${t.repeated(count)}` : null}
        </span>
      </div>
      {told && result !== 'done' ? (
        <p class="why">
          <Told>{told.message}</Told>
        </p>
      ) : null}
      {caSays ? (
        <figure class="says">
          <figcaption>{t.caSays}</figcaption>
          <blockquote>
            <Foreign lang="en">{caSays}</Foreign>
          </blockquote>
        </figure>
      ) : null}
      <Timings reader={reader} run={run} />
      <details>
        <summary>
          {t.on(t.triggers[trigger], node)}
          {forced ? ` · ${t.forced}` : null}
        </summary>
        <dl class="small">
          <div>
            <dt>{text.certificate.begun}</dt>
            <dd>
              <When reader={reader} at={startedAt} form="exact" />
            </dd>
          </div>
          {version ? (
            <div>
              <dt>{t.version}</dt>
              <dd>
                <code>{version}</code>
              </dd>
            </div>
          ) : null}
          {run.steps.length > 0 ? (
            <div>
              <dt>{t.steps}</dt>
              <dd>
                <ol class="plain-list">
                  {run.steps.map((step) => (
                    <li>
                      {text.steps[step.step]} <span class="muted">{durationText(reader, step.ms)}</span>
                    </li>
                  ))}
                </ol>
              </dd>
            </div>
          ) : null}
          {run.targets.length > 0 ? (
            <div>
              <dt>{t.targets}</dt>
              <dd>
                <ul class="plain-list">
                  {run.targets.map((one) => (
                    <li>
                      <span class="name">{one.target}</span> {one.node ? `(${one.node})` : null}{' '}
                      {one.result === 'delivered' ? t.has : t.lacks}
                      {one.message ? (
                        <>
                          {': '}
                          <Told>{say(one, language).message}</Told>
                        </>
                      ) : null}
                    </li>
                  ))}
                  {run.moreTargets ? <li>{t.moreTargets(run.moreTargets)}</li> : null}
                </ul>
              </dd>
            </div>
          ) : null}
          {told?.hint ? (
            <div>
              <dt>{run.code ? <code>{run.code}</code> : null}</dt>
              <dd>
                <Told>{told.hint}</Told>
              </dd>
            </div>
          ) : null}
        </dl>
        {continued ? (
          <p class="muted">
            {t.continued(reader.times.exact(continued.startedAt), text.steps[continued.step])}
            {continued.cutOff ? (
              <>
                {' '}
                (<Foreign>{continued.cutOff}</Foreign>)
              </>
            ) : null}
          </p>
        ) : null}
      </details>
    </>
  );
};

/** How long each step took, as a bar. The folded list has the same in words. */
const Timings: FC<Made & { readonly run: RunEntry }> = ({ reader, run: { steps } }) => {
  const total = steps.reduce((sum, { ms }) => sum + ms, 0);
  if (steps.length < 2 || total <= 0) return null;
  let from = 0;
  return (
    <svg class="timings" viewBox="0 0 1000 8" preserveAspectRatio="none" aria-hidden="true" focusable="false">
      {steps.map(({ step, ms }) => {
        const x = from;
        from += (ms / total) * 1000;
        return (
          <rect class={`step-${step}`} x={x} y="0" width={Math.max(2, (ms / total) * 1000 - 2)} height="8">
            <title>{`${reader.text.steps[step]}${reader.text.colon}${durationText(reader, ms)}`}</title>
          </rect>
        );
      })}
    </svg>
  );
};

/** `85 ms`, `1.9 s`, `2 min 5 s`. */
export function durationText({ text: { duration } }: Made['reader'], ms: number): string {
  if (ms < 100) return duration.ms(Math.round(ms));
  if (ms < 10_000) return duration.s((ms / 1000).toFixed(1));
  const seconds = Math.round(ms / 1000);
  return seconds < 60 ? duration.s(String(seconds)) : duration.min(Math.floor(seconds / 60), seconds % 60);
}
