import { expect } from 'vitest';
import { createAccess } from '../../src/access/access.ts';
import type { CliContext, OpenFleet, StopSignal } from '../../src/cli/context.ts';
import { main } from '../../src/cli/main.ts';
import { fail } from '../../src/core/errors/errors.ts';
import type { RunEntry } from '../../src/core/history/run-entry.ts';
import type { Adoption, Found, UndoneImport } from '../../src/core/lineage/found.ts';
import { lineageNotFound } from '../../src/core/names/not-found.ts';
import type { Outcome } from '../../src/core/plan/outcome.ts';
import type { NamedIssuer, Settings, StoredSpec } from '../../src/core/spec/spec.ts';
import type {
  AccountRequest,
  AccountStatus,
  Ahead,
  BalancerTrialOf,
  BalancerTrialReport,
  ChangedAccount,
  Deleted,
  DeleteRequest,
  Directory,
  DnsTrialRequest,
  DrawnPath,
  DrawnTarget,
  Exported,
  ExportRequest,
  Fleet,
  IssueRequest,
  LimitsRequest,
  LimitsStatus,
  LineageStatus,
  LostRemoval,
  LostReport,
  NodeStatus,
  OpenAlarms,
  PauseOneRequest,
  PlanRequest,
  RenewRequest,
  RevokeAnswer,
  RevokeRequest,
  SweepReport,
  TrialReport,
} from '../../src/fleet.ts';
import type { FilesWithin, FolderGuard, ReadOptions } from '../../src/ports/files.ts';
import type { Reporter } from '../../src/ports/reporter.ts';
import type { World } from '../../src/ports/world.ts';
import { createMemoryStore } from '../../src/stores/memory.ts';
import { type FakeClock, fakeClock } from '../../src/testing/fake-clock.ts';
import { fakeProcesses } from './fake-processes.ts';
import { quickPasswords } from './quick-passwords.ts';

/** What a fake fleet returns; each may also be a function. */
export interface FakeAnswers {
  readonly issue?: (request: IssueRequest, at: FleetCall) => Promise<readonly Outcome[]> | readonly Outcome[];
  readonly renew?: (request: RenewRequest, at: FleetCall) => Promise<readonly Outcome[]> | readonly Outcome[];
  /** What is stored of certificates, by name. */
  readonly stored?: Readonly<Record<string, StoredSpec>>;
  /** Where these settings come from; by default from flags. */
  readonly origin?: 'configuration';
  /** `run` goes on until it is stopped. */
  readonly keepsRunning?: true;
  readonly status?: readonly LineageStatus[];
  readonly nodes?: readonly NodeStatus[];
  /** What is wrong with documents of the ledger. */
  readonly damagedLedger?: readonly string[];
  readonly alarms?: OpenAlarms['open'];
  readonly history?: readonly RunEntry[];
  readonly limits?: readonly LimitsStatus[];
  readonly plan?: Ahead;
  readonly doctor?: readonly DrawnPath[];
  readonly targets?: readonly DrawnTarget[];
  readonly sweep?: Partial<SweepReport>;
  readonly tryDns?: (request: DnsTrialRequest, signal: AbortSignal) => Promise<TrialReport> | TrialReport;
  readonly tryBalancer?: (
    request: BalancerTrialOf,
    signal: AbortSignal,
  ) => Promise<BalancerTrialReport> | BalancerTrialReport;
  readonly lost?: Partial<LostReport>;
  readonly delete?: Deleted;
  readonly revoke?: RevokeAnswer;
  readonly directory?: Directory;
  readonly accounts?: readonly AccountStatus[];
  /** What depends on the account that is changed. */
  readonly dependents?: readonly string[];
  readonly changed?: Partial<ChangedAccount>;
  readonly export?: Exported;
  readonly rollback?: Outcome;
  readonly dryRun?: readonly Outcome[];
  readonly adopted?: Adoption;
  readonly undone?: UndoneImport;
  /** What was said once in this store before. */
  readonly said?: readonly string[];
  readonly open?: () => void;
}

