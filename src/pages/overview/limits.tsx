import type { FC } from 'hono/jsx';
import type { LimitsGlance } from '../../fleet/limits.ts';
import { Empty, Foreign, type Made, Panel } from '../parts.tsx';

/** How many of a CA's limits are shown: those of which least is left. */
const mostLimits = 5;

/** What is left of the limits of each CA. */
export const Limits: FC<Made & { readonly limits: readonly LimitsGlance[] | undefined }> = ({ reader, limits }) => {
  const { text } = reader;
  const shown = limits?.filter(({ buckets, isKnown }) => !isKnown || buckets.length > 0) ?? [];
  return (
    <Panel id="limits" title={text.limits.title}>
      {!limits ? (
        <p class="why">{text.limits.unread}</p>
      ) : shown.length === 0 ? (
        <Empty>{text.limits.none}</Empty>
      ) : null}
      {shown.map(({ issuers, directory, isKnown, buckets }) => {
        const used = [...buckets].sort((a, b) => a.left / a.burst - b.left / b.burst);
        return (
          <>
            <h3>
              {issuers.join(', ')} <span class="muted">{hostOf(directory)}</span>
            </h3>
            {isKnown ? null : <p class="muted">{text.limits.unknown}</p>}
            <ul class="rows tight">
              {used.slice(0, mostLimits).map(({ limit, of, left, burst, nextAt, fullAt }) => (
                <li>
                  <div class="row-head">
                    <span>{text.limits.titles[limit]}</span>
                    <span class="muted">{text.limits.left(left, burst)}</span>
                  </div>
                  <Level left={left} of={burst} />
                  <p class="muted">
                    {limit === 'newOrdersPerAccount' ? null : (
                      <>
                        <Foreign>{of}</Foreign>
                        {nextAt || fullAt ? ' · ' : null}
                      </>
                    )}
                    {nextAt
                      ? text.limits.next(reader.times.distance(nextAt))
                      : fullAt
                        ? text.limits.full(reader.times.distance(fullAt))
                        : null}
                  </p>
                </li>
              ))}
            </ul>
            {used.length > mostLimits ? <p class="muted">{text.limits.more(used.length - mostLimits)}</p> : null}
          </>
        );
      })}
    </Panel>
  );
};

/** How much is left. The words beside it say the same. */
const Level: FC<{ readonly left: number; readonly of: number }> = ({ left, of }) => {
  const share = of > 0 ? Math.max(0, Math.min(1, left / of)) : 0;
  return (
    <svg class="level" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true" focusable="false">
      <rect class="ground" x="0" y="0" width="100" height="4" />
      <rect
        class={share === 0 ? 'none' : share < 0.25 ? 'little' : 'much'}
        x="0"
        y="0"
        width={share * 100}
        height="4"
      />
    </svg>
  );
};

const hostOf = (url: string): string => (URL.canParse(url) ? new URL(url).host : url);
