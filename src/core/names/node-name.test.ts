import { expect, it } from 'vitest';
import { isNodeName, nodeNameOf } from './node-name.ts';

it.each([
  ['web-1', 'web-1'],
  ['web-1.example.com', 'web-1.example.com'],
  ['Web_1', 'Web_1'],
  ['..', 'node'],
  ['', 'node'],
  ['.hidden', 'hidden'],
  ['a/b', 'a-b'],
  ['-x', 'x'],
  ['节点', 'node'],
  ['x'.repeat(253), 'x'.repeat(100)],
])('the host name %j makes the node %j', (host, node) => {
  expect(nodeNameOf(host)).toBe(node);
  expect(isNodeName(node)).toBe(true);
});

it.each(['', '.', '..', '../x', 'a/b', '-x', 'x'.repeat(101), 'a b', 'a\n'])('%j is no name of a node', (text) => {
  expect(isNodeName(text)).toBe(false);
});
