import { createInterface } from 'node:readline';
import { type AlibabaClbOptions, startAlibabaClb } from '../alibaba-clb.ts';

// The fake as a process of its own (node --import tsx process.ts). The first line of its input are the options; it
// answers with its addresses. Each further line `{"do": METHOD, "with": ARGUMENTS}` calls a method of the handle and is
// answered by one line. The end of the input ends it.

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const say = (value: unknown): void => void process.stdout.write(`${JSON.stringify(value ?? null)}\n`);

const options = JSON.parse((await lines.next()).value ?? '') as AlibabaClbOptions;
const clb = await startAlibabaClb(options);
say({
  endpoint: clb.endpoint,
  ports: Object.fromEntries(
    options.loadBalancers.flatMap(({ id, listeners }) =>
      listeners.filter(({ protocol }) => protocol !== 'tcp').map(({ port }) => [`${id}:${port}`, clb.port(port, id)]),
    ),
  ),
});
for (;;) {
  const { value, done } = await lines.next();
  if (done) break;
  const asked = JSON.parse(value) as { do: string; with?: readonly unknown[] };
  const member = (clb as unknown as Record<string, unknown>)[asked.do];
  say(typeof member === 'function' ? await member(...(asked.with ?? [])) : member);
}
await clb.stop();
