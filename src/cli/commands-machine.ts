import type { Command } from './commands.ts';

/** Commands that set up this machine. */
export const commandsOfMachine: readonly Command[] = [
  {
    name: 'install-timer',
    summary: 'renew once an hour from now on, by systemd or cron',
    description:
      'Writes a systemd service and timer that run `certfleet renew`, which sweeps too, and starts the timer; without systemd, ' +
      'a file in /etc/cron.d. The minute is random, and stays the same when this is run again. Shows the files and asks ' +
      'before it writes them. Leaves files alone that it did not write.',
    flags: [
      { flags: '--print', description: 'show the files, and change nothing' },
      { flags: '--yes', description: 'do not ask' },
      { flags: '--cron', description: 'use cron even if the machine has systemd' },
      { flags: '--uninstall', description: 'stop the timer and remove its files' },
    ],
    examples: [
      { line: 'certfleet install-timer', why: 'show the files, ask, write them and start the timer' },
      { line: 'certfleet install-timer --store /srv/certfleet --yes', why: 'for another store, without a question' },
    ],
    load: async () => (await import('./install-timer.ts')).installTimer,
  },
];