export interface FleetCall {
  readonly signal: AbortSignal;
  readonly reporter: Reporter;
  readonly clock: FakeClock;
}

interface DoctorCall {
  readonly doctor: readonly string[];
}

/** A call of `sweepLost`, with what to remove. */
interface LostCall {
  readonly lost: LostRemoval | undefined;
}

/** A call of `openAccount`. */
interface OpenCall {
  readonly open: NamedIssuer;
}

interface UndoCall {
  readonly undo: boolean;
}

interface AdoptCall {
  readonly found: Found;
}

export interface CommandLine {
  readonly files?: Readonly<Record<string, string>>;
  /** The mode of all files; default 0600. */
  readonly mode?: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly isTerminal?: boolean;
  readonly columns?: number;
  /** The answer typed to a question; undefined if there is no terminal. */
  readonly typed?: string | ((signal: AbortSignal) => Promise<string>);
  /** What a person makes of each text in the editor. */
  readonly edits?: (text: string) => string;
  readonly fleet?: FakeAnswers;
  /** What programs print, by their command. */
  readonly prints?: Readonly<Record<string, string>>;
  readonly program?: string;
}

/** What a command did. */
export interface Done {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Requests that reached the fleet; none if the command was refused before. */
  readonly calls: readonly (
    | IssueRequest
    | RenewRequest
    | DeleteRequest
    | RevokeRequest
    | ExportRequest
    | LimitsRequest
    | PlanRequest
    | { readonly rollback: string }
    | { readonly pause: PauseOneRequest }
    | { readonly resume: Omit<PauseOneRequest, 'reason'> }
    | { readonly forgetNode: string }
    | { readonly testAlarms: string }
    | { readonly dryRun: readonly string[] }
    | Omit<DnsTrialRequest, 'told'>
    | Omit<BalancerTrialOf, 'told'>
    | DoctorCall
    | LostCall
    | AdoptCall
    | UndoCall
    | AccountRequest
    | OpenCall
    | 'status'
    | 'sweep'
    | 'run'
    | 'respond'
    | 'respond until SIGHUP'
    | { readonly declare: readonly string[] }
  )[];
  readonly settings: Settings | undefined;
  /** Whether the store could have been created. */
  readonly madeStore: boolean;
  readonly closed: number;
  /** What `--log-file` got, by its path. */
  readonly logs: Readonly<Record<string, string>>;
  /** The files that were written. */
  readonly written: Readonly<Record<string, { readonly content: string; readonly mode: number }>>;
  /** Codes with which the process exited at once. */
  readonly exits: readonly number[];
}

