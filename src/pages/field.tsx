import type { Child, FC } from 'hono/jsx';
import { type Role, roles } from '../core/access/role.ts';
import { inLanguage, type Language } from '../core/errors/wording.ts';
import { Told } from './parts.tsx';
import type { Text } from './text/text.ts';

/** What every control of a form has. */
interface ControlOptions {
  readonly name: string;
  readonly label: Child;
  /** What to type or choose. */
  readonly hint?: Child;
  /** What is wrong with what was typed: one message, or several. */
  readonly problem?: Problem;
}

type Problem = string | readonly string[] | undefined;

interface FieldOptions extends ControlOptions {
  readonly type: 'text' | 'password';
  readonly autocomplete?: string | undefined;
  readonly value?: string | undefined;
  readonly autofocus?: boolean;
  readonly required?: boolean;
  readonly maxlength?: number;
  readonly inputmode?: 'numeric' | undefined;
  readonly placeholder?: string | undefined;
  /** What is usually typed. */
  readonly usual?: readonly string[];
}

/** A field with what is wrong with it beside it. */
export const Field: FC<FieldOptions> = ({ name, label, hint, problem, required = true, usual = [], ...input }) => (
  <Labelled {...{ name, label, hint, problem }}>
    <input
      {...about(name, hint, problem)}
      {...input}
      list={usual.length > 0 ? `${name}-usual` : undefined}
      autocapitalize="none"
      spellcheck={false}
      required={required}
    />
    {usual.length > 0 ? (
      <datalist id={`${name}-usual`}>
        {usual.map((one) => (
          <option value={one} />
        ))}
      </datalist>
    ) : null}
  </Labelled>
);

/** A field of several lines. */
export const Area: FC<ControlOptions & { readonly value: string; readonly rows: number }> = ({
  value,
  rows,
  ...control
}) => (
  <Labelled {...control}>
    <textarea
      {...about(control.name, control.hint, control.problem)}
      rows={rows}
      autocapitalize="none"
      spellcheck={false}
    >
      {value}
    </textarea>
  </Labelled>
);

type Option = readonly [value: string, label: string];

/** A field with a choice. */
export const Choice: FC<ControlOptions & { readonly value: string; readonly options: readonly Option[] }> = ({
  value,
  options,
  ...control
}) => (
  <Labelled {...control}>
    <select {...about(control.name, control.hint, control.problem)}>
      <Options value={value} options={options} />
    </select>
  </Labelled>
);

/** One box, which says yes. */
export const Box: FC<ControlOptions & { readonly isChecked: boolean }> = ({
  name,
  label,
  hint,
  problem,
  isChecked,
}) => (
  <div class="field">
    <label class="choice">
      <input {...about(name, hint, problem)} type="checkbox" value="true" checked={isChecked} />
      <span>{label}</span>
    </label>
    <Beside name={name} hint={hint} problem={problem} />
  </div>
);

/** Boxes of which any number may be checked. */
export const Boxes: FC<
  ControlOptions & { readonly values: readonly string[]; readonly options: readonly Option[] }
> = ({ name, label, hint, problem, values, options }) => (
  <fieldset aria-describedby={describedBy(name, hint, problem)}>
    <legend>{label}</legend>
    {options.map(([value, said]) => (
      <label class="choice">
        <input
          type="checkbox"
          name={name}
          value={value}
          checked={values.includes(value)}
          aria-invalid={isWrong(problem) ? 'true' : undefined}
        />
        <span>{said}</span>
      </label>
    ))}
    <Beside name={name} hint={hint} problem={problem} />
  </fieldset>
);

export const Options: FC<{
  readonly value: string;
  readonly options: readonly Option[];
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
  /** Buttons between the two. */
  readonly children?: Child;
}> = ({ text, label, back, isDangerous = false, children }) => (
  <div class="buttons">
    <button type="submit" class={isDangerous ? 'danger' : 'main'}>
      {label}
    </button>
    {children}
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

/** What is wrong with no field, or with one that the form does not have. */
export const OtherProblems: FC<{ readonly problem: Problem }> = ({ problem }) => (
  <Beside name="all" problem={problem} />
);

/** Sorts what is wrong, in the reader’s language, also with an entry of a list as `names.2`, by the fields of a form; the rest is under ''. */
export function problemsOf(
  wrong: Readonly<Record<string, string>>,
  fields: readonly string[],
  language: Language,
): Readonly<Record<string, readonly string[]>> {
  const fieldOf = (path: string) => fields.find((field) => path === field || path.startsWith(`${field}.`)) ?? '';
  return Object.fromEntries(
    ['', ...fields].map((field) => [
      field,
      Object.entries(wrong).flatMap(([path, message]) =>
        fieldOf(path) === field ? [inLanguage(message, language)] : [],
      ),
    ]),
  );
}

const messagesOf = (problem: Problem): readonly string[] => [problem ?? []].flat().filter((one) => one !== '');
const isWrong = (problem: Problem): boolean => messagesOf(problem).length > 0;

const describedBy = (name: string, hint: Child, problem: Problem): string | undefined =>
  [hint ? `${name}-hint` : '', isWrong(problem) ? `${name}-problem` : ''].filter(Boolean).join(' ') || undefined;

/** Says to a screen reader what a control is, whether it is wrong, and where it is said why. */
const about = (name: string, hint: Child, problem: Problem) => ({
  id: name,
  name,
  'aria-invalid': isWrong(problem) ? ('true' as const) : undefined,
  'aria-describedby': describedBy(name, hint, problem),
});

const Labelled: FC<ControlOptions & { readonly children?: Child }> = ({ name, label, hint, problem, children }) => (
  <div class="field">
    <label for={name}>{label}</label>
    {children}
    <Beside name={name} hint={hint} problem={problem} />
  </div>
);

const Beside: FC<{ readonly name: string; readonly hint?: Child; readonly problem: Problem }> = ({
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
    {isWrong(problem) ? (
      <div id={`${name}-problem`} role="alert">
        {messagesOf(problem).map((message) => (
          <span class="problem">
            <Told>{message}</Told>
          </span>
        ))}
      </div>
    ) : null}
  </>
);
