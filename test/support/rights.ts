import { spawnSync } from 'node:child_process';
import { findProgram } from './service.ts';
import type { Needed } from './vitest.ts';

// Namespaces and mounts, which a container often refuses, even to root. It depends on capabilities, on seccomp and on
// settings of the kernel, so each right is tried in the way in which the tests use it. What is mounted goes with its
// namespace.

const asRoot = process.getuid?.() === 0;

type Right = Extract<Needed, { works(): boolean }>;

function right(name: string, flags: readonly string[], script: string): Right {
  let works: boolean | undefined;
  const tries = () => {
    const unshare = findProgram('unshare', 'system');
    if (unshare === undefined) return false;
    const env = { PATH: `${process.env['PATH']}:/usr/sbin:/sbin` };
    return spawnSync(unshare, [...flags, 'sh', '-ec', script], { env, stdio: 'ignore' }).status === 0;
  };
  return { name, works: () => (works ??= tries()) };
}

/** For a program that finds files of the test in the places of the system's. */
export const mountsOfAUser = right(
  'the right to mount in a user namespace',
  ['--mount', '--map-root-user'],
  'mount --bind /etc/hosts /etc/hosts',
);

/** For programs that are to believe that they run on a machine of another name. */
export const ownHostName = right(
  'the right to make namespaces for host names',
  ['--uts', ...(asRoot ? [] : ['--map-root-user'])],
  'hostname own',
);
/** A prefix that runs a command on a machine of this name. */
export const onHost = (name: string): readonly string[] => [
  ...['unshare', '--uts', ...(asRoot ? [] : ['--map-root-user'])],
  ...['sh', '-c', 'hostname "$0" && exec "$@"', name],
];

/** For a server that also has a network of its own. */
export const ownNetwork = right(
  'the right to make network and mount namespaces',
  ['--net', '--mount', ...(asRoot ? [] : ['--map-root-user'])],
  'ip link set lo up; mount --bind /etc/hosts /etc/hosts',
);

/** For programs that are to believe that they run on a machine of their own. */
export const machines: Right = asRoot
  ? right(
      'the right to make namespaces for machines',
      ['--net', '--pid', '--uts', '--mount', '--fork', '--kill-child', '--mount-proc'],
      'hostname own; ip link set lo up',
    )
  : { name: 'the rights of root', works: () => false };

/** For what dockerd does to start a container. */
export const containers: Needed = asRoot
  ? right(
      'the right to make namespaces and to mount',
      ['--mount', '--net', '--pid', '--fork', '--kill-child'],
      `mount -t tmpfs tmpfs /mnt; mkdir /mnt/usr /mnt/proc; mount --bind /usr /mnt/usr
       mount -o remount,bind,ro /mnt/usr; mount -t proc proc /mnt/proc
       ip link set lo up; echo 0 > /proc/sys/net/ipv4/ip_unprivileged_port_start; chroot / true`,
    )
  : { name: 'the rights of root', works: () => false };
