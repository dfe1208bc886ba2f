import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { AlibabaClb, AlibabaClbOptions } from './alibaba-clb.ts';
import { atEnd, repositoryRoot } from './service.ts';

type Methods = Pick<
  AlibabaClb,
  | 'snapshot'
  | 'calls'
  | 'inject'
  | 'clearFaults'
  | 'set'
  | 'setClockOffset'
  | 'setServerStopped'
  | 'endChanges'
  | 'settled'
>;

/** The fake in a process of its own, so that its work is not ours. Its methods are the handle's, one at a time. */
export interface AlibabaClbProcess {
  readonly endpoint: string;
  readonly pid: number;
  port(listenerPort: number, loadBalancer?: string): number;
  ask<Name extends keyof Methods>(
    method: Name,
    ...parameters: Parameters<Methods[Name]>
  ): Promise<Awaited<ReturnType<Methods[Name]>>>;
  stop(): Promise<void>;
}

export async function spawnAlibabaClb(options: AlibabaClbOptions): Promise<AlibabaClbProcess> {
  const script = join(repositoryRoot, 'test/support/alibaba-clb/process.ts');
  const child = spawn(process.execPath, ['--import', 'tsx', script], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = new Promise<void>((end) => child.once('exit', () => end()));
  const forget = atEnd(async () => {
    child.stdin.end();
    await ended;
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  let last: Promise<unknown> = Promise.resolve();
  const ask = (line: unknown): Promise<unknown> => {
    last = last.then(async () => {
      child.stdin.write(`${JSON.stringify(line)}\n`);
      const { value, done } = await lines.next();
      if (done) throw new Error('the fake load balancer has ended');
      return JSON.parse(value) as unknown;
    });
    return last;
  };
  const { endpoint, ports } = (await ask(options)) as { endpoint: string; ports: Record<string, number> };
  return {
    endpoint,
    pid: child.pid!,
    port(listenerPort, loadBalancer = options.loadBalancers[0]!.id) {
      const port = ports[`${loadBalancer}:${listenerPort}`];
      if (port === undefined) throw new Error(`${loadBalancer} has no listener on ${listenerPort}`);
      return port;
    },
    ask: (method, ...parameters) => ask({ do: method, with: parameters }) as never,
    async stop() {
      forget();
      child.stdin.end();
      await ended;
    },
  };
}
