import type { Child, FC } from 'hono/jsx';
import { cut } from '../../core/errors/remote-text.ts';
import { inLanguage, type Language } from '../../core/errors/wording.ts';
import type { Fields } from '../../core/text/json.ts';
import { present } from '../../core/text/present.ts';
import type { DeclarationCheck } from '../../fleet/web/checks.ts';
import type { Choices, WrongFields } from '../../fleet/web/declarations.ts';
import { Area, Boxes, Buttons, Choice, Field, OtherProblems, problemsOf } from '../field.tsx';
import type { Made } from '../parts.tsx';
import { showRefused } from '../refused.tsx';
import { Check, checkId, foundId } from './check.tsx';

/** What was typed and chosen, as it is shown again. */
export interface Typed {
  readonly names: string;
  readonly name: string;
  readonly solver: string;
  readonly issuer: string;
  readonly deploy: readonly string[];
  readonly endpoints: string;
}

export const nothingTyped: Typed = { names: '', name: '', solver: '', issuer: '', deploy: [], endpoints: '' };

export function typedIn(form: Readonly<Record<string, unknown>>): Typed {
  const textOf = (field: string) => (typeof form[field] === 'string' ? form[field] : '');
  const deploy = [form['deploy'] ?? []].flat().filter((one) => typeof one === 'string');
  return {
    ...{ names: textOf('names'), name: textOf('name').trim(), deploy },
    ...{ solver: textOf('solver'), issuer: textOf('issuer'), endpoints: textOf('endpoints') },
  };
}

/** Between names, there may be what separates a list in English or Chinese. */
const wordsIn = (text: string): readonly string[] => text.split(/[\s,;，、；]+/).filter((one) => one !== '');
export const namesIn = ({ names }: Typed): readonly string[] => wordsIn(names);
export const endpointsIn = ({ endpoints }: Typed): readonly string[] => wordsIn(endpoints);

/** An identifier of a declaration may say its own solver. */
const nameOf = (one: unknown): string => {
  const name = typeof one === 'object' && one !== null && 'name' in one ? one.name : one;
  return typeof name === 'string' ? name : '';
};

const textsIn = (list: unknown): readonly string[] =>
  (Array.isArray(list) ? list : []).filter((one) => typeof one === 'string');

/** Returns what the form shows of a declaration. */
export function typedOf(name: string, { identifiers, solver, issuer, deploy, endpoints }: Fields): Typed {
  const textOf = (value: unknown) => (typeof value === 'string' ? value : '');
  return {
    ...{ name, solver: textOf(solver), issuer: textOf(issuer) },
    names: (Array.isArray(identifiers) ? identifiers : []).map(nameOf).join('\n'),
    deploy: textsIn(deploy),
    endpoints: textsIn(endpoints).join('\n'),
  };
}

/**
 * Returns the declaration that was typed.
 *
 * @param before the declaration that is edited: what the form has no field for stays
 */
export function certificateOf(typed: Typed, before: Fields = {}): Fields {
  const { solver, issuer, deploy } = typed;
  const { identifiers, solver: _solver, issuer: _issuer, deploy: _deploy, endpoints: _endpoints, ...others } = before;
  const endpoints = endpointsIn(typed);
  const earlier = new Map((Array.isArray(identifiers) ? identifiers : []).map((one) => [nameOf(one), one as never]));
  return {
    ...others,
    identifiers: namesIn(typed).map((name) => earlier.get(name) ?? name),
    deploy: [...deploy],
    ...present({ solver: solver || undefined, issuer: issuer || undefined }),
    ...present({ endpoints: endpoints.length > 0 ? endpoints : undefined }),
  };
}

/** What must be chosen and is not. */
export const leftOut = (
  { text: { declare: words } }: Made['reader'],
  { solvers, issuers }: Choices,
  typed: Typed,
): WrongFields =>
  present({
    identifiers: namesIn(typed).length === 0 ? words.noNames : undefined,
    solver: solvers.length > 1 && !typed.solver ? words.choose : undefined,
    issuer: issuers.length > 1 && !typed.issuer ? words.choose : undefined,
  });

const mostShown = 100;
const fields = ['identifiers', 'name', 'solver', 'issuer', 'deploy', 'endpoints'] as const;

