import type { Child, FC } from 'hono/jsx';
import type { KnownIssuer } from '../../core/ca/known-issuers.ts';
import type { ConnectionField, ConnectionType } from '../../core/spec/connection.ts';
import type { WrongFields } from '../../fleet/web/declarations.ts';
import { Area, Box, Buttons, Choice, Field, problemsOf } from '../field.tsx';
import { Notice } from '../layout.tsx';
import { Foreign, type Made, Told } from '../parts.tsx';
import type { Reader } from '../reader.ts';
import { adapterText } from '../text/adapters.ts';
import { newPath } from './paths.ts';
import { inputName, removalName, type Seen, type Typed } from './typed.ts';

/** The form of a connection, drawn from the options of its adapter. */
export interface ConnectionForm {
  readonly kind: ConnectionType;
  readonly typed: Typed;
  /** By the names of the options; `name` is the connection’s own, and '' of none. */
  readonly wrong?: WrongFields | undefined;
  /** Whether the store has a key. */
  readonly takesSecrets: boolean;
  /** The secrets that are stored. */
  readonly kept?: readonly string[];
  /** What its address fixes, so that it is not asked for. */
  readonly fixed?: Readonly<Record<string, string | undefined>>;
  /** The CA that it is, if that is a well-known one. */
  readonly ca?: KnownIssuer | undefined;
  /** The one that the reader saw, if it is changed; empty if someone has removed it since. */
  readonly revision?: string | undefined;
  /** What it said when the reader saw it. */
  readonly seen?: Seen | undefined;
  /** Above the fields. */
  readonly children?: Child;
  readonly action: string;
  readonly back: string;
}

export const Form: FC<Made & ConnectionForm> = (props) => {
  const { reader, kind, typed, wrong = {}, revision, seen, kept = [], fixed = {}, ca, takesSecrets } = props;
  const { action, back, children } = props;
  const { text, csrf } = reader;
  const words = text.connections;
  const shown = kind.fields.filter(({ name }) => fixed[name] === undefined);
  const problems = problemsOf(wrong, ['name', ...shown.map(({ name }) => name)], reader.language);
  const isHidden = (field: ConnectionField) => isRare(kind, field) && !(ca?.needsAccountBinding && isOfAccount(field));
  const first = shown.filter((field) => !isHidden(field)).sort(termsFirst);
  const rest = shown.filter(isHidden);
  const isOpen = rest.some(({ name }) => problems[name]?.length || typed.values[name]);
  const inputs = (fields: readonly ConnectionField[]) =>
    fields.map((field) => <Option {...props} {...{ field, problem: problems[field.name], kept }} />);
  const hasSecrets = shown.some(({ isSecret }) => isSecret);
  return (
    // Without autocomplete="off", which would keep a browser from restoring what was typed when it goes back here.
    <form method="post" action={action} class="narrow" novalidate>
      <input type="hidden" name="csrf" value={csrf} />
      {revision === undefined ? null : <input type="hidden" name="ifRevision" value={revision} />}
      {seen === undefined ? null : <input type="hidden" name="seen" value={JSON.stringify(seen)} />}
      {children}
      {Object.keys(wrong).length > 0 ? (
        <Notice kind="refused">
          <p>{hasSecrets ? words.typeAgain : words.fix}</p>
          {problems['']?.map((message) => (
            <p>
              <Told>{message}</Told>
            </p>
          ))}
        </Notice>
      ) : null}
      {hasSecrets && !takesSecrets ? (
        <p class="problem">
          <Told>{words.noKey}</Told>
        </p>
      ) : null}
      {revision === undefined ? (
        <Field
          name="name"
          label={words.name}
          type="text"
          value={typed.name}
          hint={words.nameHint}
          problem={problems['name']}
        />
      ) : null}
      {ca?.accountBinding === undefined ? null : (
        <p class="hint">
          {words.boundText} <ByAdapter reader={reader}>{ca.accountBinding}</ByAdapter>
        </p>
      )}
      {inputs(first)}
      {kept.length > 0 ? <p class="field-hint">{words.forget}</p> : null}
      {rest.length > 0 ? (
        <details open={isOpen}>
          <summary>{words.more}</summary>
          {inputs(rest)}
        </details>
      ) : null}
      <Buttons text={text} label={words.save} back={back} />
    </form>
  );
};

const termsFirst = (a: ConnectionField, b: ConnectionField): number =>
  Number(b.name === 'agreeToTerms') - Number(a.name === 'agreeToTerms');

