import type { ErrorEntry } from '../error-entry.ts';

/** Users, API tokens and logins: exit 2. */
export const access = {
  'access/user-exists': {
    message: 'there is a user {name} already',
    blame: 'config',
    retry: 'never',
    hint: 'Choose another name, or change the user with `certfleet user role` or `certfleet user password`.',
  },
  'access/fixed-targets': {
    message: 'only the configuration file says where private keys are sent, and "{name}" is about that',
    blame: 'config',
    retry: 'never',
    hint: 'With `changeTargets: true` in `pages` of the configuration file, administrators may change it here.',
  },
  'access/no-user': {
    message: 'there is no user {name}',
    blame: 'config',
    retry: 'never',
    hint: '`certfleet user list` shows them all.',
  },
  'access/user-name': {
    message: '"{name}" cannot be the name of a user: a name has {rule}',
    blame: 'config',
    retry: 'never',
    hint: 'Choose another name, such as ops or ann@example.com.',
  },
  'access/password': {
    message: '{reason}',
    blame: 'config',
    retry: 'never',
    hint: 'A few words that do not belong together make a good password.',
  },
  'access/last-admin': {
    message: '{name} is the last administrator',
    blame: 'config',
    retry: 'never',
    hint: 'Make another one first, with `certfleet user add --role admin` and a name.',
  },
  'access/has-users': {
    message: 'there are users already, so a link that makes the first one is not needed',
    blame: 'config',
    retry: 'never',
    hint: 'Set a new password with `certfleet user password`, or make another user with `certfleet user add`.',
  },
  'access/link-over': {
    message: 'the link is not valid any longer',
    blame: 'config',
    retry: 'never',
    hint: 'It is valid once, for 15 minutes, while there is no user. `certfleet user link` makes another one.',
  },
  'access/token-exists': {
    message: 'there is an API token {name} already',
    blame: 'config',
    retry: 'never',
    hint: 'Choose another name, or remove that one with `certfleet token remove`.',
  },
  'access/no-token': {
    message: 'there is no API token {name}',
    blame: 'config',
    retry: 'never',
    hint: '`certfleet token list` shows them all.',
  },
  'access/scope': {
    message: '"{scope}" cannot be the scope of a token: expected {rule}',
    blame: 'config',
    retry: 'never',
    hint: 'Without a scope, a token is for all certificates.',
  },
  'access/login': {
    message: 'an API token or a login is needed',
    blame: 'config',
    retry: 'never',
    hint: 'Send a valid token as `Authorization: Bearer TOKEN`. `certfleet token add` makes one.',
  },
  'access/role': {
    message: 'this needs the role {least}, and {name} has the role {role}',
    blame: 'config',
    retry: 'never',
    hint: 'An administrator can change the role of a user, or make another API token.',
  },
  'access/some-certificates': {
    message: 'the API token {name} is for some certificates only, and this is about all of them',
    blame: 'config',
    retry: 'never',
    hint: 'Use a token without a scope.',
  },
  'access/no-key-download': {
    message: 'private keys cannot be downloaded here',
    blame: 'config',
    retry: 'never',
    hint: 'With `keyDownload: true` in `pages` of the configuration file, administrators may. `certfleet export` writes them to a file.',
  },
  'access/password-needed': {
    message: 'this needs the password once more',
    blame: 'config',
    retry: 'never',
    hint: 'Send the password of the user who is logged in.',
  },
  'access/wrong-password': {
    message: 'the password is wrong',
    blame: 'config',
    retry: 'never',
    hint: 'Enter the password of the user who is logged in.',
  },
  'access/slow': {
    message: 'there were too many tries with wrong passwords',
    blame: 'config',
    retry: 'later',
    hint: 'Try again in {seconds} s.',
  },
  'access/foreign': {
    message: 'this request comes from a page of another site',
    blame: 'config',
    retry: 'never',
    hint: 'Open the pages of certfleet, and do it there.',
  },
  'access/other-login': {
    message: 'this form was made for another login',
    blame: 'config',
    retry: 'never',
    hint: 'Go back to the form in the browser, where what you typed still is, and send it again. If that is refused too, open the page anew.',
  },
} as const satisfies Record<string, ErrorEntry>;
