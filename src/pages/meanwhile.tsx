import type { Child, FC } from 'hono/jsx';
import { type Fields, isFields, parseJson } from '../core/text/json.ts';
import { Notice } from './layout.tsx';
import { Foreign, type Made, When } from './parts.tsx';

/** A field as someone saw it in a form, and as it is now. */
export interface Change {
  readonly label: Child;
  readonly before: readonly string[];
  readonly now: readonly string[];
}

/** Says who has changed what a form is about since it was opened, and how; or that it is gone. */
export const Meanwhile: FC<
  Made & {
    readonly now: { readonly by?: string; readonly at?: string } | undefined;
    readonly fields: readonly Change[];
    /** What is said if none of the fields has changed. */
    readonly others: string;
    /** What is said of what was typed and is not below. */
    readonly lost?: string | undefined;
  }
> = ({ reader, now, fields, others, lost }) => {
  const { edit: words } = reader.text;
  if (!now)
    return (
      <Notice kind="refused">
        <p>{words.gone}</p>
        <p class="hint">{words.goneHint}</p>
        {lost === undefined ? null : <p>{lost}</p>}
      </Notice>
    );
  const changes = fields
    .map(({ label, before, now: after }) => ({
      label,
      added: after.filter((value) => !before.includes(value)),
      removed: before.filter((value) => !after.includes(value)),
    }))
    .filter(({ added, removed }) => added.length + removed.length > 0);
  return (
    <Notice kind="refused">
      <p>
        <Foreign>{words.changed(now.by ?? '?')}</Foreign>{' '}
        {now.at ? <When reader={reader} at={now.at} form="distance" /> : null}
      </p>
      <ul class="plain-list" id="meanwhile">
        {changes.map(({ label, added, removed }) => (
          <li>
            {label}:{' '}
            {removed.map((value) => (
              <>
                <del>
                  <Foreign>{value}</Foreign>
                </del>{' '}
              </>
            ))}
            {added.map((value) => (
              <>
                <ins>
                  <Foreign>{value}</Foreign>
                </ins>{' '}
              </>
            ))}
          </li>
        ))}
        {changes.length === 0 ? <li>{others}</li> : null}
      </ul>
      <p class="hint">{words.changedHint}</p>
      {lost === undefined ? null : <p>{lost}</p>}
    </Notice>
  );
};

/** Reads what a form says that its reader saw. It is only shown, so a form that is not ours shows what it says. */
export function seenIn(text: unknown): Fields {
  try {
    const found = typeof text === 'string' ? parseJson(text) : undefined;
    return isFields(found) ? found : {};
  } catch {
    return {};
  }
}
