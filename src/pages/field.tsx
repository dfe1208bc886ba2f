import type { Child, FC } from 'hono/jsx';
import { type Role, roles } from '../core/access/role.ts';
import type { Text } from './text/text.ts';

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

/** Sends a form, or leads back. */
export const Buttons: FC<{
  readonly text: Text;
  readonly label: string;
  readonly back: string;
  readonly isDangerous?: boolean;
}> = ({ text, label, back, isDangerous = false }) => (
  <div class="buttons">
    <button type="submit" class={isDangerous ? 'danger' : 'main'}>
      {label}
    </button>
    <a class="button plain" href={back}>
      {text.actions.back}
    </a>
  </div>
);

/** The name and the role of someone or something new. */
export const NameAndRole: FC<{
  readonly text: Text;
  readonly form: { readonly name: string; readonly role: Role; readonly problems: { readonly name?: string } };
}> = ({ text: { settings: words }, form }) => (
  <>
    <Field
      name="name"
      label={words.name}
      type="text"
      autocomplete="off"
      value={form.name}
      hint={words.nameHint}
      problem={form.problems.name}
    />
    <Choice
      name="role"
      label={words.role}
      value={form.role}
      options={roles.map((role) => [role, words.roleHints[role]])}
    />
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
