import type { Command } from '../commands.ts';

/** Commands for people who move from another client. */
export const commandsOfMoving: readonly Command[] = [
  {
    name: 'import',
    summary: 'take over accounts, certificates and settings of another client',
    description:
      'Reads the files of another ACME client, stores its accounts, keys and certificates, and keeps how each is renewed: ' +
      'nothing is ordered, and nothing of the other client is changed. Prints each setting that works differently or was ' +
      'not taken over. Run it again at any time: what is already in the store stays as it is. Exits with 2 if a ' +
      'certificate could not be taken over; the others were. Afterwards it names the crontab or timer that still runs the ' +
      'other client. Of the others than certbot, the files that servers read are written on each renewal, too.',
    arguments: {
      text: '<client> [path]',
      description:
        'certbot, acme.sh, lego, dehydrated, uacme or traefik; and its folder (of Traefik its acme.json), if it is not the usual one',
    },
    flags: [
      { flags: '--dry-run', description: 'show what would be taken over, and write nothing' },
      {
        flags: '--in-place',
        description:
          'go on in the client’s own folder: renewed certificates get the files, links and numbers that certbot would give them, so no server configuration changes',
      },
      {
        flags: '--undo',
        description:
          'make the client’s folder as it was before the first renewal in place, and forget its certificates',
      },
      {
        flags: '--deploy <target>',
        description:
          'files:FOLDER, nginx:FOLDER or a declared deployer that gets the certificates; repeat the flag for several',
        list: true,
      },
    ],
    examples: [
      { line: 'certfleet import certbot --dry-run', why: 'see what would be taken over from /etc/letsencrypt' },
      { line: 'certfleet import certbot --in-place', why: 'take over /etc/letsencrypt itself' },
      {
        line: 'certfleet import certbot --deploy files:/etc/certs',
        why: 'take it over, and write the files elsewhere',
      },
      { line: 'certfleet import acme.sh', why: 'take over ~/.acme.sh' },
    ],
    load: async () => (await import('./import.ts')).importClient,
  },
];
