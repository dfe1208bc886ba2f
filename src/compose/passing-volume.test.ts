import { expect, it } from 'vitest';
import { passingVolume } from './passing-volume.ts';

const anonymous = `/var/lib/docker/volumes/${'0a'.repeat(32)}/_data`;
const emptyDir = '/var/lib/kubelet/pods/8d0c/volumes/kubernetes.io~empty-dir/state';
const mounts = (...lines: readonly (readonly [source: string, at: string])[]) =>
  [['/', '/'] as const, ...lines]
    .map(([source, at], index) => `${index + 20} 1 8:1 ${source} ${at} rw,relatime shared:1 - ext4 /dev/sda1 rw`)
    .join('\n');

it.each([
  ['docker run without -v', mounts([anonymous, '/var/lib/certfleet']), 'an anonymous volume'],
  ['an emptyDir', mounts([emptyDir, '/var/lib/certfleet']), 'an emptyDir'],
  ['a folder in it', mounts([anonymous, '/var/lib']), 'an anonymous volume'],
  ['a named volume', mounts(['/var/lib/docker/volumes/state/_data', '/var/lib/certfleet']), undefined],
  ['a folder of the host', mounts(['/home/me/letsencrypt', '/var/lib/certfleet']), undefined],
  ['a folder mounted over it', mounts([anonymous, '/var/lib/certfleet'], ['/srv', '/var/lib/certfleet']), undefined],
  ['a longer name', mounts([anonymous, '/var/lib/certfleet-old']), undefined],
  ['no container', mounts(), undefined],
  ['nothing to read', '', undefined],
])('%s', (_what, text, expected) => {
  expect(passingVolume(text, '/var/lib/certfleet')).toBe(expected);
});

it('knows a path with a blank', () => {
  expect(passingVolume(mounts([anonymous, '/srv/my\\040state']), '/srv/my state')).toBe('an anonymous volume');
});
