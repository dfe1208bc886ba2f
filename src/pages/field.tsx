import type { Child, FC } from 'hono/jsx';

interface FieldOptions {
  readonly name: string;
  readonly label: string;
  readonly type: 'text' | 'password';
  readonly autocomplete: string;
  readonly value?: string | undefined;
  /** What to type. */
  readonly hint?: string | undefined;
  readonly problem?: string | undefined;
  readonly autofocus?: boolean;
  readonly required?: boolean;
  readonly maxlength?: number;
}

/** A field with what is wrong with it beside it. */
export const Field: FC<FieldOptions> = ({ name, label, hint, problem, required = true, ...input }) => (
  <p class="field">
    <label for={name}>{label}</label>
    <input
      id={name}
      name={name}
      {...input}
      autocapitalize="none"
      spellcheck={false}
      required={required}
      aria-invalid={problem ? 'true' : undefined}
      aria-describedby={describedBy(name, hint, problem)}
    />
    <Beside name={name} hint={hint} problem={problem} />
  </p>
);

/** A field with a choice. */
export const Choice: FC<{
  readonly name: string;
  readonly label: string;
  readonly value: string;
  readonly options: readonly (readonly [value: string, label: string])[];
  readonly hint?: string | undefined;
  readonly problem?: string | undefined;
}> = ({ name, label, value, options, hint, problem }) => (
  <p class="field">
    <label for={name}>{label}</label>
    <select
      id={name}
      name={name}
      aria-invalid={problem ? 'true' : undefined}
      aria-describedby={describedBy(name, hint, problem)}
    >
      <Options value={value} options={options} />
    </select>
    <Beside name={name} hint={hint} problem={problem} />
  </p>
);

export const Options: FC<{
  readonly value: string;
  readonly options: readonly (readonly [value: string, label: string])[];
}> = ({ value, options }) => (
  <>
    {options.map(([one, label]) => (
      <option value={one} selected={one === value}>
        {label}
      </option>
    ))}
  </>
);

const describedBy = (name: string, hint: string | undefined, problem: string | undefined): string | undefined =>
  [hint && `${name}-hint`, problem && `${name}-problem`].filter(Boolean).join(' ') || undefined;

const Beside: FC<{ readonly name: string; readonly hint?: string | undefined; readonly problem?: Child }> = ({
  name,
  hint,
  problem,
}) => (
  <>
    {hint ? (
      <span id={`${name}-hint`} class="field-hint">
        {hint}
      </span>
    ) : null}
    {problem ? (
      <span id={`${name}-problem`} class="problem" role="alert">
        {problem}
      </span>
    ) : null}
  </>
);
