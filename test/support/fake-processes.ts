import type { Processes, ProcessIdentity, ProcessRequest, ProcessResult } from '../../src/ports/processes.ts';

/** What a program does; by default it ends with 0, and prints nothing. */
type Program = (request: ProcessRequest) => Partial<ProcessResult> | Promise<Partial<ProcessResult>>;

/** A process of this boot of this machine. */
export const identityOf = (pid: number): ProcessIdentity => ({ bootId: 'b', pidNamespace: 'n', pid, startTime: '1' });

const noProgram: Program = ({ command }) => {
  throw new Error(`no programs here, not even ${command[0]}`);
};

/** The port {@link Processes} as one simulated process has it. */
export function fakeProcesses({
  pid = 1,
  dead = new Set<number>(),
  program = noProgram,
}: {
  readonly pid?: number;
  /** The processes that have ended, as of now. */
  readonly dead?: { has(pid: number): boolean };
  /** What any program does that is run; unless given, none may be. */
  readonly program?: Program;
} = {}): Processes & { readonly ran: readonly ProcessRequest[] } {
  const ran: ProcessRequest[] = [];
  return {
    ran,
    self: () => identityOf(pid),
    look: (who) => (who.bootId !== 'b' ? 'unknown' : dead.has(who.pid) ? 'dead' : 'alive'),
    async run(request) {
      request.signal.throwIfAborted();
      ran.push(request);
      return { status: 0, stdout: '', stderr: '', ...(await program(request)) };
    },
    end: async () => undefined,
  };
}