/** What a person hardly ever sets. */
const isRare = ({ section, provider }: ConnectionType, field: ConnectionField): boolean => {
  if (field.isRequired) return false;
  if (section === 'issuers') return !['agreeToTerms', 'email'].includes(field.name);
  // What is not the provider's own.
  if (provider !== undefined && !field.name.startsWith('options.')) return true;
  return !field.isSecret && (field.default !== undefined || field.isEndpoint || field.takes === 'boolean');
};

/** What a CA gives to its customers. */
const isOfAccount = ({ name }: ConnectionField): boolean => name === 'eab.kid' || name === 'eab.hmacKey';

/** The options whose values may have several lines. */
const hasLines = new Set(['accounts', 'privateKey', 'secretHeaders']);

const Option: FC<
  Made &
    ConnectionForm & {
      readonly field: ConnectionField;
      readonly problem: readonly string[] | undefined;
      readonly kept: readonly string[];
    }
> = ({ reader, kind, typed, ca, field, problem, kept }) => {
  const { connections: words } = reader.text;
  const { takes, isRequired, isSecret, choices = [], default: usual } = field;
  const value = isSecret ? '' : (typed.values[field.name] ?? '');
  const isKept = kept.includes(field.name);
  const required = isRequired && !isKept;
  const title = titleOf(reader, kind, field);
  const control = { name: inputName(field.name), problem, hint: hintOf(reader, field, isKept) };
  if (kind.section === 'issuers' && field.name === 'agreeToTerms')
    return <Box {...control} label={words.agree} hint={termsHint(reader, ca?.terms)} isChecked={value === 'true'} />;
  if (takes === 'boolean') return <Box {...control} label={title} isChecked={value === 'true'} />;
  const label =
    required || isKept ? (
      title
    ) : (
      <>
        {title} <span class="muted">{reader.text.inBrackets(words.optional)}</span>
      </>
    );
  const isLong = hasLines.has(field.name.replace(/^options\./, ''));
  if (takes === 'list' || takes === 'map' || takes === 'json' || isLong)
    return <Area {...{ ...control, label, value }} rows={2} />;
  if (takes === 'choice') {
    const none = ['', usual === undefined ? words.unset : words.byDefault(usual)] as const;
    const all = choices.filter((one) => one !== usual).map((one) => [one, one] as const);
    const isOpen = !required || usual !== undefined;
    return <Choice {...{ ...control, label, value }} options={isOpen || all.length !== 1 ? [none, ...all] : all} />;
  }
  const input = (
    <Field
      {...{ ...control, label, value, required }}
      type={isSecret ? 'password' : 'text'}
      autocomplete={isSecret ? 'new-password' : undefined}
      inputmode={takes === 'number' ? 'numeric' : undefined}
      placeholder={usual}
      usual={choices}
    />
  );
  if (!isKept || isRequired) return input;
  const isRemoved = typed.removed.includes(field.name);
  return (
    <>
      {input}
      <Box name={removalName(field.name)} label={words.forgetSecret} isChecked={isRemoved} />
    </>
  );
};

/** Returns the title of an option. */
export function titleOf(reader: Reader, { section }: ConnectionType, { name, title }: ConnectionField): Child {
  if (section === 'issuers' && (name === 'email' || name === 'directory')) return reader.text.connections[name];
  return <ByAdapter reader={reader}>{title}</ByAdapter>;
}

/** What an adapter says of itself. */
const ByAdapter: FC<Made & { readonly children: string }> = ({ reader: { language }, children }) => {
  const own = adapterText(children, language);
  return own === undefined ? (
    <span lang="en">
      <Told>{children}</Told>
    </span>
  ) : (
    <Told>{own}</Told>
  );
};

function hintOf(
  reader: Reader,
  { name, description, example, takes, choices }: ConnectionField,
  isKept: boolean,
): Child {
  const words = reader.text.connections;
  if (name === 'balancer' && choices?.length === 0) return <a href={newPath('balancers')}>{words.noBalancer}</a>;
  const parts: readonly Child[] = [
    ...(isKept ? [words.kept] : []),
    ...(takes === 'list' ? [words.oneEach] : []),
    ...(takes === 'map' ? [words.mapLines] : []),
    ...(description ? [<ByAdapter reader={reader}>{description}</ByAdapter>] : []),
    ...(example ? [<Foreign>{words.example(example)}</Foreign>] : []),
  ];
  return parts.length === 0 ? undefined : parts.map((one) => [one, ' ']);
}

const termsHint = ({ text }: Reader, terms: string | undefined): Child =>
  terms === undefined ? (
    text.connections.termsOfCa
  ) : (
    <>
      {text.connections.terms}
      {text.colon}
      <a href={terms} rel="noreferrer" target="_blank">
        {terms}
      </a>
    </>
  );
