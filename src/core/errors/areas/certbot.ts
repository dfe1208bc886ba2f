import type { ErrorEntry } from '../error-entry.ts';

/** Command lines of certbot, where no general code of `usage/` fits: exit 2. */
export const certbot = {
  'usage/certbot-refused': {
    message: '{word} is refused: {reason}',
    blame: 'config',
    retry: 'never',
    hint: 'Leave out {word}.',
  },
  'usage/certbot-setting': {
    message: '{path}:{line}: certbot has no option "{key}"',
    blame: 'config',
    retry: 'never',
    hint: 'Correct or remove the line.',
  },
  'usage/certbot-not-taken-over': {
    message: 'certbot has {what} in {folder}, which certfleet has not taken over',
    blame: 'config',
    retry: 'never',
    hint: 'Take over what is there first, with `{command}`.',
  },
  'usage/certbot-no-plugin': {
    message: 'the command does not say how to answer the challenges of the CA',
    blame: 'config',
    retry: 'never',
    hint: 'Where port 80 is free, type `{command}`. Elsewhere, write --webroot -w FOLDER, --nginx, --apache, --dns-PROVIDER or --manual in place of --standalone.',
  },
  'usage/certbot-no-such-names': {
    message: 'there is no certificate with exactly these names ({names})',
    blame: 'config',
    retry: 'never',
    hint: 'Get it with `{command}`.',
  },
  'usage/certbot-more-names': {
    message: '-d names only some of the domains of {certificate}',
    blame: 'config',
    retry: 'never',
    hint: 'Leave out -d, and name the certificate with --cert-name {certificate}.',
  },
  'usage/certbot-some-names': {
    message: '{certificate} has some of these names ({names})',
    blame: 'config',
    retry: 'never',
    hint: 'Add --expand to give it all of them, or --cert-name to get another certificate.',
  },
  'usage/web-server-absent': {
    message: 'there is no {server} here: looked for {places}',
    blame: 'config',
    retry: 'never',
    hint: 'Name its program with {flag}, or use --webroot -w FOLDER.',
  },
  'usage/web-server-failed': {
    message: '`{command}` ended with {status}: {output}',
    blame: 'config',
    retry: 'never',
    hint: 'It has to print the configuration of the web server. Run it by hand, and correct what it complains about.',
  },
  'usage/web-server-silent': {
    message: '{server} does not answer challenges for {names} as it is configured: {reason}',
    blame: 'config',
    retry: 'never',
    hint: 'certfleet edits no configuration of a web server. {advice}',
  },
} as const satisfies Record<string, ErrorEntry>;
