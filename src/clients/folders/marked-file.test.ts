import { expect, it } from 'vitest';
import { fakeProcesses, identityOf } from '../../../test/support/fake-processes.ts';
import { temporaryOf } from '../../../test/support/left-temporaries.ts';
import { memoryFiles } from '../../../test/support/memory-files.ts';
import { systemClock } from '../../lib/clock.ts';
import { createMarkedFile, piece } from './marked-file.ts';

it('a change of the file removes what a killed process left beside it', async () => {
  const files = memoryFiles(() => systemClock.now());
  await files.makeFolders('/etc/haproxy', 0o755);
  const [dead, living] = [temporaryOf(identityOf(7)), temporaryOf(identityOf(8))];
  for (const name of ['map', dead, living]) await files.replace(`/etc/haproxy/${name}`, '', { mode: 0o644 });
  const world = { files, clock: systemClock, processes: fakeProcesses({ dead: new Set([7]) }) };
  const file = createMarkedFile({ world, path: '/etc/haproxy/map', balancer: '', missing: '', isOurs: () => true });
  await file.write([piece('cf-1', 'a b')], new AbortController().signal);
  expect(await files.list('/etc/haproxy')).toEqual(['map', living]);
});
