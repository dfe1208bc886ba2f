import fc from 'fast-check';
import { expect, it } from 'vitest';
import { programsIn } from '../spec/hooks.ts';
import { programsNamed } from './programs.ts';

/** What runs, in brackets what runs unless it is a folder, and in parentheses what may be an argument. */
const said = (command: string | readonly string[]) =>
  programsNamed(command, '/home/me')
    .map(({ path, as, isFolder, isPattern }) =>
      isPattern
        ? `{${path}}`
        : isFolder
          ? `${path}/*`
          : { program: path, file: `[${path}]`, argument: `(${path})` }[as],
    )
    .join(' ');

it.each<readonly [string | readonly string[], string]>([
  ['/opt/a', '/opt/a'],
  ['systemctl reload nginx', ''],
  ['/opt/a /etc/b.conf', '/opt/a (/etc/b.conf)'],
  ['A=/opt/a /opt/b', '(/opt/a) /opt/b'],
  ['cd /srv && /opt/a || /opt/b; /opt/c & /opt/d | /opt/e', '/srv /opt/a /opt/b /opt/c /opt/d /opt/e'],
  ['true\n/opt/a\n  /opt/b', '/opt/a /opt/b'],
  ['true \\\n/etc/x', '(/etc/x)'],
  ["'/opt/my hooks/a' x", '/opt/my hooks/a'],
  ['/opt/my\\ hooks/a', '/opt/my hooks/a'],
  ['"/opt/a"', '/opt/a'],
  ['if /opt/a; then /opt/b; else ! /opt/c; fi', '/opt/a /opt/b /opt/c'],
  ['( /opt/a ); { /opt/b; }', '/opt/a /opt/b'],
  ['(/opt/a)', '/opt/a'],
  ['sudo /opt/a', '/opt/a'],
  ['sudo -u www /opt/a', '/opt/a'],
  ['sh /opt/a.sh', '/opt/a.sh'],
  ['/bin/bash -e /opt/a.sh /etc/b', '/bin/bash /opt/a.sh [/etc/b]'],
  ['. /opt/a.sh', '/opt/a.sh'],
  ['env python3 /opt/a.py', '/opt/a.py'],
  ["sh -c 'cd; /opt/a && /opt/b'", '/opt/a /opt/b'],
  ["sh '/opt/my hooks/a'", '/opt/my hooks/a /opt/my'],
  ['echo $(/opt/a) `/opt/b`', '/opt/a /opt/b'],
  ['echo "$(/opt/a)"', '/opt/a'],
  ['cd /opt/x && ./hook.sh', '/opt/x'],
  ['cd /opt/x; sh x.sh', '/opt/x'],
  ['run-parts /opt/hooks.d', '/opt/hooks.d/*'],
  ['for f in /opt/hooks.d/*.sh; do sh $f; done', '/opt/hooks.d/*'],
  ['timeout 10 sh /opt/x.sh', '/opt/x.sh'],
  ['nice -n 5 sh /opt/x.sh', '/opt/x.sh'],
  ['flock /run/lock sh /opt/x.sh', '/run/lock /opt/x.sh'],
  ['env -i sh /opt/x.sh', '/opt/x.sh'],
  ['setsid -w sh /opt/x.sh', '/opt/x.sh'],
  ['stdbuf -oL /opt/x.sh', '/opt/x.sh'],
  ['bash -o pipefail /opt/x.sh', '/opt/x.sh'],
  ['python3 -W ignore /opt/x.py', '/opt/x.py'],
  ['python3 /root/a.py /home/b', '/root/a.py [/home/b]'],
  ['perl -I/opt/lib /root/a.pl', '/opt/lib /root/a.pl'],
  ['sh < /opt/x.sh', '/opt/x.sh'],
  ['cat /opt/x.sh | sh', '/opt/x.sh'],
  ['X=/opt/x.sh; sh $X', '/opt/x.sh'],
  ['PATH=/opt/x:$PATH hook.sh', '/opt/x'],
  ['export PATH="$PATH:/opt/x"; hook.sh', '/opt/x'],
  ['find /opt/x -name y.sh -exec {} \\;', '/opt/x'],
  ['find /opt/x -exec sh {} \\;', '/opt/x'],
  ['sh /opt/$X/a.sh', '/opt'],
  ['sh /opt/a.sh >> /var/log/a.log 2>/dev/null', '/opt/a.sh'],
  ['run < /etc/b', ''],
  ['true > /var/log/a 2>> /var/log/b', ''],
  ['true # /opt/a', ''],
  ['~/a; $HOME/b; "$HOME/c"', '/home/me/a /home/me/b /home/me/c'],
  ['$DIR/a; /opt/$X/a; ./a; a', '/a /opt'],
  ['D=/opt/x; $D/hook.sh', '(/opt/x) /opt/x/hook.sh'],
  ['export D=/opt; "$D"/x/hook.sh', '/opt/x/hook.sh'],
  // biome-ignore lint/suspicious/noTemplateCurlyInString: a shell's
  ['D=/opt/x/; ${D}hook.sh', '(/opt/x/) /opt/x/hook.sh'],
  ['D=/a; E=$D/b; [ -d $E ] && "$E/hook.sh"', '(/a) (/a/b) /a/b/hook.sh'],
  ['D=/a; D=/b; $D/hook.sh', '(/a) (/b) /a/hook.sh /b/hook.sh'],
  ['D=/opt/x; run --to $D/hook.sh', '(/opt/x) (/opt/x/hook.sh)'],
  ['/opt/a*/hook.sh', '/opt/* {/opt/a*/hook.sh}'],
  ['/opt/a*/b/*.sh', '/opt/* {/opt/a*/b/*.sh}'],
  ['/bin/s[h] /opt/x.sh', '/bin/* /opt/x.sh'],
  // biome-ignore lint/suspicious/noTemplateCurlyInString: a shell's
  ['${X:-/opt/hook.sh}', '/opt/hook.sh'],
  // biome-ignore lint/suspicious/noTemplateCurlyInString: a shell's
  ['${X-/opt/hook.sh} a', '/opt/hook.sh'],
  // biome-ignore lint/suspicious/noTemplateCurlyInString: a shell's
  ['"${X:=/opt/hook.sh}"', '/opt/hook.sh'],
  ['$NOPE/opt/hook.sh', '/opt/hook.sh'],
  ['S=sh; $S /opt/x.sh', '/opt/x.sh'],
  ['set -- /opt/x; $1/hook.sh', '/opt/x /hook.sh'],
  ['while read x; do $x; done </opt/x', '/opt/x'],
  ['D=/opt/x; read D < /opt/y; $D/z', '/opt/x /opt/y /opt/x/z'],
  ['cat /opt/x | $SHELL', '/opt/x'],
  ['$(cat /opt/x)', '/opt/x'],
  ['`cat /opt/x`', '/opt/x'],
  ['"$(cat /opt/x)"', '/opt/x'],
  ['bash -c "$\'/opt/hook.sh\'"', '/opt/hook.sh'],
  ["trap '/opt/hook.sh' EXIT", '/opt/hook.sh'],
  ['su root -c "sh /opt/x.sh"', '/opt/x.sh'],
  // Data, though the words have variables and globs.
  ['X=$(cat /etc/x); run --to /home/b', '(/etc/x) (/home/b)'],
  ['cp $RENEWED_LINEAGE/fullchain.pem /home/b/', '(/home/b/)'],
  ['cp /home/a/*.pem /home/b', '(/home/a/*.pem) (/home/b)'],
  ['[ -d /home/b ] && chown $USER /home/b', '(/home/b)'],
  ['run --hook=/opt/a --to /opt/b', '(/opt/a) (/opt/b)'],
  [programsIn('/etc/hooks/deploy'), '/etc/hooks/deploy/*'],
  [['/opt/a', '-x', '/opt/b'], '/opt/a (/opt/b)'],
  [['sh', '-c', 'true; /opt/a'], '/opt/a'],
])('%j: %s', (command, expected) => {
  expect(said(command)).toBe(expected);
});

it('ends for any text', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...' \n\'"\\;&|()`$><#/=a'), maxLength: 200 }), (text) => {
      programsNamed(text);
    }),
  );
});
