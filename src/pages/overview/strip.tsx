import type { FC } from 'hono/jsx';
import type { Overview } from '../../fleet/web/view.ts';
import type { Made } from '../parts.tsx';

/** How many days are drawn. More would be too narrow to tell apart on a telephone. */
const mostDays = 60;
const [barWidth, height] = [10, 48];

/** The planned renewals, a bar a day, drawn here; the table below has the same in words. */
export const Strip: FC<Made & { readonly days: Overview['days'] }> = ({ reader, days: all }) => {
  const { text, times } = reader;
  const days = all.slice(0, mostDays);
  const most = Math.max(1, ...days.map(({ renewals }) => renewals));
  const total = days.reduce((sum, { renewals }) => sum + renewals, 0);
  const peak = days.find(({ renewals }) => renewals === most);
  const summary = [
    text.planned.summary(total, days.length),
    ...(peak && most > 1 ? [text.planned.most(most, times.utcDay(peak.date))] : []),
  ].join(text.planned.join);
  const last = days.at(-1);
  return (
    <>
      <p>{summary}</p>
      <svg
        class="strip"
        viewBox={`0 0 ${Math.max(1, days.length) * barWidth} ${height}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={summary}
      >
        {days.map(({ date, renewals }, at) => {
          const bar = renewals === 0 ? 1 : Math.max(4, Math.round((renewals / most) * height));
          return (
            <g>
              <title>{text.planned.onDay(times.utcDay(date), renewals)}</title>
              <rect class="day" x={at * barWidth} y={0} width={barWidth} height={height} />
              <rect
                class={renewals === 0 ? 'idle' : 'bar'}
                x={at * barWidth + 1}
                y={height - bar}
                width={barWidth - 2}
                height={bar}
              />
            </g>
          );
        })}
      </svg>
      <div class="strip-ends" aria-hidden="true">
        <span>{text.planned.today}</span>
        {last ? <span>{times.utcDay(last.date)}</span> : null}
      </div>
      {total > 0 ? (
        <details>
          <summary>{text.planned.table}</summary>
          <table class="small">
            <thead>
              <tr>
                <th scope="col">{text.planned.day}</th>
                <th scope="col">{text.planned.renewals}</th>
              </tr>
            </thead>
            <tbody>
              {days
                .filter(({ renewals }) => renewals > 0)
                .map(({ date, renewals }) => (
                  <tr>
                    <th scope="row">{times.utcDay(date)}</th>
                    <td>{renewals}</td>
                  </tr>
                ))}
            </tbody>
          </table>
        </details>
      ) : null}
    </>
  );
};
