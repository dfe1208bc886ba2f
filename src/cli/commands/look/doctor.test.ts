import { describe, it } from 'vitest';
import { behaves, type Row } from '../../../../test/support/command-line.ts';
import type { DrawnPath } from '../../../fleet.ts';

const path = (...hops: DrawnPath['hops'][number][]): DrawnPath => ({
  ...{ certificate: 'abc', identifier: 'abc.example.com', challenge: 'http-01', solver: 'web' },
  hops,
});
const well = { at: 'name', state: 'well', finding: 'abc.example.com has 192.0.2.1' } as const;
const doubtful = {
  at: 'answer',
  state: 'cannot-tell',
  finding: 'silence',
  reason: 'hairpin-nat',
  advice: 'Ask.',
} as const;
const rule = {
  at: 'rule',
  state: 'broken',
  finding: 'taken',
  code: 'balancer/unsafe-rule',
  advice: 'Remove it.',
} as const;
const full = { at: 'room', state: 'broken', finding: '3 of 3', code: 'balancer/no-room', advice: 'Merge.' } as const;
const answer = { at: 'answer', state: 'broken', finding: 'wrong', code: 'preflight/no', advice: 'Look.' } as const;
describe('doctor', () => {
  it.each<Row>([
    {
      what: 'draws the path',
      argv: 'doctor abc',
      fleet: { doctor: [path(well, doubtful)] },
      stdout: [
        'abc: abc.example.com by http-01, solver web',
        '  ├ ✓ name      abc.example.com has 192.0.2.1',
        '  └ ? answer    silence',
        '                → Ask. (hairpin-nat)',
        '',
        'Doctor: 1 that cannot be told from here.',
        '',
      ].join('\n'),
    },
    {
      what: 'draws the targets below',
      argv: 'doctor abc',
      fleet: { doctor: [path(well)], targets: [{ certificate: 'abc', target: 'slb', hops: [full] }] },
      code: 5,
      says: [
        '  └ ✓ name      abc.example.com has 192.0.2.1\n\nabc: delivery to slb\n  └ ✗ room      3 of 3\n',
        'Doctor: 1 broken.',
      ],
    },
    {
      what: 'wraps to the screen',
      argv: 'doctor abc',
      columns: 60,
      fleet: { doctor: [path({ ...doubtful, finding: 'no answer '.repeat(8).trim() }, well)] },
      says: [
        /^ {2}├ \? answer {4}no answer no answer no answer no answer no\n {2}│ {13}answer/m,
        '  │             → Ask. (hairpin-nat)\n  └ ✓ name',
      ],
    },
    {
      what: 'ends with the code of what is broken',
      argv: 'doctor abc',
      fleet: { doctor: [path(well, answer)] },
      code: 3,
      says: ['  └ ✗ answer    wrong\n                → Look.', 'Doctor: 1 broken.'],
    },
    {
      what: 'ends with the code of what comes first',
      argv: 'doctor abc',
      fleet: { doctor: [path(well, rule, answer, doubtful)] },
      code: 5,
      says: ['Doctor: 2 broken, 1 that cannot be told from here.'],
    },
    {
      what: 'is quiet if nothing is broken',
      argv: 'doctor abc --quiet',
      fleet: { doctor: [path(doubtful)] },
      stdout: '',
    },
    {
      what: 'prints objects for programs',
      argv: 'doctor abc --json',
      fleet: { doctor: [path(well)] },
      stdout: `${JSON.stringify({ v: 1, object: 'path', ...path(well) })}\n`,
    },
  ])('$what', behaves);
});
