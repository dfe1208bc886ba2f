import { isMap, isPair, isSeq, LineCounter, parseDocument } from 'yaml';
import type { Problem } from './problems.ts';

// `yaml` knows the position of everything but takes six times as long as js-yaml, so import this module only to report
// problems.

/** The line of each problem, from 1: that of its key or value, or of the nearest parent that exists. */
export function linesOf(text: string, problems: readonly Problem[]): readonly (number | undefined)[] {
  const counter = new LineCounter();
  const document = parseDocument(text, { lineCounter: counter, uniqueKeys: false, logLevel: 'silent' });
  return problems.map((problem) => problem.line ?? lineAt(document.contents, problem, counter));
}

function lineAt(root: unknown, problem: Problem, counter: LineCounter): number | undefined {
  let node = root;
  let offset = startOf(root);
  for (const [index, part] of problem.path.entries()) {
    const last = index === problem.path.length - 1;
    if (isMap(node)) {
      const pair = node.items.find((item) => String((item.key as { value?: unknown } | null)?.value) === String(part));
      if (!isPair(pair)) break;
      offset = (last && !problem.onKey ? startOf(pair.value) : undefined) ?? startOf(pair.key) ?? offset;
      node = pair.value;
    } else if (isSeq(node) && typeof part === 'number') {
      if (node.items[part] === undefined) break;
      node = node.items[part];
      offset = startOf(node) ?? offset;
    } else break;
  }
  return offset === undefined ? undefined : counter.linePos(offset).line;
}

const startOf = (node: unknown): number | undefined =>
  (node as { range?: readonly number[] } | null | undefined)?.range?.[0];
