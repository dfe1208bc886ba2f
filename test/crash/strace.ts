import { dirname } from 'node:path';
import { nameOf } from './trace.ts';

/** One system call that changes something outside the process. */
export interface Change {
  readonly call: string;
  /** Of a file; the new name if there are two. */
  readonly path?: string;
  /** Of a connection or a datagram. */
  readonly port?: number;
  readonly line: string;
}

/** The output of `strace -f`, in order: changes, and between them the marks of the tracing layer. */
export type Entry = { readonly change: Change } | { readonly mark: 'before' | 'after'; readonly effect: string };

/** The traced calls. `write` shows the marks; other files and connections are seen when they are opened. */
export const straceArguments = (output: string): readonly string[] => [
  'strace',
  '-f',
  '-qq',
  '-s',
  '300',
  '-e',
  `trace=${[...fileCalls, ...networkCalls, 'open', 'openat', 'openat2', 'creat', 'execve', 'execveat', 'write'].join(',')}`,
  '-o',
  output,
];

const fileCalls = [
  ...['rename', 'renameat', 'renameat2', 'link', 'linkat', 'symlink', 'symlinkat', 'unlink', 'unlinkat'],
  ...['mkdir', 'mkdirat', 'rmdir', 'mknod', 'mknodat', 'truncate', 'chmod', 'fchmodat', 'chown', 'lchown', 'fchownat'],
  ...['setxattr', 'lsetxattr', 'utimensat'],
];
const networkCalls = ['connect', 'sendto', 'sendmsg', 'sendmmsg'];

/** Flags that open a file for writing. */
const writes = /O_(WRONLY|RDWR|CREAT|TRUNC|APPEND)/;
/** Files of the system itself, without state. */
const systemFiles = /^\/(dev|proc|sys)\//;
/** What a lost file of the cache costs is time, so the tracing layer leaves it out (`test/support/own-root.ts`). */
const isCached = (path: string): boolean => path.startsWith(`${process.env['CERTFLEET_CODE_CACHE']}/`);

/**
 * Reads the output of strace.
 *
 * @param record the file to which the tracing layer appends its marks
 * @param ports the ports of the servers that the run uses
 */