/** Says which of the endpoints is wrong. */
const ofEntries = (wrong: WrongFields, typed: Typed, language: Language): WrongFields =>
  Object.fromEntries(
    Object.entries(wrong).map(([path, message]) => {
      const [, at] = /^endpoints\.(\d+)$/.exec(path) ?? [];
      const entry = at === undefined ? undefined : endpointsIn(typed)[Number(at)];
      return [path, entry === undefined ? message : `${cut(entry, mostShown)}: ${inLanguage(message, language)}`];
    }),
  );

/** The form in which a certificate is declared, with what its order would meet beside it. */
export const DeclareForm: FC<
  Made & {
    readonly title: string;
    readonly intro: string;
    readonly button: string;
    /** Where it is sent; its check is at `…/check`. */
    readonly action: string;
    readonly back: string;
    readonly choices: Choices;
    readonly typed: Typed;
    readonly wrong: WrongFields;
    readonly check: DeclarationCheck | undefined;
    /** Whether the name is given. */
    readonly isNamed?: boolean;
    readonly hidden?: Readonly<Record<string, string>>;
    /** Above the fields. */
    readonly children?: Child;
  }
> = ({ reader, title, intro, button, action, back, choices, typed, wrong, check, isNamed, hidden = {}, children }) => {
  const { text, csrf } = reader;
  const words = text.declare;
  const problems = problemsOf(ofEntries(wrong, typed, reader.language), fields, reader.language);
  const live = {
    'hx-post': `${action}/check`,
    'hx-target': `#${checkId}`,
    'hx-select': `#${checkId}`,
    'hx-swap': 'outerMorph',
    // What is too large, or sent after a log-out, is refused before it is looked at.
    'hx-status:413': `${showRefused} target:#${foundId} swap:innerHTML`,
    'hx-status:401': `${showRefused} target:#${foundId} swap:innerHTML`,
  };
  return (
    <div class="declare">
      <h1>{title}</h1>
      <p class="muted">{intro}</p>
      {children}
      {/* What is typed is looked at after a pause with scripts, and with the button without. */}
      <form
        method="post"
        action={action}
        novalidate
        class="declare-form"
        {...live}
        hx-trigger={`${typed.names === '' || check ? '' : 'load, '}input delay:700ms`}
        hx-sync="this:replace"
      >
        <div class="narrow">
          <input type="hidden" name="csrf" value={csrf} />
          {Object.entries(hidden).map(([name, value]) => (
            <input type="hidden" name={name} value={value} />
          ))}
          <OtherProblems problem={problems['']} />
          <Area
            name="names"
            label={words.names}
            hint={words.namesHint}
            problem={problems['identifiers']}
            value={typed.names}
            rows={3}
          />
          {isNamed ? (
            <OtherProblems problem={problems['name']} />
          ) : (
            <Field
              name="name"
              label={words.name}
              type="text"
              autocomplete="off"
              hint={words.nameHint}
              problem={problems['name']}
              value={typed.name}
              required={false}
            />
          )}
          <Choice
            name="solver"
            label={words.proof}
            hint={words.proofHint}
            problem={problems['solver']}
            value={typed.solver}
            options={oneOf(choices.solvers, typed.solver)}
          />
          <Boxes
            name="deploy"
            label={words.targets}
            hint={choices.deployers.length === 0 ? words.noTargets : undefined}
            problem={problems['deploy']}
            values={typed.deploy}
            options={[...new Set([...choices.deployers, ...typed.deploy])].map((one) => [one, one])}
          />
          <Area
            name="endpoints"
            label={words.endpoints}
            hint={words.endpointsHint}
            problem={problems['endpoints']}
            value={typed.endpoints}
            rows={2}
          />
          <Choice
            name="issuer"
            label={words.issuer}
            hint={words.issuerHint}
            problem={problems['issuer']}
            value={typed.issuer}
            options={oneOf(choices.issuers, typed.issuer)}
          />
          <Buttons text={text} label={button} back={back}>
            <button type="submit" formaction={`${action}/check`} {...live} hx-indicator="closest form">
              {text.check.button}
            </button>
          </Buttons>
        </div>
        <Check reader={reader} check={check} />
      </form>
    </div>
  );
};

/** The only one is chosen. What a declaration names stays, even if it is no longer there. */
const oneOf = (all: readonly string[], chosen: string) => [
  ...(all.length === 1 && (chosen === '' || chosen === all[0]) ? [] : [['', ''] as const]),
  ...[...new Set([...all, ...(chosen === '' ? [] : [chosen])])].map((one) => [one, one] as const),
];
