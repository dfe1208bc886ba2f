import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { isIPv4 } from 'node:net';
import { endianness } from 'node:os';
import type { ListenAddress } from '../../core/names/listen-address.ts';
import { present } from '../../core/text/present.ts';
import { isTrusted } from '../trust/effective-user.ts';

/** The state of a listening TCP socket in /proc/net/tcp (include/net/tcp_states.h). */
const listening = '0A';

const read = (path: string): string => {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
};

const list = (folder: string): readonly string[] => {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
};

/**
 * Reports whether a socket at an address, as /proc/net/tcp writes it, keeps others from listening at `host`: it is at
 * the same address, or one of them means all addresses. Words of four bytes are in the order of the processor.
 */
function blocks(address: string, host: string): boolean {
  if (/^[0:.]+$/.test(host) || /^0+$/.test(address)) return true;
  if (!isIPv4(host)) return address.length > 8;
  const bytes = host.split('.').map((byte) => Number(byte).toString(16).toUpperCase().padStart(2, '0'));
  return address.endsWith((endianness() === 'LE' ? bytes.reverse() : bytes).join(''));
}

/** Returns the inodes of the sockets that listen at an address, from the text of /proc/net/tcp or tcp6. */
export function listenersOf(table: string, { host, port }: ListenAddress): readonly string[] {
  const hexPort = port.toString(16).toUpperCase().padStart(4, '0');
  const inodes: string[] = [];
  for (const line of table.split('\n').slice(1)) {
    // sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode
    const fields = line.trim().split(/\s+/);
    const [address = '', itsPort] = fields[1]?.split(':') ?? [];
    const inode = fields[9];
    if (itsPort === hexPort && fields[3] === listening && blocks(address, host) && inode && inode !== '0')
      inodes.push(inode);
  }
  return inodes;
}

function holds(pid: string, links: ReadonlySet<string>): boolean {
  for (const descriptor of list(`/proc/${pid}/fd`)) {
    try {
      if (links.has(readlinkSync(`/proc/${pid}/fd/${descriptor}`))) return true;
    } catch {
      // The descriptor was closed since the listing, or belongs to another user.
    }
  }
  return false;
}

/** A process that listens on a port of this machine. */
export interface PortHolder {
  /** The kernel's name for the process: `nginx`. */
  readonly name: string;
  readonly pid: number;
  readonly isCertfleet: boolean;
  /** Whether SIGSTOP or a debugger stopped the process, so that it does not respond. */
  readonly isStopped: boolean;
  /** The effective UID, if it is neither root's nor this process's own. */
  readonly otherUser?: number;
}

/** Matches certfleet's command line, as a person or a supervisor runs it. */
const certfleetPath = /(^|\/)certfleet(\.[cm]?js|\/dist\/cli\.cjs)?$/;

/**
 * Finds the process that keeps others from listening at an address of this machine. Returns undefined if there is none or it cannot be
 * seen: it is another user's (unless root), in another network or PID namespace, or there is no /proc.
 */
export async function findPortHolder(at: ListenAddress): Promise<PortHolder | undefined> {
  const inodes = ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((table) => listenersOf(read(table), at));
  if (inodes.length === 0) return undefined;
  const links = new Set(inodes.map((inode) => `socket:[${inode}]`));
  const pids = list('/proc').filter((name) => /^\d+$/.test(name));
  // A parent comes before its workers: nginx's master opened the port, and a person would stop the master.
  const pid = pids.sort((a, b) => Number(a) - Number(b)).find((one) => holds(one, links));
  if (pid === undefined) return undefined;
  const uid = Number(/^Uid:\s+\d+\s+(\d+)/m.exec(read(`/proc/${pid}/status`))?.[1] ?? 0);
  return {
    ...present({ otherUser: isTrusted(uid) ? undefined : uid }),
    name: read(`/proc/${pid}/comm`).trim() || 'a process',
    pid: Number(pid),
    isCertfleet: read(`/proc/${pid}/cmdline`)
      .split('\0')
      .some((argument) => certfleetPath.test(argument)),
    // The state follows the name, which may contain anything and ends at the last parenthesis.
    isStopped: /\) [Tt] [^)]*$/.test(read(`/proc/${pid}/stat`)),
  };
}
