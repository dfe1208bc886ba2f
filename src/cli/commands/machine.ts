import type { Command, Flag } from './commands.ts';

/** The whole command line, for the commands that are generated from it. */
export interface WholeCommandLine {
  readonly commands: readonly Command[];
  readonly commandGroups: Readonly<Record<string, string>>;
  readonly globalFlags: readonly Flag[];
}

/** Commands that set up this machine. */
export const commandsOfMachine = (whole: () => WholeCommandLine): readonly Command[] => [
  {
    name: 'install-timer',
    summary: 'renew by itself from now on, by systemd or cron',
    description:
      'Writes a systemd service and timer that run `certfleet renew`, which sweeps too, and starts the timer; without systemd, ' +
      'a file in /etc/cron.d. The minute depends on the machine. Keeps the proxies, and the roots that this shell trusts. Shows the files and asks ' +
      'before it writes them. Leaves files alone that it did not write.',
    flags: [
      { flags: '--print', description: 'show the files, and change nothing' },
      { flags: '--yes', description: 'do not ask' },
      { flags: '--cron', description: 'use cron even if the machine has systemd' },
      {
        flags: '--daemon',
        description:
          'instead of the timer, let systemd keep `certfleet run` running: it starts with the machine, and again if it fails or hangs',
      },
      {
        flags: '--credential <name:path>',
        description:
          'a systemd credential for the unit, such as the key of the store; found by itself in /etc/credstore',
        list: true,
      },
      {
        flags: '--encrypted-credential <name:path>',
        description:
          'the same for a file that `systemd-creds encrypt` made; found by itself in /etc/credstore.encrypted',
        list: true,
      },
      { flags: '--uninstall', description: 'stop the timer and remove its files' },
    ],
    examples: [
      { line: 'certfleet install-timer', why: 'show the files, ask, write them and start the timer' },
      { line: 'certfleet install-timer --daemon', why: 'in place of the timer, a service that keeps running' },
      { line: 'certfleet install-timer --store /srv/certfleet --yes', why: 'for another store, without a question' },
    ],
    load: async () => (await import('../timers/install.ts')).installTimer,
  },
  {
    name: 'certbot',
    summary: 'do what a command line of certbot says',
    description:
      'Takes certbot’s commands certonly, run, renew, certificates, revoke, delete, reconfigure, register, show_account, ' +
      'update_account, unregister and plugins with their common flags, prints certfleet’s own form of the command, and runs it. Files go to /etc/letsencrypt/live/NAME, as with certbot.',
    arguments: { text: '[words...]', description: 'what is typed after `certbot`' },
    flags: [],
    examples: [
      {
        line: 'certfleet certbot certonly --webroot -w /var/www/html -d www.example.com --agree-tos',
        why: 'get a certificate',
      },
      { line: 'certfleet certbot renew --quiet', why: 'renew what is due' },
    ],
    asksPerson: true,
    load: async (parse) => (await import('../certbot/certbot.ts')).certbotOf(parse),
  },
  {
    name: 'completion',
    summary: 'print the completion script of a shell',
    description: 'The script also completes the names of certificates, if the user may read the store.',
    arguments: { text: '<shell>', description: 'bash, zsh or fish' },
    flags: [],
    examples: [
      { line: 'certfleet completion bash > /etc/bash_completion.d/certfleet', why: 'for all users of bash' },
      {
        line: 'certfleet completion zsh > /usr/local/share/zsh/site-functions/_certfleet',
        why: 'for all users of zsh',
      },
      { line: 'certfleet completion fish > ~/.config/fish/completions/certfleet.fish', why: 'for your own fish' },
    ],
    load: async () => (await import('../completion/completion.ts')).completionOf(whole()),
  },
];
