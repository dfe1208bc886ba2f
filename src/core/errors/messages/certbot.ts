import type { ErrorEntry } from '../error-entry.ts';

/** Command lines of certbot, where no general code of `usage/` fits: exit 2. */
export const certbot = {
  'usage/certbot-refused': {
    message: '{word} is not supported: {reason}',
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
    message: 'certbot has {what} in {folder}, but certfleet has not taken over that folder yet',
    blame: 'config',
    retry: 'never',
    hint: 'Take it over first: run `{command}`.',
  },
  'usage/certbot-no-plugin': {
    message: 'the command does not say how to answer the CA’s challenges',
    blame: 'config',
    retry: 'never',
    hint: 'If port 80 is free, run `{command}`. Otherwise, replace --standalone with --webroot -w FOLDER, --nginx, --apache, --dns-PROVIDER or --manual.',
  },
  'usage/certbot-no-such-names': {
    message: 'there is no certificate with exactly these names ({names})',
    blame: 'config',
    retry: 'never',
    hint: 'To get one, run `{command}`.',
  },
  'usage/certbot-more-names': {
    message: '-d names only some of the domains of {certificate}',
    blame: 'config',
    retry: 'never',
    hint: 'Leave out -d, and select the certificate with --cert-name {certificate}.',
  },
  'usage/certbot-some-names': {
    message: 'the certificate {certificate} covers only some of these names ({names})',
    blame: 'config',
    retry: 'never',
    hint: 'To add the others to it, use --expand. To get a separate certificate, use --cert-name.',
  },
  'usage/web-server-absent': {
    message: '{server} was not found on this machine: looked for {places}',
    blame: 'config',
    retry: 'never',
    hint: 'Give the path of its program with {flag}, or use --webroot -w FOLDER.',
  },
  'usage/web-server-failed': {
    message: '`{command}` exited with {status}: {output}',
    blame: 'config',
    retry: 'never',
    hint: 'certfleet reads the web server’s configuration from the output of this command. Run it by hand, and fix the errors that it reports.',
  },
  'usage/web-server-silent': {
    message: 'as configured, {server} does not answer challenges for {names}: {reason}',
    blame: 'config',
    retry: 'never',
    hint: 'certfleet does not edit the configuration of a web server. {advice}',
  },
} as const satisfies Record<string, ErrorEntry>;