export function readStrace(text: string, record: string, ports: readonly number[]): readonly Entry[] {
  const entries: Entry[] = [];
  const openFolders = trackFolders();
  let began = false;
  for (const traced of text.split('\n')) {
    const line = openFolders(traced);
    // `<... link resumed>` is the end of a call whose beginning was read already.
    const [, call, args] = /^\d+ +(\w+)\((.*)$/.exec(line) ?? [];
    if (call === undefined || args === undefined || failed(line)) continue;
    if (call === 'write') {
      const [, when, effect] = /^\d+, "(before|after) (.*)\\n", \d+/.exec(args) ?? [];
      if (effect !== undefined) entries.push({ mark: when as 'before' | 'after', effect });
      continue;
    }
    const change = changeOf(call, args, line, ports);
    if (!change || change.path === record) continue;
    // The first program is the run itself.
    if (call === 'execve' && !began) began = true;
    else entries.push({ change });
  }
  return entries;
}

/** Follows the folders that are opened as places, and names them in the paths that lead through their descriptors. */
function trackFolders(): (line: string) => string {
  const paths = new Map<string, string>();
  const opening = new Map<string, string>();
  return (traced) => {
    const line = traced.replace(/"\/proc\/self\/fd\/(\d+)/g, (whole, fd) =>
      paths.has(fd) ? `"${paths.get(fd)}` : whole,
    );
    const [, pid = '', rest = ''] = /^(\d+) +(.*)$/.exec(line) ?? [];
    const path = /^openat\([^"]*"([^"]*)", [^)]*O_PATH/.exec(rest)?.[1];
    if (path !== undefined) opening.set(pid, path);
    // `openat(…) = 21`, or `<... openat resumed>) = 21` after calls of other threads.
    const fd = /^(?:openat\(|<\.\.\. openat resumed>).* = (\d+)$/.exec(rest)?.[1];
    const opened = opening.get(pid);
    if (fd !== undefined && opened !== undefined) paths.set(fd, opened);
    if (!rest.endsWith('<unfinished ...>')) opening.delete(pid);
    return line;
  };
}

/** A failed call changed nothing, except a connection "in progress". */
const failed = (line: string): boolean => / = -1 (?!EINPROGRESS)/.test(line);

function changeOf(call: string, args: string, line: string, ports: readonly number[]): Change | undefined {
  if (networkCalls.includes(call)) {
    const port = Number(/sin6?_port=htons\((\d+)\)/.exec(args)?.[1]);
    return ports.includes(port) ? { call, port, line } : undefined;
  }
  const paths = [...args.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, path]) => path as string);
  if (call.startsWith('execve')) return { call, line };
  if (!fileCalls.includes(call) && !writes.test(args) && call !== 'creat') return undefined;
  // rename(old, new), link(old, new), symlink(target, new): the new name changes.
  const path = /^(rename|link|symlink)/.test(call) ? paths[1] : paths[0];
  return path === undefined || systemFiles.test(path) || isCached(path) ? undefined : { call, path, line };
}

/** Changes that no recorded effect in progress explains. */
export function uncovered(
  entries: readonly Entry[],
  folders: Readonly<Record<string, string>>,
  ports: Ports,
): readonly string[] {
  const open = new Map<string, number>();
  const found: string[] = [];
  for (const entry of entries) {
    if ('mark' in entry) open.set(entry.effect, (open.get(entry.effect) ?? 0) + (entry.mark === 'before' ? 1 : -1));
    else {
      const running = [...open].filter(([, count]) => count > 0).map(([effect]) => effect);
      if (!running.some((effect) => explains(effect, entry.change, folders, ports))) found.push(entry.change.line);
    }
  }
  return found;
}

/** The servers' addresses. */
export interface Ports {
  readonly ca: number;
  readonly dns: number;
  readonly web: number;
}

function explains(effect: string, change: Change, folders: Readonly<Record<string, string>>, ports: Ports): boolean {
  // step/kind/target#n; a target may contain slashes.
  const [, kind, target] = /^[^/]+\/([^/]+)\/(.*)#\d+$/.exec(effect) ?? [];
  if (kind === undefined || target === undefined) return false;
  if (change.port !== undefined) {
    if (change.port === ports.ca) return kind === 'request';
    if (change.port === ports.dns) return kind === 'ask' || kind === 'update';
    return kind === 'get' || kind === 'handshake';
  }
  if (change.path === undefined) return kind === 'start';
  const name = nameOf(change.path, folders);
  const folder = nameOf(dirname(change.path), folders);
  const isTemporary = /(^|\/)TMP$/.test(name);
  switch (kind) {
    case 'draft':
      return isTemporary && folder === target;
    case 'put':
      return name === target && change.call.startsWith('link');
    case 'create':
      // A folder with its files, or one file through a temporary one.
      return (
        `${name}/`.startsWith(`${target}/`) ||
        `${target}/`.startsWith(`${name}/`) ||
        (isTemporary && folder === targetFolder(target))
      );
    case 'replace':
    case 'rename':
      // The temporary file or link beside it, and the call that gives it its name.
      return name === target || (isTemporary && folder === targetFolder(target));
    case 'mkdir':
      return `${target}/`.startsWith(`${name}/`) && /^(mkdir|chmod|fchmodat)/.test(change.call);
    case 'remove':
      return name === target && change.call.startsWith('unlink');
    case 'rmdir':
      return name === target && /^(rmdir|unlinkat)/.test(change.call);
    case 'remove-folder':
      return `${name}/`.startsWith(`${target}/`) && /^(rmdir|unlink)/.test(change.call);
    default:
      return false;
  }
}

const targetFolder = (target: string): string => dirname(target);
