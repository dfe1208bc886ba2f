import type { FC } from 'hono/jsx';
import type { User } from '../../access/access.ts';
import { type Role, roles } from '../../core/access/role.ts';
import { Buttons, Field, NameAndRole, Options } from '../field.tsx';
import { Empty, Foreign, type Made, Panel, When } from '../parts.tsx';
import type { Reader } from '../reader.ts';

/** What a person typed to add a user, and what is wrong with it. Passwords must be typed again. */
export interface UserForm {
  readonly name: string;
  readonly role: Role;
  readonly problems: Readonly<Partial<Record<'name' | 'password' | 'again', string>>>;
}

export const userPath = (name: string, below: string): string => `/settings/users/${encodeURIComponent(name)}/${below}`;

const roleOptions = ({ text }: Reader) => roles.map((role) => [role, text.roles[role]] as const);

export const Users: FC<
  Made & {
    readonly users: readonly User[];
    readonly form: UserForm;
    /** Why the role of a user could not be changed. */
    readonly refused?: { readonly name: string; readonly role: Role; readonly message: string } | undefined;
  }
> = ({ reader, users, form, refused }) => {
  const { text, csrf } = reader;
  const words = text.settings;
  return (
    <>
      {users.length === 0 ? (
        <Empty>{words.noUsers}</Empty>
      ) : (
        <table class="list">
          <caption class="hidden">{words.users}</caption>
          <thead>
            <tr>
              <th scope="col">{words.name}</th>
              <th scope="col">{words.role}</th>
              <th scope="col">{words.since}</th>
              <th scope="col">{words.passwordSince}</th>
              <th scope="col">
                <span class="hidden">{words.change}</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {users.map((user) => (
              <UserRow reader={reader} user={user} refused={refused?.name === user.name ? refused : undefined} />
            ))}
          </tbody>
        </table>
      )}
      <Panel id="add-user" title={words.addUser}>
        <form method="post" action="/settings/users" class="narrow" novalidate>
          <input type="hidden" name="csrf" value={csrf} />
          <NameAndRole text={text} form={form} />
          <NewPassword reader={reader} problems={form.problems} />
          <button type="submit" class="main">
            {words.addUser}
          </button>
        </form>
      </Panel>
    </>
  );
};

const UserRow: FC<
  Made & {
    readonly user: User;
    readonly refused: { readonly role: Role; readonly message: string } | undefined;
  }
> = ({ reader, user: { name, role, createdAt, passwordAt }, refused }) => {
  const { text, csrf, who } = reader;
  const words = text.settings;
  const id = `role-of-${name}`;
  return (
    <tr>
      <th scope="row">
        <Foreign>{name}</Foreign>{' '}
        {who?.name === name && !who.isSocket ? <span class="muted">{text.inBrackets(words.you)}</span> : null}
      </th>
      <td data-label={words.role}>
        <form method="post" action={userPath(name, 'role')} class="in-row">
          <input type="hidden" name="csrf" value={csrf} />
          <select
            name="role"
            aria-label={words.roleOf(name)}
            aria-invalid={refused ? 'true' : undefined}
            aria-describedby={refused ? `${id}-problem` : undefined}
          >
            <Options value={refused?.role ?? role} options={roleOptions(reader)} />
          </select>
          <button type="submit" aria-label={`${words.change}${text.colon}${words.roleOf(name)}`}>
            {words.change}
          </button>
        </form>
        {refused ? (
          <span id={`${id}-problem`} class="problem" role="alert">
            {refused.message}
          </span>
        ) : null}
      </td>
      <td data-label={words.since}>
        <When reader={reader} at={createdAt} form="day" />
      </td>
      <td data-label={words.passwordSince}>
        <When reader={reader} at={passwordAt} form="day" />
      </td>
      <td class="row-links">
        <a href={userPath(name, 'password')} aria-label={words.newPasswordOf(name)}>
          {words.newPassword}
        </a>{' '}
        <a href={userPath(name, 'remove')} aria-label={words.removeOf(name)}>
          {words.remove}
        </a>
      </td>
    </tr>
  );
};

const NewPassword: FC<Made & { readonly problems: UserForm['problems'] }> = ({ reader: { text }, problems }) => (
  <>
    <Field
      name="password"
      label={text.settings.password}
      type="password"
      autocomplete="new-password"
      hint={text.settings.passwordHint}
      problem={problems.password}
    />
    <Field
      name="again"
      label={text.settings.again}
      type="password"
      autocomplete="new-password"
      problem={problems.again}
    />
  </>
);

/** Asks for the new password of a user. */
export const PasswordForm: FC<Made & { readonly name: string; readonly problems: UserForm['problems'] }> = ({
  reader,
  name,
  problems,
}) => {
  const { text, csrf } = reader;
  return (
    <div class="ask">
      <h1>{text.settings.newPasswordOf(name)}</h1>
      <p>{text.settings.passwordEnds}</p>
      <form method="post" class="narrow" novalidate>
        <input type="hidden" name="csrf" value={csrf} />
        {/* Tells a password manager whose it is. */}
        <input type="text" name="username" value={name} autocomplete="username" hidden />
        <NewPassword reader={reader} problems={problems} />
        <Buttons text={text} label={text.settings.setPassword} back="/settings/users" />
      </form>
    </div>
  );
};

/** Asks before a user or a token is removed. */
export const ConfirmRemoval: FC<Made & { readonly kind: 'users' | 'tokens'; readonly name: string }> = ({
  reader: { text, csrf },
  kind,
  name,
}) => {
  const words = text.settings;
  return (
    <div class="ask">
      <h1>{kind === 'users' ? words.removeUser(name) : words.removeToken(name)}</h1>
      <p>{kind === 'users' ? words.removeUserText : words.removeTokenText}</p>
      <form method="post">
        <input type="hidden" name="csrf" value={csrf} />
        <Buttons text={text} label={words.remove} back={`/settings/${kind}`} isDangerous />
      </form>
    </div>
  );
};