/** The command line in a fake world with a fake fleet, without processes, files or real time. */
export function commandLine(given: CommandLine = {}) {
  const clock = fakeClock(new Date('2026-11-24T10:00:00Z'));
  const access = createAccess({ store: createMemoryStore(), clock, ...quickPasswords });
  const handlers = new Map<StopSignal | 'SIGHUP', Set<() => void>>([
    ['SIGINT', new Set()],
    ['SIGTERM', new Set()],
    ['SIGHUP', new Set()],
  ]);
  const state = { stdout: '', stderr: '', settings: undefined as Settings | undefined, madeStore: false, closed: 0 };
  const calls: Done['calls'][number][] = [];
  const exits: number[] = [];
  const logs: Record<string, string> = {};
  const written: Record<string, { readonly content: string; readonly mode: number }> = {};
  const files = given.files ?? {};
  const isFolder = (path: string) =>
    ['/', '/root', '/shared'].includes(path) || Object.keys(files).some((file) => file.startsWith(`${path}/`));
  const world = {
    clock,
    random: { number: () => 0.5 },
    // Asked whether a program is there, and for the configuration of web servers.
    processes: fakeProcesses({
      program: ({ command }) => ({
        status: command.at(-1)?.includes('missing') ? 127 : 0,
        stdout: given.prints?.[command.join(' ')] ?? '',
      }),
    }),
    files: {
      user: () => 0,
      read: async (path: string, { trusted, isWayTrusted }: ReadOptions = {}) => {
        const found = trusted && isWayTrusted && (await world.files.untrusted(path));
        if (found) throw trusted(found);
        if (files[path] !== undefined) return new TextEncoder().encode(files[path]);
        if (isFolder(path)) throw Object.assign(new Error(`EISDIR: it is a folder, read ${path}`), { code: 'EISDIR' });
        return undefined;
      },
      stat: async (path: string) =>
        files[path] !== undefined || isFolder(path)
          ? {
              kind: isFolder(path) ? 'folder' : path.startsWith('/dev/') ? 'other' : 'file',
              size: 1,
              mode: given.mode ?? 0o600,
              uid: 0,
              gid: 0,
              modifiedMs: 0,
            }
          : undefined,
      untrusted: async (path: string) =>
        path.startsWith('/shared')
          ? { path, reason: `${path} belongs to user 1000`, command: 'chown', change: 'root', needsRoot: true }
          : undefined,
      readLink: async () => undefined,
      makeFolders: async () => [],
      replace: async (path: string, content: string | Uint8Array, { mode }: { readonly mode: number }) => {
        written[path] = { content: typeof content === 'string' ? content : new TextDecoder().decode(content), mode };
      },
      list: async (folder: string) => {
        const names = Object.keys(files).filter((path) => path.startsWith(`${folder}/`));
        return names.length > 0
          ? [...new Set(names.map((path) => path.slice(folder.length + 1).split('/')[0]!))]
          : undefined;
      },
      within: async (
        folder: string,
        { isPrivate, refuse }: FolderGuard,
        work: (inside: FilesWithin) => Promise<unknown>,
      ) => {
        const { files } = world;
        const untrusted = isPrivate && (await files.untrusted(folder));
        if (untrusted) throw refuse(untrusted.reason);
        const create: FilesWithin['create'] = async (path, content, attributes) => {
          if (await files.stat(path)) return false;
          await files.replace(path, content, attributes);
          return true;
        };
        return work({ ...files, create } as unknown as FilesWithin);
      },
    },
  } as unknown as World;
  const openFleet: OpenFleet = async (settings, { reporter, makeStore }) => {
    given.fleet?.open?.();
    state.settings = settings;
    state.madeStore ||= makeStore;
    const fleet: Fleet = {
      settings: () => settings,
      issue: async (request, signal) => {
        calls.push(request);
        return (await given.fleet?.issue?.(request, { signal, reporter, clock })) ?? [];
      },
      renew: async (request, signal) => {
        calls.push(request);
        return (await given.fleet?.renew?.(request, { signal, reporter, clock })) ?? [];
      },
      run: async ({ source, ready }, signal) => {
        calls.push('run');
        ready();
        const forget = source.onAsk(async () => {
          const names = ({ certificates }: Settings) => certificates.map(({ name }) => name);
          calls.push({ declare: await source.read().then(names, (error: Error) => [error.message]) });
        });
        if (given.fleet?.keepsRunning && !signal.aborted)
          await new Promise((stopped) => signal.addEventListener('abort', stopped));
        forget();
      },
      respond: async () => {
        calls.push(handlers.get('SIGHUP')!.size > 0 ? 'respond' : 'respond until SIGHUP');
      },
      pause: async (request) => void calls.push({ pause: request }),
      resume: async (request) => void calls.push({ resume: request }),
      dryRun: async (request) => {
        calls.push({ dryRun: request.names });
        return given.fleet?.dryRun ?? [];
      },
      keptEnvironment: async () => ({}),
      stored: async (name) => {
        const spec = given.fleet?.stored?.[name];
        return spec && { spec, origin: given.fleet?.origin ?? 'command-line' };
      },
      caa: async () => [],
      stateless: async () => [],
      undoImport: async (_root, { dryRun }) => {
        calls.push({ undo: dryRun });
        return given.fleet?.undone ?? { certificates: [], restored: [] };
      },
      adopt: async (found) => {
        calls.push({ found });
        return given.fleet?.adopted ?? { accounts: [], certificates: [] };
      },
      history: async () => given.fleet?.history ?? [],
      limits: async (request) => {
        calls.push(request);
        return given.fleet?.limits ?? [];
      },
      plan: async (request) => {
        calls.push(request);
        const [from, until] = [clock.now().toISOString(), new Date(request.untilMs).toISOString()];
        return given.fleet?.plan ?? { from, until, certificates: [], days: [] };
      },
      nodes: async () => given.fleet?.nodes ?? [],
      alarms: async () => ({ open: given.fleet?.alarms ?? [], more: 0 }),
      damagedLedger: async () => (given.fleet?.damagedLedger ?? []).map((message) => ({ message, hint: '' })),
      forgetNode: async (node) => {
        calls.push({ forgetNode: node });
        return (given.fleet?.nodes ?? []).flatMap(({ running = [] }) => running.map(({ role }) => role));
      },
      testAlarms: async (name) => {
        calls.push({ testAlarms: name });
        return { type: 'slack' };
      },
      status: async (names) => {
        calls.push('status');
        return (given.fleet?.status ?? []).filter(({ name }) => names.length === 0 || names.includes(name));
      },
      doctor: async (names) => {
        calls.push({ doctor: names });
        return { paths: given.fleet?.doctor ?? [], targets: given.fleet?.targets ?? [] };
      },
      sweep: async () => {
        calls.push('sweep');
        return { cleaned: [], unsure: [], delivered: [], revoked: [], failed: [], waiting: 0, ...given.fleet?.sweep };
      },
      tryDns: async (request, signal) => {
        const { told: _told, ...asked } = request;
        calls.push(asked);
        if (!given.fleet?.tryDns) throw new Error('dns test was not expected');
        return given.fleet.tryDns(request, signal);
      },
      tryBalancer: async (request, signal) => {
        const { told: _told, ...asked } = request;
        calls.push(asked);
        if (!given.fleet?.tryBalancer) throw new Error('balancer test was not expected');
        return given.fleet.tryBalancer(request, signal);
      },
      owner: () => 'aaaaaaaaaaaa',
      access: async () => access,
      sweepLost: async (remove) => {
        calls.push({ lost: remove });
        return { lost: [], known: 0, removed: [], failed: [], ...given.fleet?.lost };
      },
      directory: async () => {
        if (!given.fleet?.directory) throw new Error('no directory was expected');
        return given.fleet.directory;
      },
      accounts: async () => given.fleet?.accounts ?? [],
      openAccount: async (issuer) => {
        calls.push({ open: issuer });
        return { url: 'https://ca.test/account/1', wasOpen: false };
      },
      accountDependents: async () => given.fleet?.dependents ?? [],
      changeAccount: async (request) => {
        calls.push(request);
        return { url: 'https://ca.test/account/1', thumbprint: 'print', contacts: [], ...given.fleet?.changed };
      },
      once: async (what) => given.fleet?.said?.includes(what) !== true,
      delete: async (request) => {
        calls.push(request);
        if (!given.fleet?.delete) throw lineageNotFound(request.name, []);
        return given.fleet.delete;
      },
      export: async (request) => {
        calls.push(request);
        if (!given.fleet?.export) throw fail('lineage/no-certificate', { name: request.name });
        await request.write(given.fleet.export);
      },
      rollback: async (name) => {
        calls.push({ rollback: name });
        if (!given.fleet?.rollback) throw fail('lineage/no-way-back', { name, reason: 'there is none' });
        return given.fleet.rollback;
      },
      revoke: async (request) => {
        calls.push(request);
        if (!given.fleet?.revoke) throw lineageNotFound(String(request.what), []);
        return given.fleet.revoke;
      },
      close: async () => {
        state.closed++;
      },
    };
    return fleet;
  };
  const size = given.columns === undefined ? {} : { columns: given.columns };
  const context: CliContext = {
    env: given.env ?? {},
    stdout: { write: (text) => (state.stdout += text), ...size },
    stderr: { write: (text) => (state.stderr += text), ...size },
    isTerminal: given.isTerminal ?? false,
    world,
    openFleet,
    signals: {
      on: (name, handler) => handlers.get(name)?.add(handler),
      off: (name, handler) => handlers.get(name)?.delete(handler),
    },
    exit: (code) => exits.push(code),
    openLogFile: (path) => {
      if (path.startsWith('/none/')) throw fail('usage/invalid', { what: `--log-file ${path}: no such folder` });
      logs[path] = '';
      return { write: (line) => (logs[path] += `${line}\n`), close: () => (logs[path] += '(closed)\n') };
    },
    ...(given.typed === undefined
      ? {}
      : {
          ask: async (question, stopped) => {
            state.stderr += `${question}\n`;
            return typeof given.typed === 'function' ? given.typed(stopped) : (given.typed ?? '');
          },
          askSecret: async (question, stopped) => {
            state.stderr += `${question}\n`;
            return typeof given.typed === 'function' ? given.typed(stopped) : given.typed;
          },
        }),
    ...(given.edits === undefined
      ? {}
      : {
          editFile: async (text) => {
            const edited = given.edits!(text);
            const path = '/tmp/edit/certfleet.yaml';
            written[path] = { content: edited, mode: 0o600 };
            return { text: edited, path, remove: async () => void delete written[path] };
          },
        }),
    ...(given.program === undefined ? {} : { program: given.program }),
  };
  return {
    clock,
    kill: (name: StopSignal | 'SIGHUP') => {
      for (const handler of handlers.get(name) ?? []) handler();
    },
    listening: () => [...handlers.values()].reduce((sum, set) => sum + set.size, 0),
    calls,
    state,
    exits,
    run: async (...argv: string[]): Promise<Done> => {
      const code = await main(argv, context);
      return { code, calls, exits, logs, written, ...state };
    },
  };
}

