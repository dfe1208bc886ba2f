import { expect, it } from 'vitest';
import { commandLine } from '../../../../test/support/command-line.ts';
import type { IssueRequest } from '../../../fleet.ts';

it.each([
  ['stateless', 'no certificate has one'],
  ['stateless abc', 'abc answers with the solver webroot'],
])('%s says who answers instead', async (argv, sentence) => {
  const issued = await commandLine({}).run(...'issue -d a.example.com --name abc --http webroot:/w'.split(' '));
  const abc = (issued.calls[0] as IssueRequest).adHoc!;
  const done = await commandLine({ fleet: { stored: { abc } } }).run(...argv.split(' '));
  expect(done.code).toBe(2);
  expect(done.stderr.replaceAll(/\s+/g, ' ')).toContain(sentence);
});
