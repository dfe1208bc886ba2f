import { expect, it } from 'vitest';
import { behaves, commandLine, jsonLines, type Row } from '../../../../test/support/command-line.ts';

it.each<Row>([
  {
    what: 'what the reference says of the code',
    argv: 'explain dns/cname-loop',
    stdout: `dns/cname-loop

“the CNAME records at {name} form a loop, or a chain of more than {limit}”

Correct the CNAME records.

Exit code 5 · for you to fix · \`certfleet renew\` tries again, with growing pauses
`,
    stderr: '',
  },
  {
    what: 'what the preflight checks, what each no means, and what to do',
    argv: 'explain preflight/no',
    says: [
      /CAA.*allow only other CAs.*Add/,
      /NXDOMAIN|does not exist.*Add an A or AAAA record/,
      /public address.*wrong answer.*lead to the solver/,
      /`dns\/zone-not-found`.*`preflight\/hides-wildcard`/,
      /--ignore-preflight.*--resolver/,
      /certfleet renew.*once a day/,
    ],
  },
  {
    what: 'no line is longer than the screen',
    argv: 'explain dns/cname-loop',
    columns: 60,
    says: [/^(.{0,60}\n)*$/],
  },
  {
    what: 'a code that is nearly one',
    argv: 'explain preflight/on',
    code: 2,
    warns: ['there is no error code "preflight/on"; did you mean "preflight/no"?'],
  },
  {
    what: 'a code whose area is known',
    argv: 'explain usage/whatever-this-is',
    code: 2,
    warns: ['there is no error code "usage/whatever-this-is"; available: usage/invalid, usage/unknown-command, '],
  },
  {
    what: 'all codes by area, without one',
    argv: 'explain',
    says: [
      /^usage \(exit code 2\)\n {2}usage\/invalid\n( {2}usage\/[a-z-]+\n)+\n/,
      /\n\ndns \(exit code 5\)\n( {2}dns\/[a-z-]+\n)+\n/,
    ],
    warns: ['`certfleet explain CODE` explains one.'],
  },
  {
    what: 'what every object has',
    argv: 'explain constructor',
    code: 2,
    warns: ['there is no error code "constructor"'],
  },
])('$what', behaves);

it('is an object with --json', async () => {
  expect(jsonLines(await commandLine().run('explain', 'dns/refused', '--json'))).toEqual([
    {
      v: 1,
      object: 'error',
      code: 'dns/refused',
      message: '{provider} refused to change {name}: {reason}',
      hint: 'Nothing was changed. {advice}',
      exitCode: 5,
      blame: 'config',
      retry: 'later',
    },
  ]);
});