/** A row of a table: a command line and its result. */
export interface Row extends CommandLine {
  readonly what: string;
  /** Separated by blanks, or an array if one argument contains a blank. */
  readonly argv: string | readonly string[];
  /** Default 0. */
  readonly code?: number;
  /** The whole text. */
  readonly stdout?: string;
  readonly stderr?: string;
  /** Parts of stdout, and of stderr with its lines joined. */
  readonly says?: readonly (string | RegExp)[];
  readonly warns?: readonly (string | RegExp)[];
  /** Must not appear on either stream. */
  readonly never?: readonly (string | RegExp)[];
  readonly calls?: Done['calls'];
}

/** Runs one row: `it.each<Row>([…])('$what', behaves)`. */
export async function behaves({ argv, code = 0, says = [], warns = [], never = [], ...row }: Row): Promise<void> {
  const done = await commandLine(row).run(...(typeof argv === 'string' ? argv.split(' ') : argv));
  const { stdout, stderr, calls } = row;
  const whole = Object.entries({ stdout, stderr, calls }).filter(([, value]) => value !== undefined);
  expect(done).toMatchObject({ code, ...Object.fromEntries(whole) });
  const joined = done.stderr.replaceAll(/\s+/g, ' ');
  for (const part of says) expect(done.stdout).toMatch(part);
  for (const part of warns) expect(joined).toMatch(part);
  for (const part of never) expect(done.stdout + joined).not.toMatch(part);
}

/** The objects that `--json` prints, one per line. */
export const jsonLines = ({ stdout }: Done): readonly object[] =>
  stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as object);
