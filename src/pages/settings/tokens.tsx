import type { FC } from 'hono/jsx';
import type { Token } from '../../access/access.ts';
import type { Role } from '../../core/access/role.ts';
import { isExpired } from '../../core/access/token.ts';
import { Choice, Field, NameAndRole } from '../field.tsx';
import { Badge, Empty, Foreign, type Made, Panel, When } from '../parts.tsx';

/** For how many days a token may be valid. */
export const expiries = ['30', '90', '365', 'never'] as const;
export type Expiry = (typeof expiries)[number];

/** What a person typed to add a token, and what is wrong with it. */
export interface TokenForm {
  readonly name: string;
  readonly role: Role;
  readonly scope: string;
  readonly expires: Expiry;
  readonly problems: Readonly<Partial<Record<'name' | 'scope', string>>>;
}

export const Tokens: FC<Made & { readonly tokens: readonly Token[]; readonly form: TokenForm }> = ({
  reader,
  tokens,
  form,
}) => {
  const { text, csrf } = reader;
  const words = text.settings;
  return (
    <>
      <p class="muted">{words.tokensText}</p>
      {tokens.length === 0 ? (
        <Empty>{words.noTokens}</Empty>
      ) : (
        <table class="list">
          <caption class="hidden">{words.tokens}</caption>
          <thead>
            <tr>
              <th scope="col">{words.name}</th>
              <th scope="col">{words.role}</th>
              <th scope="col">{words.scope}</th>
              <th scope="col">{words.expiresAt}</th>
              <th scope="col">{words.since}</th>
              <th scope="col">
                <span class="hidden">{words.remove}</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {tokens.map((token) => (
              <TokenRow reader={reader} token={token} />
            ))}
          </tbody>
        </table>
      )}
      <Panel id="add-token" title={words.addToken}>
        <form method="post" action="/settings/tokens" class="narrow" novalidate>
          <input type="hidden" name="csrf" value={csrf} />
          <NameAndRole text={text} form={form} />
          <Field
            name="scope"
            label={words.scope}
            type="text"
            autocomplete="off"
            value={form.scope}
            hint={words.scopeHint}
            problem={form.problems.scope}
            required={false}
          />
          <Choice
            name="expires"
            label={words.expires}
            value={form.expires}
            options={expiries.map((one) => [one, words.expiries[one]])}
          />
          <button type="submit" class="main">
            {words.addToken}
          </button>
        </form>
      </Panel>
    </>
  );
};

const TokenRow: FC<Made & { readonly token: Token }> = ({ reader, token }) => {
  const { text, times } = reader;
  const words = text.settings;
  const { name, role, scope, expiresAt, createdAt, createdBy } = token;
  return (
    <tr>
      <th scope="row">
        <Foreign>{name}</Foreign>
      </th>
      <td data-label={words.role}>{text.roles[role]}</td>
      <td data-label={words.scope} class="wrap">
        {scope ? <Foreign>{scope.join(' ')}</Foreign> : words.scopeAll}
      </td>
      <td data-label={words.expiresAt}>
        {expiresAt === undefined ? words.always : <When reader={reader} at={expiresAt} form="exact" />}{' '}
        {isExpired(token, times.now) ? <Badge look="off">{words.over}</Badge> : null}
      </td>
      <td data-label={words.since}>
        <When reader={reader} at={createdAt} form="day" />{' '}
        <span class="muted">
          <Foreign>{words.addedBy(createdBy)}</Foreign>
        </span>
      </td>
      <td class="row-links">
        <a href={`/settings/tokens/${encodeURIComponent(name)}/remove`} aria-label={words.removeOf(name)}>
          {words.remove}
        </a>
      </td>
    </tr>
  );
};

/** Shows a token, once. */
export const NewToken: FC<Made & { readonly name: string; readonly token: string }> = ({
  reader: { text },
  name,
  token,
}) => (
  <div class="ask">
    <h1>{text.settings.newToken(name)}</h1>
    <p>{text.settings.newTokenText}</p>
    <p class="once">
      <code id="token">{token}</code>
    </p>
    <p>
      <a class="button main" href="/settings/tokens">
        {text.settings.backToTokens}
      </a>
    </p>
  </div>
);
