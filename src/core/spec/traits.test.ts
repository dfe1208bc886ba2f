import { expect, it } from 'vitest';
import { present } from '../text/present.ts';
import type { NamedAdapter } from './spec.ts';
import { nodeTargets } from './traits.ts';

const of: Readonly<Record<string, NamedAdapter['traits']>> = {
  files: { ofNode: 'target' },
  run: { ofNode: 'command' },
  again: { ofNode: 'command' },
  cloud: undefined,
};

it.each([
  ['files', 'files'],
  ['cloud', ''],
  ['cloud files', 'files'],
  ['run', 'run'],
  ['run cloud', 'run'],
  ['files run', 'files run'],
  ['cloud run', ''],
  ['cloud run again', ''],
  ['cloud run files again', 'files again'],
  ['cloud files run', 'files run'],
])('of the targets %j, a node has %j for itself', (names, own) => {
  const targets = names.split(' ').map((name): NamedAdapter => {
    return { name, settings: { type: name }, ...present({ traits: of[name] }) };
  });
  expect(
    nodeTargets({ targets })
      .map(({ name }) => name)
      .join(' '),
  ).toBe(own);
});
